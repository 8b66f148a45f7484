use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::apply::outputs;
use super::context::Context;
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};

/// `provisioner output`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner output dashboard_url --suffix dev1")]
pub struct Output {
    /// Print only the value of this output
    name: Option<String>,
}

impl Output {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let Some(state) = context.state().await? else {
            return Err(context.no_state());
        };
        let outputs = outputs(&state);
        match self.name {
            None if context.json() => progress::print_json(&json!(outputs)),
            None => outputs.iter().for_each(|(name, value)| say!("{name} = {value}")),
            Some(name) => match outputs.get(&name) {
                Some(value) if context.json() => progress::print_json(&json!(value)),
                Some(value) => say!("{value}"),
                None => {
                    let known: Vec<_> = outputs.keys().map(String::as_str).collect();
                    return Err(Failure::new(
                        format!("there is no output {name}"),
                        format!("the outputs are {}", known.join(", ")),
                    ));
                }
            },
        }
        Ok(ExitCode::SUCCESS)
    }
}
