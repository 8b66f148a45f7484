//! Progress as people or programs see it: live bars on a terminal, plain lines elsewhere, JSON objects on request.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use console::{Term, style};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::engine::{Action, Event, Observer, StepId};
use crate::report::advice;
use crate::report::words::{self, step_error};

/// Prints one JSON object as a line on stdout.
pub fn print_json(value: &Value) {
    // A closed pipe is the reader's choice, not our failure.
    let _ = writeln!(std::io::stdout(), "{value}");
}

/// Prints a note for people on stderr.
pub fn note(message: &str) {
    eprintln!("{} {message}", style("·").dim());
}

/// Completes a command for people with the flags of the run.
pub type Command = Box<dyn Fn(&str) -> String + Send + Sync>;

/// The observer for the kind of output.
pub fn observer(json: bool, command: Command) -> Arc<dyn Observer> {
    if json {
        Arc::new(JsonLines { command })
    } else if Term::stderr().is_term() {
        Arc::new(Bars::new())
    } else {
        Arc::new(Lines::default())
    }
}

/// The typical duration, if it is long enough to be worth mentioning.
fn typical(time: Duration) -> String {
    if time < Duration::from_secs(20) { String::new() } else { format!(" (usually {})", words::duration(time)) }
}

/// Prints one JSON object per event.
struct JsonLines {
    command: Command,
}

impl Observer for JsonLines {
    fn on(&self, event: Event) {
        let line = match event {
            Event::Observed { done, total } if done == total => json!({"type": "observed", "total": total}),
            Event::Observed { .. } => return,
            Event::Started { total } => json!({"type": "started", "total": total}),
            Event::StepStarted { step, kind, action, typical_time } => json!({
                "type": "step_started", "step": step, "kind": kind, "action": action,
                "usually_seconds": typical_time.as_secs(),
            }),
            Event::StepWaiting { step, what } => json!({"type": "step_waiting", "step": step, "waits_for": what}),
            Event::StepDone { step, action, took } => {
                json!({"type": "step_done", "step": step, "action": action, "seconds": took.as_secs_f64()})
            }
            Event::StepFailed { step, action, error } => json!({
                "type": "step_failed", "step": step, "action": action, "message": error.message,
                "operation": error.operation, "code": error.code, "request_id": error.request_id,
                "help": advice::of(&error, &self.command),
            }),
            Event::StepSkipped { step, because } => json!({"type": "step_skipped", "step": step, "because": because}),
            Event::Interrupted => json!({"type": "interrupted"}),
            Event::Ended => return,
        };
        print_json(&line);
    }
}

/// Prints plain lines on stderr.
#[derive(Default)]
struct Lines {
    reading: Mutex<Option<Instant>>,
}

impl Observer for Lines {
    fn on(&self, event: Event) {
        match event {
            Event::Observed { done, total } => {
                let mut reading = self.reading.lock().expect("no panic holds this lock");
                let since = reading.get_or_insert_with(Instant::now);
                if done == total || since.elapsed() > Duration::from_secs(5) {
                    *reading = Some(Instant::now());
                    eprintln!("read {done} of {total} resources");
                }
            }
            Event::Started { .. } => {}
            Event::StepStarted { typical_time, .. } if typical_time < Duration::from_secs(60) => {}
            Event::StepStarted { step, kind: _, action, typical_time: time } => {
                eprintln!("{} {step} …{}", words::doing(action), typical(time));
            }
            Event::StepWaiting { step, what } => eprintln!("  {step} waits for {what}"),
            Event::StepDone { step, action, took } => {
                eprintln!("{} {step} ({})", words::done(action), words::duration(took));
            }
            Event::StepFailed { step, error, .. } => eprintln!("FAILED {step}: {}", step_error(&error)),
            Event::StepSkipped { step, because } => eprintln!("skipped {step}: {because}"),
            Event::Interrupted => eprintln!("{INTERRUPTED}"),
            Event::Ended => {}
        }
    }
}

const INTERRUPTED: &str = "stopping: no new steps start, running calls finish; press Ctrl-C again to stop at once";

/// The maximum number of running steps that get a line of their own.
const SHOWN: usize = 8;

/// A progress bar for the run, and a line for each of the first running steps.
struct Bars {
    all: MultiProgress,
    total: ProgressBar,
    steps: Mutex<BTreeMap<StepId, ProgressBar>>,
}

impl Bars {
    fn new() -> Self {
        let all = MultiProgress::new();
        let total = all.add(ProgressBar::no_length());
        let shape = "{spinner} {msg} {wide_bar:.cyan/dim} {pos}/{len} {elapsed}";
        total.set_style(ProgressStyle::with_template(shape).expect("a valid template"));
        total.set_message("reading");
        total.enable_steady_tick(Duration::from_millis(120));
        Bars { all, total, steps: Mutex::default() }
    }

    fn end(&self, step: &StepId, line: Option<String>) {
        if let Some(bar) = self.steps.lock().expect("no panic holds this lock").remove(step) {
            self.all.remove(&bar);
        }
        if let Some(line) = line {
            self.total.suspend(|| eprintln!("{line}"));
        }
        self.total.inc(1);
    }
}

impl Observer for Bars {
    fn on(&self, event: Event) {
        match event {
            Event::Observed { done, total } => {
                if self.total.is_finished() && done < total {
                    self.total.reset();
                    self.total.set_message("reading");
                    self.total.enable_steady_tick(Duration::from_millis(120));
                }
                self.total.set_length(total as u64);
                self.total.set_position(done as u64);
                // The bar would overwrite what is printed next.
                if done == total {
                    self.total.finish_and_clear();
                }
            }
            Event::Started { total } => {
                self.total.reset();
                self.total.set_message("working");
                self.total.set_length(total as u64);
                self.total.enable_steady_tick(Duration::from_millis(120));
            }
            Event::Ended => self.total.finish_and_clear(),
            Event::StepStarted { step, action, typical_time: time, .. } => {
                let mut steps = self.steps.lock().expect("no panic holds this lock");
                if steps.len() < SHOWN {
                    let bar = self.all.add(ProgressBar::new_spinner());
                    let shape = "  {spinner} {prefix} {msg} {elapsed}";
                    bar.set_style(ProgressStyle::with_template(shape).expect("a valid template"));
                    bar.set_prefix(format!("{} {step}", words::doing(action)));
                    bar.set_message(style(typical(time)).dim().to_string());
                    bar.enable_steady_tick(Duration::from_millis(120));
                    steps.insert(step, bar);
                }
            }
            Event::StepWaiting { step, what } => {
                if let Some(bar) = self.steps.lock().expect("no panic holds this lock").get(&step) {
                    bar.set_message(style(format!("waits for {what}")).dim().to_string());
                }
            }
            Event::StepDone { step, action, took } => {
                let line = format!("{} {step} {}", words::coloured(action), style(words::duration(took)).dim());
                self.end(&step, Some(line));
            }
            Event::StepFailed { step, error, .. } => {
                let line = format!("{} {step}: {}", style("failed").red().bold(), step_error(&error));
                self.end(&step, Some(line));
            }
            Event::StepSkipped { step, because } => {
                self.end(&step, Some(format!("{} {step}: {because}", style("skipped").yellow())));
            }
            Event::Interrupted => self.total.suspend(|| eprintln!("{INTERRUPTED}")),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.total.finish_and_clear();
    }
}

/// The counts by action, for the summary of `--json`.
pub fn counts(count: impl Fn(Action) -> usize) -> Value {
    json!({
        "created": count(Action::Create),
        "adopted": count(Action::Adopt),
        "updated": count(Action::Update),
        "replaced": count(Action::Replace),
        "deleted": count(Action::Delete),
        "unchanged": count(Action::Unchanged),
    })
}
