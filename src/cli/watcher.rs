//! How a moving traffic is told: lines on stderr, or JSON objects.

use std::time::Duration;

use console::{Term, style};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::progress::print_json;
use crate::report::traffic_events::sentence;
use crate::report::words;
use crate::traffic::Share;
use crate::traffic::event::TrafficEvent;
use crate::traffic::history::Entry;
use crate::traffic::mover::TrafficObserver;
use crate::traffic::weight::LeverKind;

/// The watcher that fits the output.
pub fn watcher(json: bool) -> Box<dyn TrafficObserver> {
    if json { Box::new(Json) } else { Box::new(Lines::new()) }
}

struct Json;

impl TrafficObserver for Json {
    fn recorded(&self, entry: &Entry) {
        let mut line = json!({"type": "event"});
        if let (Value::Object(line), Ok(Value::Object(entry))) = (&mut line, serde_json::to_value(entry)) {
            line.extend(entry);
        }
        print_json(&line);
    }

    fn holding(&self, green: Share, time: Duration) {
        print_json(&json!({"type": "holding", "green": green, "seconds": time.as_secs_f64()}));
    }

    fn waiting(&self, what: &str) {
        print_json(&json!({"type": "waiting", "what": what}));
    }
}

/// One line a event; on a terminal also what it is at.
struct Lines {
    bar: ProgressBar,
}

impl Lines {
    fn new() -> Self {
        let bar = if Term::stderr().is_term() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("a template of ours"));
        bar.set_message("reading the weights");
        bar.enable_steady_tick(Duration::from_millis(120));
        Lines { bar }
    }

    fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl TrafficObserver for Lines {
    fn recorded(&self, entry: &Entry) {
        match &entry.event {
            TrafficEvent::Writing { lever: LeverKind::Listeners, to, .. } => {
                self.bar.set_message(format!("{to}: writing listeners"))
            }
            TrafficEvent::Writing { lever: LeverKind::Dns, to, .. } => {
                self.bar.set_message(format!("{to}: writing DNS, usually known everywhere within a minute"));
            }
            TrafficEvent::Written { .. } | TrafficEvent::StepDone { .. } => self.bar.set_message("looking at green"),
            _ => {}
        }
        self.say(&format!("{} {}", style(entry.at.strftime("%H:%M:%S")).dim(), sentence(&entry.event)));
    }

    fn holding(&self, green: Share, time: Duration) {
        let what = format!("holding {green} for {}", words::duration(time));
        self.bar.reset_elapsed();
        let until = Timestamp::now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.bar.set_message(format!("holding {green} until {}", until.strftime("%H:%M:%S UTC")));
        self.say(&format!("{what}: Ctrl-C holds it there"));
    }

    fn waiting(&self, what: &str) {
        let what = format!("staying, as nothing can be said yet: {what}");
        // Every look says so: once is enough.
        if self.bar.message() != what {
            self.bar.set_message(what.clone());
            self.say(&what);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
