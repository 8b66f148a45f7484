//! The progress of a shift or failback: lines on stderr, or JSON objects on stdout.

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

/// The observer for this output format.
pub fn observer(json: bool) -> Box<dyn TrafficObserver> {
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

/// One line per event, and on a terminal a spinner with the current activity.
struct Lines {
    bar: ProgressBar,
}

impl Lines {
    fn new() -> Self {
        let bar = if Term::stderr().is_term() { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(ProgressStyle::with_template("{spinner} {msg} {elapsed}").expect("the template is valid"));
        bar.set_message("reading weights");
        bar.enable_steady_tick(Duration::from_millis(120));
        Lines { bar }
    }

    fn print(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }
}

impl TrafficObserver for Lines {
    fn recorded(&self, entry: &Entry) {
        match &entry.event {
            TrafficEvent::Writing { lever: LeverKind::Listeners, to, .. } => {
                self.bar.set_message(format!("{to}: writing listeners"));
            }
            TrafficEvent::Writing { lever: LeverKind::Dns, to, .. } => {
                self.bar.set_message(format!("{to}: writing DNS, typically one minute"));
            }
            TrafficEvent::Written { .. } | TrafficEvent::StepDone { .. } => self.bar.set_message("checking gates"),
            _ => {}
        }
        self.print(&format!("{} {}", style(entry.at.strftime("%H:%M:%S")).dim(), sentence(&entry.event)));
    }

    fn holding(&self, green: Share, time: Duration) {
        self.bar.reset_elapsed();
        let until = Timestamp::now().checked_add(time).unwrap_or(Timestamp::MAX);
        self.bar.set_message(format!("holding {green} until {}", until.strftime("%H:%M:%S UTC")));
        self.print(&format!("holding {green} for {}; Ctrl-C stops the shift at this step", words::duration(time)));
    }

    fn waiting(&self, what: &str) {
        let line = format!("waiting: {what}");
        // Repeated at every check: print it once.
        if self.bar.message() != line {
            self.bar.set_message(line.clone());
            self.print(&line);
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
