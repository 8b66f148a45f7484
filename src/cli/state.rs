use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use futures::StreamExt;
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::engine::reference;
use crate::report::words;
use crate::state::{State as Contents, StateError, StepId};

/// `provisioner state`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner state list --suffix dev1\n  provisioner state mv blue/queues/old blue/queues/new \
                        --suffix dev1\n  provisioner state restore 20261121T101500.000000Z --suffix dev1\n\nThese \
                        commands don't call AWS, except for a state in S3. They edit the state under its lock, and keep \
                        every replaced state as a generation."
)]
pub struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the recorded steps
    List,
    /// Show the record of a step as JSON
    Show {
        /// The step, for example `blue/network/vpc`
        step: String,
    },
    /// Print the whole state on stdout
    Pull,
    /// Replace the state with the contents of a file
    Push {
        /// A file written by `state pull`; `-` for stdin
        file: PathBuf,
        /// Push even if the file is older than the state or has another lineage
        #[arg(long)]
        force: bool,
    },
    /// Rename a step without replacing its resource: the next apply changes its tag
    Mv {
        /// The current name
        from: String,
        /// The new name
        to: String,
    },
    /// Remove steps from the state: their resources stay in AWS, unmanaged
    Rm {
        /// The steps
        #[arg(required = true)]
        steps: Vec<String>,
    },
    /// List the kept generations, newest first
    History,
    /// Replace the state with an earlier generation
    Restore {
        /// A generation from `state history`
        generation: String,
    },
    /// Release the lock of a dead run before it expires
    Unlock {
        /// In a bucket: even if the run has renewed its lease and may be alive
        #[arg(long)]
        force: bool,
    },
}

impl State {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        match self.command {
            Command::List => list(&context).await,
            Command::Show { step } => show(&context, &step).await,
            Command::Pull => {
                print!("{}", contents(&context).await?.to_text());
                Ok(ExitCode::SUCCESS)
            }
            Command::Push { file, force } => push(&context, &file, force).await,
            Command::Mv { from, to } => {
                change(&context, "provisioner state mv", |state| {
                    let (from, to): (StepId, StepId) = (from.as_str().into(), to.as_str().into());
                    state.rename(&from, to.clone())?;
                    state.levers = state.levers.as_ref().map(|levers| reference::redirect(levers, &from, &to));
                    for text in state.outputs.values_mut() {
                        *text = reference::redirect_text(text, &from, &to);
                    }
                    Ok(())
                })
                .await?;
                say!(
                    "renamed {from} to {to}. The next `{}` changes the tag if the configuration has the step {to}. If it still has \
                     {from}, apply renames it back; if it has neither, apply deletes the resource",
                    context.command("apply")
                );
                Ok(ExitCode::SUCCESS)
            }
            Command::Rm { steps } => {
                change(&context, "provisioner state rm", |state| {
                    steps.iter().try_for_each(|step| state.forget(&step.as_str().into()))
                })
                .await?;
                say!("{} removed from the state; the resources stay in AWS", words::count(steps.len(), "step"));
                Ok(ExitCode::SUCCESS)
            }
            Command::History => history(&context).await,
            Command::Restore { generation } => restore(&context, &generation).await,
            Command::Unlock { force } => unlock(&context, force).await,
        }
    }
}

async fn contents(context: &Context) -> Result<Contents, Failure> {
    context.state().await?.ok_or_else(|| context.no_state())
}

async fn list(context: &Context) -> Outcome {
    let state = contents(context).await?;
    if context.json() {
        let record = |(step, record): (&StepId, &crate::state::Record)| json!({"step": step, "kind": record.kind, "region": record.region, "outputs": record.outputs});
        state.steps.iter().map(record).for_each(|line| progress::print_json(&line));
        progress::print_json(&json!({
            "type": "summary", "lineage": state.lineage, "serial": state.serial, "steps": state.steps.len(),
            "intents": state.intents.keys().collect::<Vec<_>>(), "deposed": state.deposed.keys().collect::<Vec<_>>(),
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let width = state.steps.keys().map(|step| step.0.len()).max().unwrap_or_default();
    for (step, record) in &state.steps {
        say!("{:width$}  {} in {}", step.0, record.kind, record.region);
    }
    for step in state.intents.keys() {
        say!("{:width$}  intent recorded, creation not confirmed: the next apply looks for it", step.0);
    }
    for step in state.deposed.keys() {
        say!("{:width$}  replaced, the deposed object is still to be deleted", step.0);
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, step: &str) -> Outcome {
    let state = contents(context).await?;
    let id = StepId::from(step);
    let found = json!({
        "record": state.steps.get(&id), "intent": state.intents.get(&id), "deposed": state.deposed.get(&id),
    });
    if found.as_object().is_some_and(|found| found.values().all(serde_json::Value::is_null)) {
        return Err(Failure::new(
            format!("the state has no step {step}"),
            format!("`{}` lists the steps", context.command("state list")),
        ));
    }
    say!("{found:#}");
    Ok(ExitCode::SUCCESS)
}

async fn push(context: &Context, file: &std::path::Path, force: bool) -> Outcome {
    let mut text = String::new();
    let (name, read) = match file.to_str() {
        Some("-") => ("stdin".to_owned(), std::io::stdin().read_to_string(&mut text)),
        _ => (
            file.display().to_string(),
            std::fs::read_to_string(file).map(|read| {
                text = read;
                text.len()
            }),
        ),
    };
    read.map_err(|error| Failure::new(format!("can't read {name}: {error}"), "nothing was changed"))?;
    let state = Contents::from_text(&name, &text).map_err(|error| match error {
        StateError::Damaged { what, .. } => Failure::new(
            format!("{name} is not a valid state: {what}"),
            "nothing was changed; push an unedited file from `provisioner state pull`",
        ),
        other => other.into(),
    })?;
    if state.suffix != context.suffix.as_ref() || state.system != context.system.name() {
        return Err(Failure::new(
            format!(
                "{name} belongs to {} {}, not to {} {}",
                state.system,
                state.suffix,
                context.system.name(),
                context.suffix
            ),
            "nothing was changed: check --suffix and the configuration",
        ));
    }
    if !force {
        // A damaged state fails here: replacing it needs --force.
        if let Some(there) = context.state().await? {
            let why = match () {
                () if there.lineage != state.lineage => "has another lineage: it was never the state of this system",
                () if there.serial > state.serial => "is older than the current state",
                () => "",
            };
            if !why.is_empty() {
                return Err(Failure::new(
                    format!("{name} {why}"),
                    "nothing was changed; set --force to push it anyway",
                ));
            }
        }
    }
    note_journal(context.store.replace(context.suffix.as_ref(), "provisioner state push", state).await?);
    say!("pushed {name} as the state of {}", context.suffix);
    Ok(ExitCode::SUCCESS)
}

/// Edits the state under its lock. An error leaves it unchanged.
async fn change(
    context: &Context,
    purpose: &str,
    change: impl FnOnce(&mut Contents) -> Result<(), crate::state::EditError>,
) -> Result<(), Failure> {
    let fresh = contents(context).await?;
    let mut session = context.store.open(context.suffix.as_ref(), purpose, || fresh).await?;
    session.change(change)?;
    session.finish().await?;
    Ok(())
}

async fn history(context: &Context) -> Outcome {
    let generations = context.store.generations(context.suffix.as_ref()).await?;
    // The number of steps helps to find the right generation.
    let reads = generations.iter().map(|generation| async {
        if generation.current {
            return context.store.read(context.suffix.as_ref()).await;
        }
        context.store.generation(context.suffix.as_ref(), &generation.id).await
    });
    let mut reads = futures::stream::iter(reads).buffered(8);
    for generation in &generations {
        let steps = match reads.next().await.expect("one result per generation") {
            Ok(Some(state)) => Some(state.steps.len()),
            // Deleted meanwhile.
            Ok(None) => continue,
            Err(StateError::Damaged { .. } | StateError::Journal { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let written = generation.written.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        if context.json() {
            progress::print_json(&json!({
                "generation": generation.id, "written": generation.written, "current": generation.current,
                "steps": steps, "damaged": steps.is_none(),
            }));
        } else {
            let contents = steps.map_or_else(|| "can't be read".to_owned(), |steps| words::count(steps, "step"));
            let current = if generation.current { "  current" } else { "" };
            say!("{}  {written}  {contents:>13}{current}", generation.id);
        }
    }
    if generations.iter().any(|generation| generation.id == "null") {
        progress::note("the bucket has no versioning, so no earlier generations exist: enable versioning");
    }
    if generations.is_empty() {
        progress::note(&format!("there are no generations of {}", context.store.name(context.suffix.as_ref())));
    }
    Ok(ExitCode::SUCCESS)
}

async fn restore(context: &Context, id: &str) -> Outcome {
    let suffix = context.suffix.as_ref();
    let current = context.store.generations(suffix).await?.into_iter().find(|generation| generation.current);
    if current.is_some_and(|current| current.id == id) {
        return Err(Failure::new(format!("{id} is already the current generation"), "nothing was changed"));
    }
    let Some(state) = context.store.generation(suffix, id).await? else {
        return Err(Failure::new(
            format!("there is no generation {id} of {}", context.store.name(suffix)),
            format!("nothing was changed; `{}` lists the generations", context.command("state history")),
        ));
    };
    note_journal(context.store.replace(suffix, "provisioner state restore", state).await?);
    say!("restored generation {id} of {suffix}; `{}` shows how AWS differs from it", context.command("plan"));
    Ok(ExitCode::SUCCESS)
}

fn note_journal(aside: Option<String>) {
    if let Some(aside) = aside {
        progress::note(&format!(
            "the journal can't be read and was moved to {aside}: `provisioner recover` finds resources that only it recorded"
        ));
    }
}

async fn unlock(context: &Context, force: bool) -> Outcome {
    let unlocked = context.store.unlock(context.suffix.as_ref(), force).await.map_err(|error| match error {
        StateError::Locked { path, holder } => Failure::new(
            format!("the lock {path} is held: {holder}"),
            "set --force only if that run is certainly dead: otherwise two runs work at the same time",
        ),
        other => other.into(),
    })?;
    match unlocked {
        Some(holder) => say!("released the lock of {holder}"),
        None => say!("{} is not locked", context.suffix),
    }
    Ok(ExitCode::SUCCESS)
}
