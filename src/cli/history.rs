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
                        provisioner history --suffix dev1 --verify --head HASH\n\nEach entry contains the hash of the one \
                        before, so --verify detects entries that were changed, inserted, moved or removed. It can't detect \
                        entries that were cut off at the end, or a rewritten history. Store the printed head elsewhere and \
                        pass it as --head next time to detect these as well."
)]
pub struct History {
    /// Check the hash chain; prints the number of entries and the hash of the last one
    #[arg(long)]
    verify: bool,
    /// Also check that the entry with this hash exists: a head that an earlier --verify has printed
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
                println!("{count}, hash chain valid; head {head}");
            }
            return Ok(ExitCode::SUCCESS);
        }
        let entries = history.entries().await?;
        if entries.is_empty() && !globals.json {
            progress::note(&format!(
                "{} has no history: its traffic was never moved, or the history is elsewhere (--state)",
                context.suffix
            ));
        }
        let format = Format::new(&entries);
        for entry in &entries {
            let line = if globals.json { json!(entry).to_string() } else { format.line(entry) };
            // A closed pipe isn't an error.
            if writeln!(std::io::stdout(), "{line}").is_err() {
                break;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The widths of the columns, one line per entry.
struct Format {
    number: usize,
    who: usize,
    command: usize,
}

impl Format {
    fn new(entries: &[Entry]) -> Self {
        let widest = |text: fn(&Entry) -> String| {
            entries.iter().map(|entry| console::measure_text_width(&text(entry))).max().unwrap_or_default()
        };
        Format { number: widest(|entry| entry.number.to_string()), who: widest(who), command: widest(command) }
    }

    fn line(&self, entry: &Entry) -> String {
        let (number, at) = (entry.number, entry.at.strftime("%Y-%m-%d %H:%M:%S UTC"));
        let pad = |text: &str, width| console::pad_str(text, width, console::Alignment::Left, None).into_owned();
        let (who, command) = (pad(&who(entry), self.who), pad(&command(entry), self.command));
        let mut line = style(format!("{number:>0$}  {at}", self.number)).dim().to_string();
        line += &format!("  {who}  {command}  {}", plain(&sentence(&entry.event)));
        if let Some(reason) = &entry.reason {
            line += &style(format!("  reason: {}", plain(reason))).cyan().to_string();
        }
        let ids: Vec<_> = request_ids(&entry.event).iter().map(|id| short(id)).collect();
        if !ids.is_empty() {
            line += &style(format!("  [{}]", ids.join(" "))).dim().to_string();
        }
        line
    }
}

/// The user and the AWS identity: `alice@laptop as assumed-role/Operator/alice`.
fn who(entry: &Entry) -> String {
    let Actor { user, host, arn, .. } = &entry.by;
    let caller = arn.as_deref().map(|arn| arn.rsplit(':').next().unwrap_or(arn));
    let caller = caller.map(|caller| format!(" as {caller}")).unwrap_or_default();
    plain(&format!("{user}@{host}{caller}"))
}

fn command(entry: &Entry) -> String {
    plain(entry.by.command.strip_prefix("provisioner ").unwrap_or(&entry.by.command))
}

fn request_ids(event: &TrafficEvent) -> &[String] {
    match event {
        TrafficEvent::Written { request_ids, .. } | TrafficEvent::FailedBack { request_ids, .. } => request_ids,
        _ => &[],
    }
}

/// The start of a request id: `--json` prints all of it.
fn short(id: &str) -> String {
    plain(&id.chars().take(8).collect::<String>())
}

/// Text without control characters: a stored reason must not start a new line or control the terminal.
fn plain(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// Rejects a mistyped hash, which would look like a truncated history.
fn hash(text: &str) -> Result<String, String> {
    let text = text.trim().to_ascii_lowercase();
    let whole = text.len() == 64 && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if whole { Ok(text) } else { Err("expected the 64 hexadecimal digits that --verify has printed".to_owned()) }
}
