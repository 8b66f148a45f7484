//! Lambda functions of a system that commands invoke.

use super::apply::outputs;
use super::context::{Connection, Context};
use super::failure::Failure;
use crate::migration::function::Function;

/// The name of a function, from an output of the system.
pub fn function_name(context: &Context, connection: &Connection, output: &str) -> Result<String, Failure> {
    let Some(state) = &connection.state else { return Err(context.no_state()) };
    outputs(state).remove(output).ok_or_else(|| {
        let system = context.system.name();
        Failure::new(
            format!("{} of {system} has no output {output}", context.suffix),
            format!("if {system} has that function, create it with `{}`", context.command("apply")),
        )
    })
}

/// A handle to invoke it.
pub fn function<'a>(context: &'a Context, connection: &'a Connection, name: &'a str) -> Function<'a> {
    Function { cloud: &connection.shared.cloud, region: context.system.region(), name }
}
