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
use crate::state::{State as Remembered, StateError, StepId};

/// `provisioner state`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner state list --suffix dev1\n  provisioner state mv blue/queues/old blue/queues/new \
                        --suffix dev1\n  provisioner state restore 20261121T101500.000000Z --suffix dev1\n\nNothing here \
                        asks or changes AWS, short of a state that is kept there: it changes what is remembered, under the \
                        lock, and every state that it replaces is kept as a generation."
)]
pub struct State {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// The steps that are remembered
    List,
    /// All that is remembered of one step, as JSON
    Show {
        /// The step: `blue/network/vpc`
        step: String,
    },
    /// The whole state, on stdout
    Pull,
    /// Put a state in the place of the one that is remembered
    Push {
        /// A file that `state pull` has written; `-` for stdin
        file: PathBuf,
        /// Also if it is older than what is remembered, or of another lineage
        #[arg(long)]
        force: bool,
    },
    /// Give a step another name, so that apply doesn't make it anew: the next apply changes its tag
    Mv {
        /// The step as it is called now
        from: String,
        /// And from now on
        to: String,
    },
    /// Forget steps: what they stand for stays in AWS, and nobody's
    Rm {
        /// The steps
        #[arg(required = true)]
        steps: Vec<String>,
    },
    /// The generations that were kept, the newest first
    History,
    /// Put a generation in the place of the state that is remembered
    Restore {
        /// One that `state history` lists
        generation: String,
    },
    /// Take the lock away from a run that is dead, where only time would free it
    Unlock {
        /// In a bucket: also from a run that has renewed its lease and may live
        #[arg(long)]
        force: bool,
    },
}

impl State {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        match self.command {
            Command::List => list(globals, &context).await,
            Command::Show { step } => show(&context, &step).await,
            Command::Pull => {
                print!("{}", remembered(&context).await?.to_text());
                Ok(ExitCode::SUCCESS)
            }
            Command::Push { file, force } => push(&context, &file, force).await,
            Command::Mv { from, to } => {
                change(&context, "provisioner state mv", |state| {
                    let (from, to): (StepId, StepId) = (from.as_str().into(), to.as_str().into());
                    state.rename(&from, to.clone())?;
                    state.levers = state.levers.as_ref().map(|levers| reference::renamed(levers, &from, &to));
                    for text in state.outputs.values_mut() {
                        *text = reference::renamed_in_text(text, &from, &to);
                    }
                    Ok(())
                })
                .await?;
                say!(
                    "{from} is {to} from now on: `provisioner apply` changes its tag if the configuration has such a step. If it has \
                     {from} still, apply takes it back as that; if it has neither, apply deletes it"
                );
                Ok(ExitCode::SUCCESS)
            }
            Command::Rm { steps } => {
                change(&context, "provisioner state rm", |state| {
                    steps.iter().try_for_each(|step| state.forget(&step.as_str().into()))
                })
                .await?;
                say!("{} forgotten; what they stood for stays in AWS", words::count(steps.len(), "step"));
                Ok(ExitCode::SUCCESS)
            }
            Command::History => history(globals, &context).await,
            Command::Restore { generation } => restore(&context, &generation).await,
            Command::Unlock { force } => unlock(&context, force).await,
        }
    }
}

async fn remembered(context: &Context) -> Result<Remembered, Failure> {
    let Some(state) = context.state().await? else {
        let message = format!("there is no state {}", context.store.name(context.suffix.as_ref()));
        return Err(Failure::new(message, "check --suffix and --state; `provisioner apply` makes one"));
    };
    Ok(state)
}

async fn list(globals: &Globals, context: &Context) -> Outcome {
    let state = remembered(context).await?;
    if globals.json {
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
        say!("{:width$}  announced, and not known to stand: `provisioner apply` looks for it", step.0);
    }
    for step in state.deposed.keys() {
        say!("{:width$}  replaced, and its old self still to be deleted", step.0);
    }
    Ok(ExitCode::SUCCESS)
}

async fn show(context: &Context, step: &str) -> Outcome {
    let state = remembered(context).await?;
    let id = StepId::from(step);
    let found = json!({
        "record": state.steps.get(&id), "intent": state.intents.get(&id), "deposed": state.deposed.get(&id),
    });
    if found.as_object().is_some_and(|found| found.values().all(serde_json::Value::is_null)) {
        return Err(Failure::new(
            format!("the state knows no step {step}"),
            "`provisioner state list` shows all of them",
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
    let state = Remembered::from_text(&name, &text).map_err(|error| match error {
        StateError::Damaged { what, .. } => Failure::new(
            format!("{name} is no state that can be read: {what}"),
            "nothing was changed; push what `provisioner state pull` has written, unchanged",
        ),
        other => other.into(),
    })?;
    if state.suffix != context.suffix.as_ref() || state.system != context.system.name() {
        return Err(Failure::new(
            format!(
                "{name} is of {} {}, not of {} {}",
                state.system,
                state.suffix,
                context.system.name(),
                context.suffix
            ),
            "nothing was changed: check --suffix and the configuration",
        ));
    }
    if !force {
        // What is damaged can't tell its age: that takes --force.
        if let Some(there) = context.state().await? {
            let why = match () {
                () if there.lineage != state.lineage => "is of another lineage: it never was this system's state",
                () if there.serial > state.serial => "is older than what is remembered",
                () => "",
            };
            if !why.is_empty() {
                return Err(Failure::new(
                    format!("{name} {why}"),
                    "nothing was changed; --force puts it there all the same",
                ));
            }
        }
    }
    tell_of_journal(context.store.replace(context.suffix.as_ref(), "provisioner state push", state).await?);
    say!("{name} is the state of {} from now on", context.suffix);
    Ok(ExitCode::SUCCESS)
}

/// Changes what is remembered, under the lock, or leaves all as it was.
async fn change(
    context: &Context,
    purpose: &str,
    change: impl FnOnce(&mut Remembered) -> Result<(), crate::state::EditError>,
) -> Result<(), Failure> {
    let fresh = remembered(context).await?;
    let mut session = context.store.open(context.suffix.as_ref(), purpose, || fresh).await?;
    session.change(change)?;
    session.finish().await?;
    Ok(())
}

async fn history(globals: &Globals, context: &Context) -> Outcome {
    let generations = context.store.generations(context.suffix.as_ref()).await?;
    // What is in each, so that people know which one they want.
    let looks = generations.iter().map(|generation| async {
        if generation.current {
            return context.store.read(context.suffix.as_ref()).await;
        }
        context.store.generation(context.suffix.as_ref(), &generation.id).await
    });
    let mut looks = futures::stream::iter(looks).buffered(8);
    for generation in &generations {
        let steps = match looks.next().await.expect("one of each") {
            Ok(Some(state)) => Some(state.steps.len()),
            // It was let go since.
            Ok(None) => continue,
            Err(StateError::Damaged { .. } | StateError::Journal { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let written = generation.written.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        if globals.json {
            progress::print_json(&json!({
                "generation": generation.id, "written": generation.written, "current": generation.current,
                "steps": steps, "damaged": steps.is_none(),
            }));
        } else {
            let holds = steps.map_or_else(|| "can't be read".to_owned(), |steps| words::count(steps, "step"));
            let counts = if generation.current { "  the one that counts" } else { "" };
            say!("{}  {written}  {holds:>13}{counts}", generation.id);
        }
    }
    if generations.iter().any(|generation| generation.id == "null") {
        progress::note("the bucket keeps no versions, so this is all there is: turn its versioning on");
    }
    if generations.is_empty() {
        progress::note(&format!("no generation of {} was kept", context.store.name(context.suffix.as_ref())));
    }
    Ok(ExitCode::SUCCESS)
}

async fn restore(context: &Context, id: &str) -> Outcome {
    let suffix = context.suffix.as_ref();
    let counts = context.store.generations(suffix).await?.into_iter().find(|generation| generation.current);
    if counts.is_some_and(|counts| counts.id == id) {
        return Err(Failure::new(format!("{id} is the one that counts already"), "nothing was changed"));
    }
    let Some(state) = context.store.generation(suffix, id).await? else {
        return Err(Failure::new(
            format!("there is no generation {id} of {}", context.store.name(suffix)),
            "`provisioner state history` lists those that were kept; nothing was changed",
        ));
    };
    tell_of_journal(context.store.replace(suffix, "provisioner state restore", state).await?);
    say!("the generation {id} is the state of {suffix} again; `provisioner plan` shows how AWS differs from it");
    Ok(ExitCode::SUCCESS)
}

fn tell_of_journal(aside: Option<String>) {
    if let Some(aside) = aside {
        progress::note(&format!(
            "the journal can't be read and was put aside, to {aside}: `provisioner recover` finds what it alone knew"
        ));
    }
}

async fn unlock(context: &Context, force: bool) -> Outcome {
    let unlocked = context.store.unlock(context.suffix.as_ref(), force).await.map_err(|error| match error {
        StateError::Locked { path, holder } => Failure::new(
            format!("the lock {path} is held: {holder}"),
            "if that run is surely dead, `provisioner state unlock --force` doesn't wait; if it lives, two would be at work",
        ),
        other => other.into(),
    })?;
    match unlocked {
        Some(holder) => say!("the lock was taken away from {holder}"),
        None => say!("nobody holds the lock of {}", context.suffix),
    }
    Ok(ExitCode::SUCCESS)
}
