//! The functions of a system that commands call.

use super::apply::outputs;
use super::context::{Connection, Context};
use super::failure::Failure;
use crate::migration::function::Function;

/// The function whose name is this output of the system.
pub fn named(context: &Context, connection: &Connection, output: &str) -> Result<String, Failure> {
    let Some(state) = &connection.state else {
        return Err(Failure::new(format!("there is no state of {}", context.suffix), "run `provisioner apply` first"));
    };
    outputs(state).remove(output).ok_or_else(|| {
        let system = context.system.name();
        Failure::new(
            format!("{} of {system} tells no {output}", context.suffix),
            format!("if {system} has that function, run `provisioner apply`: it doesn't stand yet"),
        )
    })
}

/// How it is called.
pub fn function<'a>(context: &'a Context, connection: &'a Connection, name: &'a str) -> Function<'a> {
    Function { cloud: &connection.shared.cloud, region: context.system.region(), name }
}
