use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::context::Context;
use super::failure::Failure;
use super::function::{function, function_name};
use super::say::say;
use super::{FAILED, Globals, Outcome, progress};
use crate::aws;
use crate::migration::function::Function;
use crate::migration::schema;

/// `provisioner migrate`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner migrate --suffix dev1\n\
                        Run the command again after an interruption: it resumes where it stopped.")]
pub struct Migrate {
    /// Only this environment's database
    #[arg(long, value_enum)]
    environment: Option<Environment>,
    /// Show applied and pending migrations, without changing anything
    #[arg(long)]
    status: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Environment {
    Blue,
    Green,
}

impl Environment {
    fn name(self) -> &'static str {
        match self {
            Environment::Blue => "blue",
            Environment::Green => "green",
        }
    }
}

impl Migrate {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let environments = self.environment.map_or(vec![Environment::Blue, Environment::Green], |only| vec![only]);
        let names = environments.iter().map(|one| {
            Ok((one.name(), function_name(&context, &connection, &format!("{}_migrate_function", one.name()))?))
        });
        let names = names.collect::<Result<Vec<_>, Failure>>()?;
        if !self.status && !context.json() {
            let of: Vec<_> = names.iter().map(|(environment, _)| *environment).collect();
            progress::note(&format!(
                "migrating the database of {} (some seconds, longer for large tables)",
                of.join(" and ")
            ));
        }
        let mut failed = Vec::new();
        let calls = names.iter().map(|(_, name)| self.call(function(&context, &connection, name)));
        let all = futures::future::join_all(calls).await;
        for (environment, done) in names.iter().map(|(environment, _)| *environment).zip(all) {
            match done {
                Ok((_, answer)) if context.json() => {
                    let mut line = json!({"type": "migrated", "environment": environment});
                    if let (Value::Object(line), Value::Object(answer)) = (&mut line, answer) {
                        line.extend(answer);
                    }
                    progress::print_json(&line);
                }
                Ok((text, _)) => say!("{environment}: {text}"),
                Err(error) => {
                    if context.json() {
                        let message = error.to_string();
                        progress::print_json(
                            &json!({"type": "failed", "environment": environment, "message": message}),
                        );
                    }
                    failed.push((environment, error));
                }
            }
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
