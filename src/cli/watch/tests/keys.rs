//! The effects of keys.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::{ended, history, holding_50, in_progress, share};
use crate::cli::watch::keys::{Control, Controls, KeyAction, Overlay, press};
use crate::cli::watch::shift_progress::ShiftProgress;
use crate::traffic::event::{Outcome, TrafficEvent};
use crate::traffic::history::ProcessStatus;

fn key(letter: char) -> KeyEvent {
    KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE)
}

fn confirmation(key: char) -> KeyAction {
    let control = Control::ALL.into_iter().find(|control| control.key() == key);
    KeyAction::Show(Overlay::Confirm(control.expect("a key")))
}

#[test]
fn available_keys_ask_and_others_explain() {
    let held = || {
        let mut events = holding_50();
        events.push(ended(Outcome::Held, "so"));
        in_progress(events)
    };
    let died = || ShiftProgress::from_history(&history(holding_50()), |_| ProcessStatus::Exited);
    let back = || {
        let mut events = holding_50();
        events.push(TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() });
        in_progress(events)
    };
    let back_and_died = || {
        let back = TrafficEvent::RollingBack { to: share(0), because: "so".to_owned() };
        ShiftProgress::from_history(&history(holding_50().into_iter().chain([back])), |_| ProcessStatus::Exited)
    };
    let asked = || {
        let mut events = holding_50();
        events.push(TrafficEvent::HoldRequested);
        in_progress(events)
    };
    for (name, shift, available) in [
        ("none", None, "f"),
        ("running", in_progress(holding_50()), "haf"),
        ("held", held(), "caf"),
        ("died", died(), "caf"),
        ("rolling back", back(), "f"),
        ("died during a rollback", back_and_died(), "af"),
        ("hold requested", asked(), "af"),
    ] {
        let controls = Controls { shift: shift.as_ref(), ..Controls::default() };
        for letter in ['h', 'c', 'a', 'f'] {
            let action = press(key(letter), Overlay::None, &controls);
            if available.contains(letter) {
                assert_eq!(action, confirmation(letter), "{letter}, {name}");
            } else {
                assert!(
                    matches!(&action, KeyAction::Unavailable(why) if why.len() > 20),
                    "{letter}, {name}: {action:?}"
                );
            }
        }
    }
    let held = held();
    let waits = Controls { shift: held.as_ref(), abort_pending: true, ..Controls::default() };
    let available: Vec<_> = Control::ALL.into_iter().filter(|control| waits.check(*control).is_ok()).collect();
    assert_eq!(available, [Control::FailBack]);
    // Only a running failback makes a failback unavailable.
    let failing_back = Controls { failback_running: true, ..Controls::default() };
    assert!(matches!(press(key('f'), Overlay::None, &failing_back), KeyAction::Unavailable(_)));
    let shifting = Controls { shift: held.as_ref(), shift_running: true, ..Controls::default() };
    assert!(matches!(press(key('c'), Overlay::None, &shifting), KeyAction::Unavailable(_)));
}

#[test]
fn only_y_confirms_and_availability_is_checked_again() {
    let running = in_progress(holding_50());
    let controls = Controls { shift: running.as_ref(), ..Controls::default() };
    for control in [Control::Hold, Control::Abort, Control::FailBack] {
        let overlay = Overlay::Confirm(control);
        assert_eq!(press(key('y'), overlay, &controls), KeyAction::Execute(control));
        assert_eq!(press(key('n'), overlay, &controls), KeyAction::Show(Overlay::None));
        for code in [KeyCode::Enter, KeyCode::Char(' '), KeyCode::Char('Y'), KeyCode::Char('f'), KeyCode::Tab] {
            let action = press(KeyEvent::new(code, KeyModifiers::NONE), overlay, &controls);
            assert_eq!(action, KeyAction::None, "{control:?}, {code}");
        }
        assert_eq!(
            press(KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE), overlay, &controls),
            KeyAction::Show(Overlay::None)
        );
    }
    let no_shift = Controls::default();
    assert!(
        matches!(press(key('y'), Overlay::Confirm(Control::Hold), &no_shift), KeyAction::Unavailable(_)),
        "the shift has ended"
    );
}

#[test]
fn quitting_asks_only_while_an_abort_is_pending() {
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    let esc = KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE);
    let idle = Controls::default();
    for quit in [key('q'), esc, ctrl_c] {
        assert_eq!(press(quit, Overlay::None, &idle), KeyAction::Quit);
    }
    for overlay in [Overlay::Help, Overlay::Confirm(Control::FailBack), Overlay::ConfirmQuit] {
        assert_eq!(press(ctrl_c, overlay, &idle), KeyAction::Quit);
    }
    let waits = Controls { abort_pending: true, ..Controls::default() };
    for quit in [key('q'), esc, ctrl_c] {
        assert_eq!(press(quit, Overlay::None, &waits), KeyAction::Show(Overlay::ConfirmQuit));
    }
    assert_eq!(press(key('y'), Overlay::ConfirmQuit, &waits), KeyAction::Quit);
    assert_eq!(press(key('n'), Overlay::ConfirmQuit, &waits), KeyAction::Show(Overlay::None));
    assert_eq!(press(ctrl_c, Overlay::ConfirmQuit, &waits), KeyAction::Quit);
    assert_eq!(press(key('?'), Overlay::None, &idle), KeyAction::Show(Overlay::Help));
    assert_eq!(press(key('x'), Overlay::Help, &idle), KeyAction::Show(Overlay::None));
    assert_eq!(press(key('x'), Overlay::None, &idle), KeyAction::None);
}
