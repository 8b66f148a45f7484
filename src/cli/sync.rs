use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Connection, Context};
use super::failure::Failure;
use super::own_function::{function, named};
use super::say::say;
use super::{FAILED, Globals, Outcome, progress};
use crate::migration::function::Function;
use crate::migration::sync::{self, Comparison, State};
use crate::report::words;

/// `provisioner sync`
#[derive(Debug, Args)]
#[command(after_help = "Example: provisioner sync run-once --suffix dev1 && provisioner sync verify --suffix dev1")]
pub struct Sync {
    #[command(subcommand)]
    action: Action,
}

#[derive(Clone, Copy, Debug, Subcommand)]
enum Action {
    /// Take over every minute what changed in blue
    Start,
    /// Take over no more; a run that is under way stops
    Stop,
    /// Show how far it is: rows, lag, rate, time left, rows in quarantine
    Status,
    /// Compare both databases, and name the rows that differ; exit 1 if any does
    Verify,
    /// Take over all that changed by now, whether it is started or not
    RunOnce,
}

/// Between two tries while another run is at work.
const BUSY: Duration = Duration::from_secs(2);

impl Sync {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(progress::observer(globals.json)).await?;
        let name = named(&context, &connection, "sync_function")?;
        let command = Command { json: globals.json, function: function(&context, &connection, &name) };
        let (code, mut summary) = match self.action {
            Action::Start => command.set(State::Started).await?,
            Action::Stop => command.set(State::Stopped).await?,
            Action::Status => command.status().await?,
            Action::Verify => command.verify().await?,
            Action::RunOnce => command.run_once().await?,
        };
        if globals.json {
            finish(&mut summary, &connection, start);
            progress::print_json(&summary);
        }
        Ok(code)
    }
}

fn finish(summary: &mut Value, connection: &Connection, start: Instant) {
    summary["type"] = json!("summary");
    summary["api_calls"] = json!(connection.api_calls());
    summary["seconds"] = json!(start.elapsed().as_secs_f64());
}

struct Command<'a> {
    json: bool,
    function: Function<'a>,
}

type Done = Result<(ExitCode, Value), Failure>;

impl Command<'_> {
    async fn set(&self, state: State) -> Done {
        sync::set(&self.function, state).await?;
        if !self.json {
            match state {
                State::Started => {
                    say!("started: what changes in blue is taken over every minute; see `provisioner sync status`")
                }
                State::Stopped => say!("stopped: `provisioner sync start` goes on from where it is"),
            }
        }
        Ok((ExitCode::SUCCESS, json!({"state": state})))
    }

    async fn status(&self) -> Done {
        let status = sync::status(&self.function).await?;
        if !self.json {
            lines(&status).iter().for_each(|line| say!("{line}"));
        }
        Ok((ExitCode::SUCCESS, json!(status)))
    }

    async fn run_once(&self) -> Done {
        let (mut copied, mut deleted, mut quarantined) = (0, 0, 0);
        let mut told_busy = false;
        self.note("taking over what changed in blue: seconds if little did, a minute for about a million rows");
        loop {
            let run = sync::run_once(&self.function).await?;
            copied += run.copied;
            deleted += run.deleted;
            quarantined += run.quarantined;
            let so_far = format!("{copied} rows taken over, {deleted} deleted, {quarantined} in quarantine");
            match run.outcome {
                sync::Outcome::Done => {
                    if !self.json {
                        let until = run.watermark.as_deref().unwrap_or("the beginning");
                        say!("{so_far}: green has all that blue had committed by {until}");
                    }
                    let summary = json!({
                        "copied": copied, "deleted": deleted, "quarantined": quarantined, "watermark": run.watermark,
                    });
                    return Ok((ExitCode::SUCCESS, summary));
                }
                sync::Outcome::More => self.note(&format!("{so_far}; going on")),
                sync::Outcome::Busy => {
                    if !std::mem::replace(&mut told_busy, true) {
                        self.note("another run is at work: waiting for it, up to 15 minutes");
                    }
                    tokio::time::sleep(BUSY).await;
                }
                sync::Outcome::Stopped => {
                    return Err(Failure::new(
                        format!("somebody stopped the sync: {so_far}"),
                        "run it again if that was not meant: it goes on from there",
                    ));
                }
                sync::Outcome::Failed => {
                    let why = run.error.unwrap_or_else(|| "it doesn't say why".to_owned());
                    return Err(Failure::new(
                        format!("the run broke off: {why}"),
                        "run it again: it goes on from there",
                    ));
                }
            }
        }
    }

    async fn verify(&self) -> Done {
        self.note("comparing both databases: seconds, or a minute for some millions of rows");
        let mut found = sync::verify(&self.function, Comparison::default()).await?;
        while found.cursor.is_some() {
            self.note(&format!("{} of blue's rows compared, {} differ", found.rows.blue, found.differing));
            found = sync::verify(&self.function, found).await?;
        }
        if self.json {
            let equal = found.differing == 0 && found.missing.is_none();
            return Ok((if equal { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }, json!(found)));
        }
        if let Some(missing) = found.missing {
            let help = "run `provisioner migrate` and `provisioner sync run-once` before";
            return Err(Failure::new(format!("there is nothing to compare yet: {missing}"), help));
        }
        for difference in &found.differences {
            let fields = if difference.fields.is_empty() {
                String::new()
            } else {
                format!(" in {}", difference.fields.join(", "))
            };
            say!("payment {}: {}{fields}", difference.id, meaning(&difference.what));
        }
        if found.quarantined > 0 {
            say!("{} of blue's rows are in quarantine, and not in green", found.quarantined);
        }
        if found.own_changes.count > 0 {
            let (count, ids) = (found.own_changes.count, found.own_changes.ids.join(", "));
            say!(
                "changed by green on its own since it was taken over, which is no difference: {count} (payments {ids})"
            );
        }
        let (blue, green) = (found.rows.blue, found.rows.green);
        let until = found.watermark.as_deref().unwrap_or("the beginning");
        if found.differing == 0 {
            say!("equal: {blue} rows of blue and {green} of green, as committed by {until}");
            return Ok((ExitCode::SUCCESS, Value::Null));
        }
        let unlisted = found.differing.saturating_sub(found.differences.len() as u64);
        let more = if unlisted == 0 { String::new() } else { format!(" ({unlisted} of them not listed)") };
        Err(Failure::new(
            format!("{} of {blue} rows differ{more}, as committed by {until}", found.differing),
            "a row that changes in blue again is taken over again; what was changed in green by hand has to be mended there",
        ))
    }

    /// Tells people what goes on.
    fn note(&self, text: &str) {
        if !self.json {
            progress::note(text);
        }
    }
}

fn meaning(what: &str) -> &str {
    match what {
        "missing" => "missing in green",
        "extra" => "in green, and not in blue",
        "differs" => "differs",
        other => other,
    }
}

/// What people read.
fn lines(status: &sync::Status) -> Vec<String> {
    let mut lines = vec![match (status.state, status.running) {
        (State::Started, true) => "started: a run is at work".to_owned(),
        (State::Started, false) => "started: it runs every minute".to_owned(),
        (State::Stopped, true) => "stopped: a run is at work, as somebody asked for one".to_owned(),
        (State::Stopped, false) => "stopped: `provisioner sync start` has it run every minute".to_owned(),
    }];
    if let Some(missing) = &status.missing {
        lines.push(missing.clone());
    }
    let seconds = |seconds: f64| words::duration(Duration::from_secs_f64(seconds.max(0.0)));
    lines.push(format!("rows: {} taken over, {} deleted", status.copied_total, status.deleted_total));
    if let Some(remaining) = status.remaining {
        lines.push(format!("left: {remaining} rows"));
    }
    if let Some(lag) = status.lag_seconds {
        let watermark = status.watermark.as_deref().unwrap_or_default();
        lines.push(format!("lag: {} (green has all that blue had committed by {watermark})", seconds(lag)));
    }
    if let Some(rate) = status.rows_per_second {
        lines.push(format!("rate: {rate:.0} rows a second"));
    }
    if let Some(left) = status.seconds_left {
        lines.push(format!("time left: about {}", seconds(left)));
    }
    match status.quarantined {
        Some(0) => lines.push("quarantined: none".to_owned()),
        Some(rows) => lines.push(format!(
            "quarantined: {rows} rows can't be taken over as they are: sync_quarantine in green tells which and why"
        )),
        None => {}
    }
    if let Some(run) = &status.last_run {
        let when = run.finished_at.as_deref().unwrap_or_default();
        let why = run.error.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let outcome = json!(run.outcome);
        lines.push(format!("last run: {} at {when}{why}", outcome.as_str().unwrap_or_default()));
    }
    lines
}
