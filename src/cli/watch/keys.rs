//! The keys: what each does, depending on the overlay and on the shift.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::shift_progress::{Phase, ShiftProgress};

/// What an operator can do to the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Control {
    /// Hold the shift at its current step.
    Hold,
    /// Resume the shift.
    Continue,
    /// Abort the shift: all traffic to blue, listeners first.
    Abort,
    /// Move all traffic to blue, now.
    FailBack,
}

impl Control {
    /// All controls, in the order in which they are displayed.
    pub const ALL: [Control; 4] = [Control::Hold, Control::Continue, Control::Abort, Control::FailBack];

    /// Its key.
    pub fn key(self) -> char {
        match self {
            Control::Hold => 'h',
            Control::Continue => 'c',
            Control::Abort => 'a',
            Control::FailBack => 'f',
        }
    }

    /// Its label.
    pub fn name(self) -> &'static str {
        match self {
            Control::Hold => "hold",
            Control::Continue => "continue",
            Control::Abort => "abort",
            Control::FailBack => "fail back",
        }
    }

    fn of_key(key: char) -> Option<Self> {
        Control::ALL.into_iter().find(|control| control.key() == key)
    }
}

/// What is displayed over the panels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The explanation of keys and marks.
    Help,
    /// The confirmation of a control.
    Confirm(Control),
    /// The confirmation to quit although an abort is pending.
    ConfirmQuit,
}

/// The effect of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAction {
    /// No effect.
    None,
    /// Displays another overlay.
    Show(Overlay),
    /// The control isn't available, for this reason.
    Unavailable(String),
    /// Executes a confirmed control.
    Execute(Control),
    /// Quits.
    Quit,
}

/// The state on which the availability of controls depends.
#[derive(Clone, Copy, Debug, Default)]
pub struct Controls<'a> {
    /// The unfinished shift.
    pub shift: Option<&'a ShiftProgress>,
    /// A `provisioner shift` that was started here is running.
    pub shift_running: bool,
    /// A `provisioner failback` that was started here is running.
    pub failback_running: bool,
    /// An abort waits until the shift holds.
    pub abort_pending: bool,
}

impl Controls<'_> {
    /// Checks whether a control is available; `Err` says why not.
    pub fn check(&self, control: Control) -> Result<(), String> {
        match control {
            Control::Hold => self.check_hold(),
            Control::Continue => self.check_continue(),
            Control::Abort => self.check_abort(),
            // Available in every state of the shift, because the displayed state may be outdated.
            Control::FailBack if self.failback_running => unavailable("a failback is running already"),
            Control::FailBack => Ok(()),
        }
    }

    fn check_hold(&self) -> Result<(), String> {
        let Some(shift) = self.shift else { return unavailable("nothing to hold: no shift is running") };
        match shift.phase {
            Phase::Stopped(..) => unavailable("the shift has stopped already"),
            Phase::Died => unavailable("nothing to hold: the shift's process has died"),
            Phase::RollingBack(..) | Phase::FailingBack => unavailable(MOVING_TO_BLUE),
            Phase::HoldRequested => unavailable("a hold is requested already; it takes effect at the next check"),
            Phase::CheckingGates | Phase::Writing(..) | Phase::Holding { .. } | Phase::StepDone(_) => Ok(()),
        }
    }

    fn check_continue(&self) -> Result<(), String> {
        let Some(shift) = self.shift else { return unavailable("nothing to continue: there is no unfinished shift") };
        match shift.phase {
            _ if self.abort_pending => unavailable(ABORT_PENDING),
            Phase::RollingBack(..) | Phase::FailingBack => unavailable(MOVING_TO_BLUE),
            _ if shift.is_running() || self.shift_running => unavailable("nothing to continue: the shift is running"),
            _ if shift.shift.rolling_back => unavailable("the shift was rolling back; a moves all traffic to blue"),
            _ => Ok(()),
        }
    }

    fn check_abort(&self) -> Result<(), String> {
        let Some(shift) = self.shift else {
            return unavailable("nothing to abort: there is no unfinished shift; f moves all traffic to blue");
        };
        match shift.phase {
            _ if self.abort_pending => unavailable(ABORT_PENDING),
            Phase::RollingBack(..) | Phase::FailingBack => unavailable(MOVING_TO_BLUE),
            _ => Ok(()),
        }
    }
}

const MOVING_TO_BLUE: &str = "traffic is moving back already; f moves all traffic to blue, now";
const ABORT_PENDING: &str = "an abort is pending until the shift holds; f moves all traffic to blue, now";

fn unavailable(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

/// The effect of this key.
pub fn press(key: KeyEvent, overlay: Overlay, controls: &Controls) -> KeyAction {
    // Ctrl-C quits from every overlay.
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return quit(overlay, controls);
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return KeyAction::None;
    }
    match overlay {
        Overlay::None => match key.code {
            KeyCode::Char('q') | KeyCode::Esc => quit(overlay, controls),
            KeyCode::Char('?') => KeyAction::Show(Overlay::Help),
            KeyCode::Char(letter) => match Control::of_key(letter) {
                Some(control) => {
                    let confirm = || KeyAction::Show(Overlay::Confirm(control));
                    controls.check(control).map_or_else(KeyAction::Unavailable, |()| confirm())
                }
                None => KeyAction::None,
            },
            _ => KeyAction::None,
        },
        Overlay::Help => KeyAction::Show(Overlay::None),
        // Only y confirms: Enter is pressed too easily.
        Overlay::Confirm(control) => match key.code {
            // The shift may have changed since the question was displayed.
            KeyCode::Char('y') => {
                controls.check(control).map_or_else(KeyAction::Unavailable, |()| KeyAction::Execute(control))
            }
            KeyCode::Char('n' | 'q') | KeyCode::Esc => KeyAction::Show(Overlay::None),
            _ => KeyAction::None,
        },
        Overlay::ConfirmQuit => match key.code {
            KeyCode::Char('y') => KeyAction::Quit,
            KeyCode::Char('n' | 'q') | KeyCode::Esc => KeyAction::Show(Overlay::None),
            _ => KeyAction::None,
        },
    }
}

/// Quits; asks first if that would cancel a pending abort. Running commands continue.
fn quit(overlay: Overlay, controls: &Controls) -> KeyAction {
    if controls.abort_pending && overlay != Overlay::ConfirmQuit {
        KeyAction::Show(Overlay::ConfirmQuit)
    } else {
        KeyAction::Quit
    }
}
