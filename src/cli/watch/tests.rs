//! The screen in each state of things, and what keys do in it.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::Modifier;

use super::dialogs::help;
use super::in_progress::{Phase, UnderWay, is_settled};
use super::keys::{Does, Open, Situation, Wish, press};
use super::look::{Look, Trail};
use super::screen::{Command, Place, Scene};
use super::strokes::FRAME;
use crate::aws::Error;
use crate::traffic::Share;
use crate::traffic::bound::Bound;
use crate::traffic::check::{Check, Verdict, overall};
use crate::traffic::event::{OnFail, Outcome, TrafficEvent};
use crate::traffic::gates::evaluate;
use crate::traffic::gates::tests::LIMITS;
use crate::traffic::history::{Actor, Entry, Liveness};
use crate::traffic::readings::{AlarmReading, AlarmState, Readings, RequestMetrics, TargetCounts};
use crate::traffic::share::Split;
use crate::traffic::snapshot::Snapshot;
use crate::traffic::weight::{LeverKind, Weight};

fn share(percent: u8) -> Share {
    percent.try_into().unwrap()
}

fn start() -> Timestamp {
    "2025-03-01T10:20:00Z".parse().unwrap()
}

fn at(seconds: i64) -> Timestamp {
    start() + SignedDuration::from_secs(seconds)
}

fn by(user: &str, process: u32) -> Actor {
    let command = "provisioner shift".to_owned();
    Actor { user: user.to_owned(), host: "laptop".to_owned(), process, command, arn: None }
}

/// A history, one entry a second, all by the same process.
fn history(events: impl IntoIterator<Item = TrafficEvent>) -> Vec<Entry> {
    let entry = |(second, what)| Entry {
        number: second as u64 + 1,
        at: at(second),
        by: by("ada", 7),
        reason: Some("CHG-1042".to_owned()),
        event: what,
        previous_hash: String::new(),
        hash: String::new(),
    };
    (0..).zip(events).map(entry).collect()
}

fn begun() -> TrafficEvent {
    TrafficEvent::ShiftStarted {
        shift: "one".to_owned(),
        steps: "10,50,100".parse().unwrap(),
        hold_seconds: 60.0,
        on_fail: OnFail::Rollback,
        patience_seconds: None,
        limits: None,
        from: share(0),
        resumed: false,
    }
}

fn gates(green: u8, verdict: Verdict, reading: &str) -> TrafficEvent {
    let checks = vec![Check { name: "requests".to_owned(), verdict, reading: reading.to_owned() }];
    TrafficEvent::Gates { green: share(green), verdict, checks }
}

fn writing(lever: LeverKind, to: u8) -> TrafficEvent {
    TrafficEvent::Writing { lever, from: Vec::new(), to: share(to) }
}

fn written(lever: LeverKind, to: u8) -> TrafficEvent {
    TrafficEvent::Written { lever, to: share(to), request_ids: vec!["r-1".to_owned(), "r-2".to_owned()] }
}

fn ended(outcome: Outcome, because: &str) -> TrafficEvent {
    TrafficEvent::ShiftEnded { outcome, green: Some(share(10)), because: Some(because.to_owned()) }
}

/// A whole first step, and the second begun.
fn holding_50() -> Vec<TrafficEvent> {
    vec![
        begun(),
        gates(0, Verdict::Pass, "well"),
        writing(LeverKind::Listeners, 10),
        written(LeverKind::Listeners, 10),
        gates(10, Verdict::Pass, "well"),
        writing(LeverKind::Dns, 10),
        written(LeverKind::Dns, 10),
        TrafficEvent::StepDone { green: share(10) },
        writing(LeverKind::Listeners, 50),
        written(LeverKind::Listeners, 50),
    ]
}

/// What the shift of this history is at; its process lives.
fn in_progress(events: Vec<TrafficEvent>) -> Option<UnderWay> {
    UnderWay::of(&history(events), |_| Liveness::Running)
}

fn phase(events: Vec<TrafficEvent>) -> Phase {
    in_progress(events).expect("a shift that isn't over").phase
}

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

fn look(green: u8, readings: Readings) -> Look {
    let levers = ["blue edge", "green edge", "live.example.com"].map(|lever| {
        let weight = Weight::new(lever.to_owned(), share(green).split());
        (lever.to_owned(), Ok(vec![weight]))
    });
    let checks = evaluate(&readings, &LIMITS, share(green));
    let picture = Snapshot {
        levers: levers.into(),
        green: Some(share(green)),
        verdict: overall(&checks),
        readings,
        checks,
        unfinished: None,
        changed_externally: false,
    };
    Look { at: at(10), picture, calls: 321 }
}

/// What can be on the screen.
struct Stage {
    look: Option<Look>,
    entries: Vec<Entry>,
    alive: Liveness,
    now: Timestamp,
    troubles: Vec<String>,
    open: Open,
    abort_waits: bool,
    command: Option<Vec<String>>,
}

impl Stage {
    fn new(look: Look, events: Vec<TrafficEvent>) -> Self {
        Stage {
            look: Some(look),
            entries: history(events),
            alive: Liveness::Running,
            now: at(12),
            troubles: Vec::new(),
            open: Open::Nothing,
            abort_waits: false,
            command: None,
        }
    }

    fn drawn(&self, wide: u16, high: u16) -> String {
        self.on_screen(wide, high).to_string()
    }

    fn on_screen(&self, wide: u16, high: u16) -> TestBackend {
        let (system, suffix) = ("lambda-mysql".to_owned(), "prod".to_owned());
        let (account, aws) = ("123456789012".to_owned(), "AWS us-east-1".to_owned());
        let mut trail = Trail::default();
        if let Some(look) = &self.look {
            (0..20).for_each(|_| trail.add(&look.picture.readings, look.at));
        }
        let shift = UnderWay::of(&self.entries, |_| self.alive);
        let situation = Situation { shift: shift.as_ref(), abort_waits: self.abort_waits, ..Situation::default() };
        let command = self.command.as_ref().map(|lines| Command {
            command: "provisioner failback",
            took: Duration::from_secs(2),
            ended: None,
            lines,
        });
        let scene = Scene {
            place: &Place { system, suffix, account, aws },
            now: self.now,
            every: Duration::from_secs(5),
            look: self.look.as_ref(),
            trail: &trail,
            bound: Some(&Bound::of_listeners(2)),
            entries: &self.entries,
            situation,
            troubles: self.troubles.clone(),
            said: None,
            command,
            open: self.open,
        };
        let mut terminal = Terminal::new(TestBackend::new(wide, high)).unwrap();
        terminal.draw(|frame| scene.draw(frame)).unwrap();
        terminal.backend().clone()
    }

    /// Fails unless the screen says all of this, roomy and at its least.
    fn says(&self, texts: &[&str]) {
        for (wide, high) in [(120, 36), (100, 30), (80, 24)] {
            let drawn = self.drawn(wide, high);
            for text in texts {
                assert!(drawn.contains(text), "{wide}x{high} doesn't say {text:?}:\n{drawn}");
            }
        }
    }

    fn never_says(&self, text: &str) {
        let drawn = self.drawn(120, 36);
        assert!(!drawn.contains(text), "it says {text:?}:\n{drawn}");
    }
}

#[test]
fn all_is_on_the_screen_at_each_size_that_it_takes() {
    let stage = Stage::new(look(50, readings(1.0)), Vec::new());
    stage.says(&[
        "lambda-mysql prod",
        "123456789012",
        "AWS us-east-1",
        "seen 10:20:10 UTC",
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
        "✓ green is well",
        "requests/min",
        // 1000 and 500 in five minutes, and ten seconds of the one before.
        "194 ",
        "97 ",
        "0.20 %",
        "120 ms",
        "▇▇▇",
        "275 s",
        "no shift is under way",
        " f  fail back   ?  help   q  leave",
    ]);
    for text in [
        "account 123456789012",
        "every 5 s │ 321 calls",
        "blue serves 50 %",
        "= detect 240 + act 25 + verify 10 + DNS 0 s",
    ] {
        assert!(stage.drawn(100, 30).contains(text), "{}", stage.drawn(100, 30));
    }
    stage.never_says("hold");
    stage.never_says("abort");
}

#[test]
fn titles_are_not_as_faint_as_the_frames_that_they_lie_on() {
    let screen = Stage::new(look(50, readings(1.0)), holding_50()).on_screen(120, 36);
    let strong: Vec<_> =
        screen.buffer().content().iter().filter(|cell| cell.modifier.contains(Modifier::BOLD)).collect();
    let text: String = strong.iter().map(|cell| cell.symbol()).collect();
    for title in ["Traffic", "Customers", "Gates", "Shift", "Timeline"] {
        assert!(text.contains(title), "{title} isn't strong: {text}");
    }
    assert!(strong.iter().all(|cell| Some(cell.fg) != FRAME.fg), "{text}");
}

#[test]
fn a_live_name_of_usual_length_is_told_in_full() {
    let name = "live.payments-prod.internal";
    let mut stage = Stage::new(look(50, readings(1.0)), Vec::new());
    let levers = &mut stage.look.as_mut().unwrap().picture.levers;
    let weight = Weight::new(name, share(50).split());
    *levers.last_mut().unwrap() = (name.to_owned(), Ok(vec![weight]));
    assert!(stage.drawn(120, 36).contains(name), "{}", stage.drawn(120, 36));
}

#[test]
fn a_shift_under_way_is_shown_with_its_steps_and_how_long_it_is_held() {
    let stage = Stage::new(look(50, readings(1.0)), holding_50());
    stage.says(&[
        "from 0 % ── ✓ 10 % ── ▶ 50 % ── ○ 100 %",
        "holding 50 % since 10:20:09 UTC",
        "57 s left of 60 s",
        " h  hold   a  abort   f  fail back ",
        "50 %: listeners written in 2 requests, verified",
    ]);
    assert!(stage.drawn(120, 36).contains("begun 10:20:00 by ada@laptop, process 7, because: CHG-1042"));
    // What is to be written is news only until it is.
    stage.never_says("50 %: writing listeners");
    let mut begun = holding_50();
    begun.pop();
    Stage::new(look(10, readings(1.0)), begun).says(&["writing listeners: 50 % to green", "50 %: writing listeners"]);
}

#[test]
fn a_shift_that_waits_says_what_for() {
    let mut events = holding_50();
    events.push(gates(50, Verdict::Inconclusive, "7 of the 100 that it takes to judge"));
    let mut stage = Stage::new(look(50, readings(1.0)), events);
    stage.says(&["57 s left of 60 s; ? "]);
    assert!(stage.drawn(120, 36).contains("60 s; ? requests: 7 of the 100 that it takes to judge"));
    stage.now = at(80);
    stage.says(&["? waits until something can be said of green", "seen 10:20:10 UTC, 70 s ago!"]);
}

#[test]
fn a_shift_that_is_held_or_whose_process_died_offers_to_continue_and_to_abort() {
    let mut events = holding_50();
    events.push(ended(Outcome::Held, "ada@laptop asked it to hold"));
    let mut stage = Stage::new(look(50, readings(1.0)), events);
    let keys = " c  continue   a  abort   f  fail back ";
    stage.says(&["‖ held: ada@laptop asked it to hold", keys]);
    stage.never_says(" h  hold");

    stage = Stage::new(look(50, readings(1.0)), holding_50());
    stage.alive = Liveness::Exited;
    stage.says(&["✗ its process is gone; the weights stay where they are", keys]);
    stage.never_says(" h  hold");
}

#[test]
fn a_gate_that_fails_is_marked_and_says_by_which_reading() {
    let mut stage = Stage::new(look(50, readings(200.0)), holding_50());
    stage.says(&["✗ errors          40.0 % of 500 requests failed in green (max 1 %)", "✗ green isn't well", "40.0 %"]);

    let mut ill = readings(1.0);
    let alarms = ill.alarms.as_mut().unwrap();
    alarms[0] = AlarmReading { state: AlarmState::Alarm, reason: Some("2 of 2".to_owned()), ..alarms[0].clone() };
    stage.look = Some(look(50, ill));
    stage.says(&["✗ alarms          2 of 3 OK; green-errors-prod is in ALARM: 2 of 2"]);
}

#[test]
fn what_aws_does_not_tell_is_a_line_and_no_end() {
    let mut unread = readings(1.0);
    let why = "can't be read: AWS didn't answer in 30 s".to_owned();
    (unread.blue, unread.green) = (Err(why.clone()), Err(why.clone()));
    let mut look = look(50, unread);
    let throttled = Error { operation: "elbv2:DescribeRules".to_owned(), ..Error::local("Rate exceeded") };
    look.picture.levers[0].1 = Err(throttled);
    look.picture.green = None;
    let mut stage = Stage::new(look, Vec::new());
    let said = format!(" ! {why}");
    stage.says(&[
        "! can't be read: elbv2:DescribeRules: Rate exceeded",
        &said,
        "? can't be read",
        "? requests",
        "the levers don't agree",
    ]);
    assert_eq!(stage.drawn(120, 36).matches(&said).count(), 1, "each reason is told once");

    stage.look = None;
    stage.troubles = vec!["the state file is damaged".to_owned()];
    stage.says(&["not seen yet", "! the state file is damaged", " f  fail back "]);
}

#[test]
fn weights_that_somebody_else_has_changed_or_that_are_zero_are_told() {
    let mut look = look(50, readings(1.0));
    look.picture.changed_externally = true;
    let zero = Weight::new("green edge".to_owned(), Split { blue: 0, green: 0 });
    look.picture.levers[1].1 = Ok(vec![zero]);
    Stage::new(look, Vec::new()).says(&["! somebody else has changed weights", "both weights are zero"]);
}

#[test]
fn more_levers_than_there_is_room_for_are_counted() {
    let mut look = look(50, readings(1.0));
    let rule = |number| Weight::new(format!("blue edge, rule {number}"), share(50).split());
    look.picture.levers[0].1 = Ok((0..9).map(rule).collect());
    Stage::new(look, Vec::new()).says(&["blue edge, rule 2", " more"]);
}

#[test]
fn questions_help_and_commands_lie_over_and_beside_the_rest() {
    let mut stage = Stage::new(look(50, readings(1.0)), holding_50());
    for (open, texts) in [
        (Open::Asking(Wish::Hold), ["Hold the shift where it is? y/n", "Green keeps 50 %."]),
        (Open::Asking(Wish::Continue), ["Continue the shift: give green 50 %, then 100 %? y/n", " y  yes   n  no"]),
        (Open::Asking(Wish::Abort), ["all traffic to blue, in order? y/n", "The shift is asked to hold first."]),
        (Open::Asking(Wish::FailBack), ["Fail back: all traffic to blue, now? y/n", "gives up"]),
        (Open::Leaving, ["Leave, although the abort hasn't begun? y/n", "stays where it is then"]),
        (Open::Help, ["hold: the shift, wherever it runs", "nothing can be said"]),
    ] {
        stage.open = open;
        stage.says(&texts);
    }
    stage.open = Open::Nothing;
    stage.abort_waits = true;
    stage.command = Some((0..9).map(|number| format!("line {number}")).collect());
    stage.says(&["the abort waits for the shift to hold", "provisioner failback", "runs for 2 s", "line 8"]);
}

#[test]
fn no_line_of_the_help_is_cut() {
    let mut stage = Stage::new(look(50, readings(1.0)), Vec::new());
    stage.open = Open::Help;
    for line in help() {
        stage.says(&[line.to_string().trim()]);
    }
}

#[test]
fn a_terminal_that_is_too_small_is_told_what_it_takes_and_none_breaks_it() {
    let mut stage = Stage::new(look(50, readings(1.0)), holding_50());
    let drawn = stage.drawn(60, 20);
    for text in ["green serves 50 %", "60x20 is too small: it takes 80x24", " f  fail back "] {
        assert!(drawn.contains(text), "{drawn}");
    }
    stage.command = Some(vec!["a line".to_owned()]);
    stage.troubles = vec!["trouble".to_owned(); 9];
    for open in [Open::Nothing, Open::Help, Open::Asking(Wish::FailBack)] {
        stage.open = open;
        for (wide, high) in [(1, 1), (3, 40), (200, 2), (80, 24), (80, 60), (99, 30), (100, 29), (250, 30), (250, 90)] {
            assert!(!stage.drawn(wide, high).is_empty());
        }
    }
}

#[test]
fn the_history_tells_what_a_shift_is_at() {
    let held = |event| holding_50().into_iter().chain([event]).collect::<Vec<_>>();
    let left = |outcome| Phase::Left(outcome, Some("so".to_owned()));
    let goes_back = || TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() };
    let holding = Phase::Holding { green: share(50), since: at(9), until: at(69) };
    for (events, wanted) in [
        (vec![begun()], Phase::Looking),
        (holding_50()[..3].to_vec(), Phase::Writing(LeverKind::Listeners, share(10))),
        (holding_50()[..5].to_vec(), Phase::Holding { green: share(10), since: at(3), until: at(63) }),
        (holding_50()[..7].to_vec(), Phase::Writing(LeverKind::Dns, share(10))),
        (holding_50()[..8].to_vec(), Phase::Done(share(10))),
        (holding_50(), holding.clone()),
        (held(TrafficEvent::HoldRequested), Phase::AskedToHold),
        (held(TrafficEvent::FailbackStarted), Phase::FailingBack),
        (held(goes_back()), Phase::RollingBack(share(0), "so".to_owned())),
        (held(ended(Outcome::Held, "so")), left(Outcome::Held)),
        // Nobody is there to hold it.
        ([held(ended(Outcome::Held, "so")), vec![TrafficEvent::HoldRequested]].concat(), left(Outcome::Held)),
        // What goes back isn't held.
        (
            [
                held(goes_back()),
                vec![writing(LeverKind::Listeners, 0), written(LeverKind::Listeners, 0), TrafficEvent::HoldRequested],
            ]
            .concat(),
            Phase::RollingBack(share(0), "so".to_owned()),
        ),
        // A failback that didn't get through leaves it where it was.
        (
            [held(TrafficEvent::FailbackStarted), vec![TrafficEvent::FailbackIncomplete { because: "so".to_owned() }]]
                .concat(),
            holding,
        ),
    ] {
        let said = format!("{:?}", events.last());
        assert_eq!(phase(events), wanted, "{said}");
    }
    // DNS alone moves the traffic: its write is what is held.
    let dns = vec![begun(), writing(LeverKind::Dns, 10), written(LeverKind::Dns, 10)];
    assert_eq!(phase(dns), Phase::Holding { green: share(10), since: at(2), until: at(62) });
    assert!(in_progress(held(ended(Outcome::RolledBack, "so"))).is_none());
}

#[test]
fn whoever_is_at_it_tells_whether_a_shift_runs() {
    let mut entries = history(holding_50());
    let mut asked = history([TrafficEvent::HoldRequested]).remove(0);
    asked.by = by("bob", 8);
    entries.push(asked);
    let only = |process| move |by: &Actor| if by.process == process { Liveness::Running } else { Liveness::Exited };
    assert!(UnderWay::of(&entries, only(7)).unwrap().runs(), "whoever asks it to hold isn't at it");
    assert_eq!(UnderWay::of(&entries, only(8)).unwrap().phase, Phase::Died);
    assert!(UnderWay::of(&entries, |_| Liveness::Unknown).unwrap().runs());
}

#[test]
fn an_abort_begins_when_the_shift_has_ended_and_its_process_is_gone() {
    let held: Vec<_> = holding_50().into_iter().chain([ended(Outcome::Held, "so")]).collect();
    let (running, held) = (history(holding_50()), history(held));
    let end = held.last().unwrap().at;
    let later = end + SignedDuration::from_secs(60);
    for (entries, alive, now, settled) in [
        (&running, Liveness::Running, later, false),
        (&running, Liveness::Unknown, later, false),
        (&running, Liveness::Exited, end, true),
        (&held, Liveness::Running, end, false),
        (&held, Liveness::Exited, end, true),
        (&held, Liveness::Running, later, true),
        (&held, Liveness::Unknown, later, true),
    ] {
        assert_eq!(is_settled(entries, now, |_| alive), settled, "{alive:?} at {now}: {:?}", entries.last());
    }
    assert!(is_settled(&[], end, |_| Liveness::Running));
}

fn key(letter: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)
}

fn asking(key: char) -> Does {
    let wish = Wish::ALL.into_iter().find(|wish| wish.key() == key);
    Does::Open(Open::Asking(wish.expect("a key")))
}

#[test]
fn each_key_asks_first_where_it_makes_sense_and_says_why_where_it_does_not() {
    let held = || {
        let mut events = holding_50();
        events.push(ended(Outcome::Held, "so"));
        in_progress(events)
    };
    let died = || UnderWay::of(&history(holding_50()), |_| Liveness::Exited);
    let back = || {
        let mut events = holding_50();
        events.push(TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() });
        in_progress(events)
    };
    let back_and_died = || {
        let back = TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() };
        UnderWay::of(&history(holding_50().into_iter().chain([back])), |_| Liveness::Exited)
    };
    let asked = || {
        let mut events = holding_50();
        events.push(TrafficEvent::HoldRequested);
        in_progress(events)
    };
    for (name, shift, sensible) in [
        ("none", None, "f"),
        ("running", in_progress(holding_50()), "haf"),
        ("held", held(), "caf"),
        ("died", died(), "caf"),
        ("going back", back(), "f"),
        ("died while it went back", back_and_died(), "af"),
        ("asked to hold", asked(), "af"),
    ] {
        let situation = Situation { shift: shift.as_ref(), ..Situation::default() };
        for letter in ['h', 'c', 'a', 'f'] {
            let does = press(key(letter), Open::Nothing, &situation);
            if sensible.contains(letter) {
                assert_eq!(does, asking(letter), "{letter}, {name}");
            } else {
                assert!(matches!(&does, Does::Say(why) if why.len() > 20), "{letter}, {name}: {does:?}");
            }
        }
    }
    let held = held();
    let waits = Situation { shift: held.as_ref(), abort_waits: true, ..Situation::default() };
    let sensible: Vec<_> = Wish::ALL.into_iter().filter(|wish| waits.allows(*wish).is_ok()).collect();
    assert_eq!(sensible, [Wish::FailBack]);
    // Nothing stands in the way of a failback but a failback.
    let failing_back = Situation { failing_back: true, ..Situation::default() };
    assert!(matches!(press(key('f'), Open::Nothing, &failing_back), Does::Say(_)));
    let shifting = Situation { shift: held.as_ref(), shifting: true, ..Situation::default() };
    assert!(matches!(press(key('c'), Open::Nothing, &shifting), Does::Say(_)));
}

#[test]
fn only_y_confirms_and_only_if_it_makes_sense_still() {
    let running = in_progress(holding_50());
    let situation = Situation { shift: running.as_ref(), ..Situation::default() };
    for wish in [Wish::Hold, Wish::Abort, Wish::FailBack] {
        let open = Open::Asking(wish);
        assert_eq!(press(key('y'), open, &situation), Does::Act(wish));
        assert_eq!(press(key('n'), open, &situation), Does::Open(Open::Nothing));
        for code in [KeyCode::Enter, KeyCode::Char(' '), KeyCode::Char('Y'), KeyCode::Char('f'), KeyCode::Tab] {
            let does = press(KeyEvent::new(code, KeyModifiers::NONE), open, &situation);
            assert_eq!(does, Does::Nothing, "{wish:?}, {code}");
        }
        assert_eq!(press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), open, &situation), Does::Open(Open::Nothing));
    }
    let over = Situation::default();
    assert!(matches!(press(key('y'), Open::Asking(Wish::Hold), &over), Does::Say(_)), "the shift ended meanwhile");
}

#[test]
fn the_watch_can_be_left_at_any_time_but_not_without_a_word_while_an_abort_waits() {
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let esc = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
    let idle = Situation::default();
    for leave in [key('q'), esc, ctrl_c] {
        assert_eq!(press(leave, Open::Nothing, &idle), Does::Leave);
    }
    for open in [Open::Help, Open::Asking(Wish::FailBack), Open::Leaving] {
        assert_eq!(press(ctrl_c, open, &idle), Does::Leave);
    }
    let waits = Situation { abort_waits: true, ..Situation::default() };
    for leave in [key('q'), esc, ctrl_c] {
        assert_eq!(press(leave, Open::Nothing, &waits), Does::Open(Open::Leaving));
    }
    assert_eq!(press(key('y'), Open::Leaving, &waits), Does::Leave);
    assert_eq!(press(key('n'), Open::Leaving, &waits), Does::Open(Open::Nothing));
    assert_eq!(press(ctrl_c, Open::Leaving, &waits), Does::Leave);
    assert_eq!(press(key('?'), Open::Nothing, &idle), Does::Open(Open::Help));
    assert_eq!(press(key('x'), Open::Help, &idle), Does::Open(Open::Nothing));
    assert_eq!(press(key('x'), Open::Nothing, &idle), Does::Nothing);
}
