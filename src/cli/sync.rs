use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{Connection, Context};
use super::failure::Failure;
use super::function::{function, function_name};
use super::say::say;
use super::{FAILED, Globals, Outcome, progress};
use crate::migration::function::Function;
use crate::migration::sync::{self, RowComparison, State};
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
    /// Replicate changes from blue every minute
    Start,
    /// Stop replicating; a current run ends
    Stop,
    /// Show progress: rows, lag, rate, time left, quarantined rows
    Status,
    /// Compare both databases and list rows that differ; exit code 1 if there are any
    Verify,
    /// Replicate all current changes once, whether it is started or not
    RunOnce,
}

/// The pause between attempts while another run is active.
const BUSY: Duration = Duration::from_secs(2);

impl Sync {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let start = Instant::now();
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let name = function_name(&context, &connection, "sync_function")?;
        let command = Command { json: context.json(), function: function(&context, &connection, &name) };
        let (code, mut summary) = match self.action {
            Action::Start => command.set(State::Started).await?,
            Action::Stop => command.set(State::Stopped).await?,
            Action::Status => command.status().await?,
            Action::Verify => command.verify().await?,
            Action::RunOnce => command.run_once().await?,
        };
        if context.json() {
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
                    say!("started: changes in blue are replicated every minute; see `provisioner sync status`")
                }
                State::Stopped => say!("stopped: `provisioner sync start` resumes from here"),
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
        let mut noted_busy = false;
        self.note("replicating changes from blue: seconds for few changes, about a minute per million rows");
        loop {
            let run = sync::run_once(&self.function).await?;
            copied += run.copied;
            deleted += run.deleted;
            quarantined += run.quarantined;
            let so_far = format!("{copied} rows copied, {deleted} deleted, {quarantined} quarantined");
            match run.outcome {
                sync::Outcome::Done => {
                    if !self.json {
                        let until = run.watermark.as_deref().unwrap_or("the beginning");
                        say!("{so_far}: green has everything that blue committed by {until}");
                    }
                    let summary = json!({
                        "copied": copied, "deleted": deleted, "quarantined": quarantined, "watermark": run.watermark,
                    });
                    return Ok((ExitCode::SUCCESS, summary));
                }
                sync::Outcome::More => self.note(&format!("{so_far}; continuing")),
                sync::Outcome::Busy => {
                    if !std::mem::replace(&mut noted_busy, true) {
                        self.note("another run is active: waiting for it, up to 15 minutes");
                    }
                    tokio::time::sleep(BUSY).await;
                }
                sync::Outcome::Stopped => {
                    return Err(Failure::new(
                        format!("the sync was stopped: {so_far}"),
                        "run the command again to resume from there",
                    ));
                }
                sync::Outcome::Failed => {
                    let why = run.error.unwrap_or_else(|| "no reason given".to_owned());
                    return Err(Failure::new(
                        format!("the run failed: {why}"),
                        "run the command again: it resumes from there",
                    ));
                }
            }
        }
    }

    async fn verify(&self) -> Done {
        self.note("comparing both databases: seconds, about a minute for some million rows");
        let mut found = sync::verify(&self.function, RowComparison::default()).await?;
        while found.cursor.is_some() {
            self.note(&format!("{} of blue's rows compared, {} differ", found.rows.blue, found.differing));
            found = sync::verify(&self.function, found).await?;
        }
        if self.json {
            let equal = found.differing == 0 && found.missing.is_none();
            return Ok((if equal { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }, json!(found)));
        }
        if let Some(missing) = found.missing {
            let help = "run `provisioner migrate` and `provisioner sync run-once` first";
            return Err(Failure::new(format!("nothing to compare yet: {missing}"), help));
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
            say!("{} rows of blue are quarantined and missing in green", found.quarantined);
        }
        if found.own_changes.count > 0 {
            let (count, ids) = (found.own_changes.count, found.own_changes.ids.join(", "));
            say!("changed by green after the copy, not counted as differences: {count} (payments {ids})");
        }
        let (blue, green) = (found.rows.blue, found.rows.green);
        let until = found.watermark.as_deref().unwrap_or("the beginning");
        if found.differing == 0 {
            say!("equal: {blue} rows in blue and {green} in green, committed by {until}");
            return Ok((ExitCode::SUCCESS, Value::Null));
        }
        let unlisted = found.differing.saturating_sub(found.differences.len() as u64);
        let more = if unlisted == 0 { String::new() } else { format!(" ({unlisted} not listed)") };
        Err(Failure::new(
            format!("{} of {blue} rows differ{more}, committed by {until}", found.differing),
            "a row that changes in blue again is copied again; correct manual changes in green there",
        ))
    }

    /// Prints a note for people.
    fn note(&self, text: &str) {
        if !self.json {
            progress::note(text);
        }
    }
}

fn meaning(what: &str) -> &str {
    match what {
        "missing" => "missing in green",
        "extra" => "in green, not in blue",
        "differs" => "differs",
        other => other,
    }
}

/// The status as lines of text.
fn lines(status: &sync::Status) -> Vec<String> {
    let mut lines = vec![match (status.state, status.running) {
        (State::Started, true) => "started: a run is active".to_owned(),
        (State::Started, false) => "started: runs every minute".to_owned(),
        (State::Stopped, true) => "stopped: a requested run is active".to_owned(),
        (State::Stopped, false) => "stopped: `provisioner sync start` starts a run every minute".to_owned(),
    }];
    if let Some(missing) = &status.missing {
        lines.push(missing.clone());
    }
    let seconds = |seconds: f64| words::duration(Duration::from_secs_f64(seconds.max(0.0)));
    lines.push(format!("rows: {} copied, {} deleted", status.copied_total, status.deleted_total));
    if let Some(remaining) = status.remaining {
        lines.push(format!("left: {remaining} rows"));
    }
    if let Some(lag) = status.lag_seconds {
        let watermark = status.watermark.as_deref().unwrap_or_default();
        lines.push(format!("lag: {} (green has everything that blue committed by {watermark})", seconds(lag)));
    }
    if let Some(rate) = status.rows_per_second {
        lines.push(format!("rate: {rate:.0} rows a second"));
    }
    if let Some(left) = status.seconds_left {
        lines.push(format!("time left: about {}", seconds(left)));
    }
    match status.quarantined {
        Some(0) => lines.push("quarantined: none".to_owned()),
        Some(rows) => {
            lines.push(format!("quarantined: {rows} rows can't be copied: see the table sync_quarantine in green"))
        }
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
