use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::context::{Connection, Context};
use super::failure::Failure;
use super::function::{function, function_name};
use super::say::say;
use super::{FAILED, Globals, Outcome, progress};
use crate::aws;
use crate::migration::function::Function;
use crate::migration::schema;

/// The end of the names of outputs that name a migration function; the environment comes before it.
const MIGRATE_FUNCTION: &str = "_migrate_function";

/// `provisioner migrate`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner migrate --suffix dev1\n\
                        Run the command again after an interruption: it resumes where it stopped.")]
pub struct Migrate {
    /// Only the database of this environment, for example green
    #[arg(long, value_name = "NAME")]
    environment: Option<String>,
    /// Show applied and pending migrations, without changing anything
    #[arg(long)]
    status: bool,
}

impl Migrate {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let environments = self.environments(&context, &connection)?;
        let names = environments
            .iter()
            .map(|environment| function_name(&context, &connection, &format!("{environment}{MIGRATE_FUNCTION}")));
        let names = names.collect::<Result<Vec<_>, Failure>>()?;
        if !self.status && !context.json() {
            progress::note(&format!(
                "migrating the database of {} (some seconds, longer for large tables)",
                environments.join(" and ")
            ));
        }
        let calls = names.iter().map(|name| self.call(function(&context, &connection, name)));
        let results = futures::future::join_all(calls).await;
        let mut failed = Vec::new();
        for (environment, result) in environments.iter().zip(results) {
            print(&context, environment, &result);
            failed.extend(result.err().map(|error| (environment, error)));
        }
        if context.json() {
            progress::print_json(&json!({
                "type": "summary", "failed": failed.len(), "api_calls": connection.api_calls(),
                "seconds": start.elapsed().as_secs_f64(),
            }));
        }
        for (environment, error) in failed.iter().filter(|_| !context.json()) {
            let (help, again) = (error.help.clone().unwrap_or_default(), context.command("migrate"));
            let help = format!("{help}\nfix this, then run `{again}` again: it resumes where it stopped");
            Failure::new(format!("{environment}: {error}"), help.trim_start().to_owned())
                .print(&|command| context.command(command));
        }
        Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
    }

    /// The environments to migrate: the selected one, else all that have a migration function.
    fn environments(&self, context: &Context, connection: &Connection) -> Result<Vec<String>, Failure> {
        if let Some(only) = &self.environment {
            return Ok(vec![only.clone()]);
        }
        let state = connection.state.as_ref().ok_or_else(|| context.no_state())?;
        // Those that aren't created yet too, so that a partial migration is refused.
        let environments = state.outputs.keys().filter_map(|output| output.strip_suffix(MIGRATE_FUNCTION));
        let environments: Vec<_> = environments.map(str::to_owned).collect();
        if environments.is_empty() {
            let system = context.system.name();
            return Err(Failure::new(
                format!("{} of {system} has no database to migrate", context.suffix),
                format!("if {system} has migration functions, create them with `{}`", context.command("apply")),
            ));
        }
        Ok(environments)
    }

    /// The result, as text and as JSON.
    async fn call(&self, function: Function<'_>) -> aws::Result<(String, Value)> {
        if self.status {
            let status = schema::status(&function).await?;
            return Ok((status_text(&status), json!(status)));
        }
        let applied = schema::apply(&function).await?;
        Ok((applied_text(&applied), json!(applied)))
    }
}

/// Prints the result for an environment. For people, errors are printed at the end.
fn print(context: &Context, environment: &str, result: &aws::Result<(String, Value)>) {
    match result {
        Ok((_, answer)) if context.json() => {
            let mut line = json!({"type": "migrated", "environment": environment});
            if let (Value::Object(line), Value::Object(answer)) = (&mut line, answer.clone()) {
                line.extend(answer);
            }
            progress::print_json(&line);
        }
        Ok((text, _)) => say!("{environment}: {text}"),
        Err(error) if context.json() => {
            let message = error.to_string();
            progress::print_json(&json!({"type": "failed", "environment": environment, "message": message}));
        }
        Err(_) => {}
    }
}

fn applied_text(done: &schema::Applied) -> String {
    match done.applied.as_slice() {
        [] => format!("nothing to do, the schema is at version {}", done.version),
        applied => format!("applied {}; the schema is at version {}", applied.join(", "), done.version),
    }
}

fn status_text(status: &schema::Status) -> String {
    let list = |names: &[String]| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    format!("version {}; applied: {}; pending: {}", status.version, list(&status.applied), list(&status.pending))
}
