//! The screen in all states of a shift.

use std::time::Duration;

use jiff::Timestamp;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::style::Modifier;

use super::{at, ended, gates, history, holding_50, share};
use crate::aws::Error;
use crate::cli::watch::dialogs::help;
use crate::cli::watch::keys::{Control, Controls, Overlay};
use crate::cli::watch::poll::{Sample, Trends};
use crate::cli::watch::scene::{Command, Deployment, Scene};
use crate::cli::watch::screen;
use crate::cli::watch::shift_progress::ShiftProgress;
use crate::cli::watch::style::FRAME;
use crate::traffic::bound::Bound;
use crate::traffic::check::{Verdict, worst_verdict};
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::gates::evaluate;
use crate::traffic::gates::tests::LIMITS;
use crate::traffic::history::{Entry, ProcessStatus};
use crate::traffic::readings::{AlarmReading, AlarmState, Readings, RequestMetrics, TargetCounts};
use crate::traffic::share::Split;
use crate::traffic::snapshot::Snapshot;
use crate::traffic::weight::Weight;

fn readings(green_errors: f64) -> Readings {
    let targets = |group: &str| TargetCounts { group: group.to_owned(), healthy: 1, ..TargetCounts::default() };
    let alarm = |name: &str| AlarmReading { name: name.to_owned(), state: AlarmState::Ok, reason: None };
    let reading = |requests, errors| Ok(RequestMetrics { requests, errors, p99_ms: Some(120.0) });
    Readings {
        targets: vec![Ok(targets("blue edge")), Ok(targets("green edge"))],
        alarms: Ok(vec![alarm("green-errors-prod"), alarm("green-latency-prod"), alarm("green-unhealthy-prod")]),
        blue: reading(1000.0, 2.0),
        green: reading(500.0, green_errors),
    }
}

fn sample(green: u8, readings: Readings) -> Sample {
    let levers = ["blue edge", "green edge", "live.example.com"].map(|lever| {
        let weight = Weight::new(lever.to_owned(), share(green).split());
        (lever.to_owned(), Ok(vec![weight]))
    });
    let checks = evaluate(&readings, &LIMITS, share(green));
    let snapshot = Snapshot {
        levers: levers.into(),
        green: Some(share(green)),
        verdict: worst_verdict(&checks),
        readings,
        checks,
        unfinished: None,
        changed_externally: false,
    };
    Sample { at: at(10), snapshot, calls: 321 }
}

/// A state to display.
struct Stage {
    sample: Option<Sample>,
    entries: Vec<Entry>,
    process_status: ProcessStatus,
    now: Timestamp,
    errors: Vec<String>,
    overlay: Overlay,
    abort_pending: bool,
    command: Option<Vec<String>>,
}

impl Stage {
    fn new(sample: Sample, events: Vec<TrafficEvent>) -> Self {
        Stage {
            sample: Some(sample),
            entries: history(events),
            process_status: ProcessStatus::Running,
            now: at(12),
            errors: Vec::new(),
            overlay: Overlay::None,
            abort_pending: false,
            command: None,
        }
    }

    fn drawn(&self, wide: u16, high: u16) -> String {
        self.on_screen(wide, high).to_string()
    }

    fn on_screen(&self, wide: u16, high: u16) -> TestBackend {
        let (system, suffix) = ("lambda-mysql".to_owned(), "prod".to_owned());
        let (account, place) = ("123456789012".to_owned(), "AWS us-east-1".to_owned());
        let mut trends = Trends::default();
        if let Some(sample) = &self.sample {
            (0..20).for_each(|_| trends.add(&sample.snapshot.readings, sample.at));
        }
        let shift = ShiftProgress::from_history(&self.entries, |_| self.process_status);
        let controls = Controls { shift: shift.as_ref(), abort_pending: self.abort_pending, ..Controls::default() };
        let command = self.command.as_ref().map(|lines| Command {
            command: "provisioner failback",
            took: Duration::from_secs(2),
            ended: None,
            lines,
        });
        let scene = Scene {
            deployment: &Deployment { system, suffix, account, place },
            now: self.now,
            interval: Duration::from_secs(5),
            sample: self.sample.as_ref(),
            trends: &trends,
            bound: Some(&Bound::of_listeners(2)),
            entries: &self.entries,
            controls,
            errors: self.errors.clone(),
            message: None,
            command,
            overlay: self.overlay,
        };
        let mut terminal = Terminal::new(TestBackend::new(wide, high)).unwrap();
        terminal.draw(|frame| screen::draw(&scene, frame)).unwrap();
        terminal.backend().clone()
    }

    /// Asserts that screens of all sizes contain these texts.
    fn shows(&self, texts: &[&str]) {
        for (wide, high) in [(120, 36), (100, 30), (80, 24)] {
            let drawn = self.drawn(wide, high);
            for text in texts {
                assert!(drawn.contains(text), "{wide}x{high} doesn't show {text:?}:\n{drawn}");
            }
        }
    }

    fn shows_no(&self, text: &str) {
        let drawn = self.drawn(120, 36);
        assert!(!drawn.contains(text), "it shows {text:?}:\n{drawn}");
    }
}

#[test]
fn all_panels_are_shown_at_each_size() {
    let stage = Stage::new(sample(50, readings(1.0)), Vec::new());
    stage.shows(&[
        "lambda-mysql prod",
        "123456789012",
        "AWS us-east-1",
        "read 10:20:10 UTC",
        "green serves 50 %",
        "blue edge",
        "green edge",
        "live.example.com",
        "░░█",
        "✓ healthy targets blue edge: 1 of 1 healthy; green edge: 1 of 1 healthy",
        "✓ alarms          3 OK",
        "✓ requests        500 requests in green",
        "✓ errors          0.20 % of 500 requests failed in green, 0.20 % in blue",
        "✓ latency         p99 120 ms in green, 120 ms in blue (max 280 ms)",
        "✓ green is healthy",
        "requests/min",
        // 1000 and 500 requests in five minutes and ten seconds.
        "194 ",
        "97 ",
        "0.20 %",
        "120 ms",
        "▇▇▇",
        "275 s",
        "no shift in progress",
        " f  fail back   ?  help   q  quit",
    ]);
    for text in [
        "account 123456789012",
        "every 5 s │ 321 calls",
        "blue serves 50 %",
        "= detect 240 + act 25 + verify 10 + DNS 0 s",
    ] {
        assert!(stage.drawn(100, 30).contains(text), "{}", stage.drawn(100, 30));
    }
    stage.shows_no("hold");
    stage.shows_no("abort");
}

#[test]
fn titles_are_brighter_than_frames() {
    let screen = Stage::new(sample(50, readings(1.0)), holding_50()).on_screen(120, 36);
    let strong: Vec<_> =
        screen.buffer().content().iter().filter(|cell| cell.modifier.contains(Modifier::BOLD)).collect();
    let text: String = strong.iter().map(|cell| cell.symbol()).collect();
    for title in ["Traffic", "Customers", "Gates", "Shift", "Timeline"] {
        assert!(text.contains(title), "{title} isn't bold: {text}");
    }
    assert!(strong.iter().all(|cell| Some(cell.fg) != FRAME.fg), "{text}");
}

#[test]
fn dns_names_of_typical_length_are_not_cut() {
    let name = "live.payments-prod.internal";
    let mut stage = Stage::new(sample(50, readings(1.0)), Vec::new());
    let levers = &mut stage.sample.as_mut().unwrap().snapshot.levers;
    let weight = Weight::new(name, share(50).split());
    *levers.last_mut().unwrap() = (name.to_owned(), Ok(vec![weight]));
    assert!(stage.drawn(120, 36).contains(name), "{}", stage.drawn(120, 36));
}

#[test]
fn running_shift_is_shown_with_steps_and_hold_time() {
    let stage = Stage::new(sample(50, readings(1.0)), holding_50());
    stage.shows(&[
        "from 0 % ── ✓ 10 % ── ▶ 50 % ── ○ 100 %",
        "holding 50 % since 10:20:09 UTC",
        "57 s left of 60 s",
        " h  hold   a  abort   f  fail back ",
        "50 %: listeners written in 2 requests, verified",
    ]);
    assert!(stage.drawn(120, 36).contains("started 10:20:00 by ada@laptop, process 7, reason: CHG-1042"));
    // A completed write hides its start.
    stage.shows_no("50 %: writing listeners");
    let mut writing = holding_50();
    writing.pop();
    Stage::new(sample(10, readings(1.0)), writing).shows(&["writing listeners: green 50 %", "50 %: writing listeners"]);
}

#[test]
fn waiting_shift_shows_the_reason() {
    let mut events = holding_50();
    events.push(gates(50, Verdict::Inconclusive, "7 requests in green (min 100)"));
    let mut stage = Stage::new(sample(50, readings(1.0)), events);
    stage.shows(&["57 s left of 60 s; ? "]);
    assert!(stage.drawn(120, 36).contains("60 s; ? requests: 7 requests in green (min 100)"));
    stage.now = at(80);
    stage.shows(&["? waiting for gates: requests", "read 10:20:10 UTC, 70 s ago!"]);
}

#[test]
fn held_or_dead_shift_can_be_continued_or_aborted() {
    let mut events = holding_50();
    events.push(ended(Outcome::Held, "hold requested by ada@laptop"));
    let mut stage = Stage::new(sample(50, readings(1.0)), events);
    let keys = " c  continue   a  abort   f  fail back ";
    stage.shows(&["‖ held: hold requested by ada@laptop", keys]);
    stage.shows_no(" h  hold");

    stage = Stage::new(sample(50, readings(1.0)), holding_50());
    stage.process_status = ProcessStatus::Exited;
    stage.shows(&["✗ interrupted: its process has died; the weights stay", keys]);
    stage.shows_no(" h  hold");
}

#[test]
fn failing_gate_is_marked_with_its_reading() {
    let mut stage = Stage::new(sample(50, readings(200.0)), holding_50());
    stage.shows(&[
        "✗ errors          40.0 % of 500 requests failed in green (max 1 %)",
        "✗ green is unhealthy",
        "40.0 %",
    ]);

    let mut unhealthy = readings(1.0);
    let alarms = unhealthy.alarms.as_mut().unwrap();
    alarms[0] = AlarmReading { state: AlarmState::Alarm, reason: Some("2 of 2".to_owned()), ..alarms[0].clone() };
    stage.sample = Some(sample(50, unhealthy));
    stage.shows(&["✗ alarms          2 of 3 OK; green-errors-prod is in ALARM: 2 of 2"]);
}

#[test]
fn unreadable_values_are_shown_as_warnings() {
    let mut unreadable = readings(1.0);
    let why = "can't be read: AWS didn't answer in 30 s".to_owned();
    (unreadable.blue, unreadable.green) = (Err(why.clone()), Err(why.clone()));
    let mut sample = sample(50, unreadable);
    let throttled = Error { operation: "elbv2:DescribeRules".to_owned(), ..Error::local("Rate exceeded") };
    sample.snapshot.levers[0].1 = Err(throttled);
    sample.snapshot.green = None;
    let mut stage = Stage::new(sample, Vec::new());
    let warning = format!(" ! {why}");
    stage.shows(&[
        "! can't be read: elbv2:DescribeRules: Rate exceeded",
        &warning,
        "? can't be read",
        "? requests",
        "green's share differs between levers",
    ]);
    assert_eq!(stage.drawn(120, 36).matches(&warning).count(), 1, "each error is shown once");

    stage.sample = None;
    stage.errors = vec!["the state file is damaged".to_owned()];
    stage.shows(&["no data yet", "! the state file is damaged", " f  fail back "]);
}

#[test]
fn external_changes_and_zero_weights_are_shown() {
    let mut sample = sample(50, readings(1.0));
    sample.snapshot.changed_externally = true;
    let zero = Weight::new("green edge".to_owned(), Split { blue: 0, green: 0 });
    sample.snapshot.levers[1].1 = Ok(vec![zero]);
    Stage::new(sample, Vec::new()).shows(&["! external change", "both weights are zero"]);
}

#[test]
fn levers_that_do_not_fit_are_counted() {
    let mut sample = sample(50, readings(1.0));
    let rule = |number| Weight::new(format!("blue edge, rule {number}"), share(50).split());
    sample.snapshot.levers[0].1 = Ok((0..9).map(rule).collect());
    Stage::new(sample, Vec::new()).shows(&["blue edge, rule 2", " more"]);
}

#[test]
fn overlays_and_commands_are_shown() {
    let mut stage = Stage::new(sample(50, readings(1.0)), holding_50());
    for (overlay, texts) in [
        (Overlay::Confirm(Control::Hold), ["Hold the shift at its current step? y/n", "Green keeps 50 %."]),
        (
            Overlay::Confirm(Control::Continue),
            ["Continue the shift: give green 50 %, then 100 %? y/n", " y  yes   n  no"],
        ),
        (Overlay::Confirm(Control::Abort), ["Abort the shift: all traffic to blue? y/n", "The shift is held first."]),
        (Overlay::Confirm(Control::FailBack), ["Fail back: all traffic to blue, now? y/n", "no gates, no lock"]),
        (Overlay::ConfirmQuit, ["Quit although the abort hasn't started? y/n", "the abort is cancelled"]),
        (Overlay::Help, ["hold: the shift stops", "a gate is inconclusive"]),
    ] {
        stage.overlay = overlay;
        stage.shows(&texts);
    }
    stage.overlay = Overlay::None;
    stage.abort_pending = true;
    stage.command = Some((0..9).map(|number| format!("line {number}")).collect());
    stage.shows(&["abort pending until the shift holds", "provisioner failback", "running for 2 s", "line 8"]);
}

#[test]
fn help_lines_are_not_cut() {
    let mut stage = Stage::new(sample(50, readings(1.0)), Vec::new());
    stage.overlay = Overlay::Help;
    for line in help() {
        stage.shows(&[line.to_string().trim()]);
    }
}

#[test]
fn small_terminals_show_the_required_size() {
    let mut stage = Stage::new(sample(50, readings(1.0)), holding_50());
    let drawn = stage.drawn(60, 20);
    for text in ["green serves 50 %", "60x20 is too small: needs 80x24", " f  fail back "] {
        assert!(drawn.contains(text), "{drawn}");
    }
    stage.command = Some(vec!["a line".to_owned()]);
    stage.errors = vec!["error".to_owned(); 9];
    for overlay in [Overlay::None, Overlay::Help, Overlay::Confirm(Control::FailBack)] {
        stage.overlay = overlay;
        for (wide, high) in [(1, 1), (3, 40), (200, 2), (80, 24), (80, 60), (99, 30), (100, 29), (250, 30), (250, 90)] {
            assert!(!stage.drawn(wide, high).is_empty());
        }
    }
}
