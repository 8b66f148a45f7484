use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use console::style;
use serde_json::json;

use super::context::Context;
use super::{Globals, Outcome, progress};
use crate::report::traffic_events::sentence;
use crate::traffic::event::TrafficEvent;
use crate::traffic::history::{Actor, Entry, History as Entries, Verified};

/// `provisioner history`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner history --suffix dev1\n  provisioner history --suffix dev1 --verify\n  \
                        provisioner history --suffix dev1 --verify --head HASH\n\nEach entry carries the hash of the one \
                        before, so --verify finds any that was changed, inserted, moved or removed. What it can't see by \
                        itself: entries cut off at the end, or all of it written anew. Keep the head that it prints in \
                        another place, and give it as --head the next time: that finds these too."
)]
pub struct History {
    /// Check that the history is as it was written: prints how many entries it has, and the hash of the last one
    #[arg(long)]
    verify: bool,
    /// Check as well that the entry with this hash is there: a head that an earlier --verify has printed
    #[arg(long, value_name = "HASH", requires = "verify", value_parser = hash)]
    head: Option<String>,
}

impl History {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let log = context.store.history(context.suffix.as_ref());
        let history = Entries::at(log, Actor::this_process("provisioner history", None));
        if self.verify {
            let Verified { entries, head } = match &self.head {
                Some(head) => history.verify_with(head).await?,
                None => history.verify().await?,
            };
            if globals.json {
                progress::print_json(&json!({"type": "summary", "entries": entries, "head": head}));
            } else {
                let count = if entries == 1 { "1 entry".to_owned() } else { format!("{entries} entries") };
                println!("{count}, unbroken; head {head}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let entries = history.entries().await?;
        if entries.is_empty() && !globals.json {
            progress::note(&format!(
                "the traffic of {} was never moved, or its history is elsewhere (--state)",
                context.suffix
            ));
        }
        let lines = Lines::new(&entries);
        for entry in &entries {
            let line = if globals.json { json!(entry).to_string() } else { lines.of(entry) };
            // A closed pipe is the reader's choice, not our failure.
            if writeln!(std::io::stdout(), "{line}").is_err() {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// One line an entry, in columns.
struct Lines {
    number: usize,
    who: usize,
    command: usize,
}

impl Lines {
    fn new(entries: &[Entry]) -> Self {
        let widest = |text: fn(&Entry) -> String| {
            entries.iter().map(|entry| console::measure_text_width(&text(entry))).max().unwrap_or_default()
        };
        Lines { number: widest(|entry| entry.number.to_string()), who: widest(who), command: widest(command) }
    }

    fn of(&self, entry: &Entry) -> String {
        let (number, at) = (entry.number, entry.at.strftime("%Y-%m-%d %H:%M:%S UTC"));
        let pad = |text: &str, width| console::pad_str(text, width, console::Alignment::Left, None).into_owned();
        let (who, command) = (pad(&who(entry), self.who), pad(&command(entry), self.command));
        let mut line = style(format!("{number:>0$}  {at}", self.number)).dim().to_string();
        line += &format!("  {who}  {command}  {}", plain(&sentence(&entry.event)));
        if let Some(why) = &entry.reason {
            line += &style(format!("  because: {}", plain(why))).cyan().to_string();
        }
        let ids: Vec<_> = request_ids(&entry.event).iter().map(|id| short(id)).collect();
        if !ids.is_empty() {
            line += &style(format!("  [{}]", ids.join(" "))).dim().to_string();
        }
        line
    }
}

/// `alice@laptop`, with whom AWS takes it for: `alice@laptop as assumed-role/Operator/alice`.
fn who(entry: &Entry) -> String {
    let Actor { user, host, arn, .. } = &entry.by;
    let caller = arn.as_deref().map(|arn| arn.rsplit(':').next().unwrap_or(arn));
    let caller = caller.map(|caller| format!(" as {caller}")).unwrap_or_default();
    plain(&format!("{user}@{host}{caller}"))
}

fn command(entry: &Entry) -> String {
    plain(entry.by.command.strip_prefix("provisioner ").unwrap_or(&entry.by.command))
}

fn request_ids(what: &TrafficEvent) -> &[String] {
    match what {
        TrafficEvent::Written { request_ids, .. } | TrafficEvent::FailedBack { request_ids, .. } => request_ids,
        _ => &[],
    }
}

/// Enough of a request id to find the whole one with `--json`.
fn short(id: &str) -> String {
    plain(&id.chars().take(8).collect::<String>())
}

/// What people put into a reason stays on its line, and does nothing to the terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A mistyped hash is no sign of a history that was cut off.
fn hash(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let whole = text.len() == 64 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if whole { Ok(text) } else { Err("it takes all 64 hexadecimal digits that --verify has printed".to_owned()) }
}
