//! What a key does, by what is open and by what is going on.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::in_progress::{Phase, UnderWay};

/// What a person can want of the traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// The shift stays where it is.
    Hold,
    /// The shift goes on.
    Continue,
    /// The shift is called off: all to blue, in order.
    Abort,
    /// All to blue, now.
    FailBack,
}

impl Wish {
    /// All of them, in the order in which they are told.
    pub const ALL: [Wish; 4] = [Wish::Hold, Wish::Continue, Wish::Abort, Wish::FailBack];

    /// Its key.
    pub fn key(self) -> char {
        match self {
            Wish::Hold => 'h',
            Wish::Continue => 'c',
            Wish::Abort => 'a',
            Wish::FailBack => 'f',
        }
    }

    /// In a word or two.
    pub fn name(self) -> &'static str {
        match self {
            Wish::Hold => "hold",
            Wish::Continue => "continue",
            Wish::Abort => "abort",
            Wish::FailBack => "fail back",
        }
    }

    fn of(key: char) -> Option<Self> {
        Wish::ALL.into_iter().find(|wish| wish.key() == key)
    }
}

/// What lies over the screen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Open {
    /// Nothing.
    #[default]
    Nothing,
    /// The keys and marks, explained.
    Help,
    /// The question whether it is meant.
    Asking(Wish),
    /// The question whether to leave although an abort hasn't begun.
    Leaving,
}

/// What a key does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Does {
    /// Nothing.
    Nothing,
    /// It opens this, or closes what was open.
    Open(Open),
    /// Nothing, and this is why.
    Say(String),
    /// What was asked for, and confirmed.
    Act(Wish),
    /// The watch ends.
    Leave,
}

/// What is going on, as far as keys depend on it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Situation<'a> {
    /// The shift that isn't over.
    pub shift: Option<&'a UnderWay>,
    /// A `provisioner shift` that was started here runs.
    pub shifting: bool,
    /// A `provisioner failback` that was started here runs.
    pub failing_back: bool,
    /// An abort waits for the shift to hold.
    pub abort_waits: bool,
}

impl Situation<'_> {
    /// Whether that makes sense now; `Err` says why it doesn't.
    pub fn allows(&self, wish: Wish) -> Result<(), String> {
        match wish {
            Wish::Hold => self.allows_hold(),
            Wish::Continue => self.allows_continue(),
            Wish::Abort => self.allows_abort(),
            // Nothing stands in its way, least of all what this screen takes for the state of things.
            Wish::FailBack if self.failing_back => no("the failback is under way already"),
            Wish::FailBack => Ok(()),
        }
    }

    fn allows_hold(&self) -> Result<(), String> {
        let Some(shift) = self.shift else { return no("no shift is under way: there is nothing to hold") };
        match shift.phase {
            Phase::Left(..) => no("the shift stays where it is already"),
            Phase::Died => no("the shift's process is gone: nothing moves"),
            Phase::RollingBack(..) | Phase::FailingBack => no(GOES_BACK),
            Phase::AskedToHold => no("it was asked to hold already, and finds out at its next look"),
            Phase::Looking | Phase::Writing(..) | Phase::Holding { .. } | Phase::Done(_) => Ok(()),
        }
    }

    fn allows_continue(&self) -> Result<(), String> {
        let Some(shift) = self.shift else { return no("there is no shift left to continue") };
        match shift.phase {
            _ if self.abort_waits => no(ABORT_WAITS),
            Phase::RollingBack(..) | Phase::FailingBack => no(GOES_BACK),
            _ if shift.runs() || self.shifting => no("the shift is under way: there is nothing to continue"),
            _ if shift.shift.rolling_back => no("the shift was on its way back: a takes all traffic to blue"),
            _ => Ok(()),
        }
    }

    fn allows_abort(&self) -> Result<(), String> {
        let Some(shift) = self.shift else {
            return no("there is no shift to abort; f moves all traffic to blue in any case");
        };
        match shift.phase {
            _ if self.abort_waits => no(ABORT_WAITS),
            Phase::RollingBack(..) | Phase::FailingBack => no(GOES_BACK),
            _ => Ok(()),
        }
    }
}

const GOES_BACK: &str = "it goes back already; f moves all traffic to blue at once";
const ABORT_WAITS: &str = "the abort waits for the shift to hold; f moves all traffic to blue at once";

fn no(why: &str) -> Result<(), String> {
    Err(why.to_owned())
}

/// What this key does.
pub fn press(key: KeyEvent, open: Open, situation: &Situation) -> Does {
    // Always the way out, also where a question is open.
    if key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL) {
        return leave(open, situation);
    }
    if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) {
        return Does::Nothing;
    }
    match open {
        Open::Nothing => match key.code {
            KeyCode::Char('q') | KeyCode::Esc => leave(open, situation),
            KeyCode::Char('?') => Does::Open(Open::Help),
            KeyCode::Char(letter) => match Wish::of(letter) {
                Some(wish) => situation.allows(wish).map_or_else(Does::Say, |()| Does::Open(Open::Asking(wish))),
                None => Does::Nothing,
            },
            _ => Does::Nothing,
        },
        Open::Help => Does::Open(Open::Nothing),
        // Only y: Enter is pressed too easily.
        Open::Asking(wish) => match key.code {
            // Much can have happened since the question was asked.
            KeyCode::Char('y') => situation.allows(wish).map_or_else(Does::Say, |()| Does::Act(wish)),
            KeyCode::Char('n' | 'q') | KeyCode::Esc => Does::Open(Open::Nothing),
            _ => Does::Nothing,
        },
        Open::Leaving => match key.code {
            KeyCode::Char('y') => Does::Leave,
            KeyCode::Char('n' | 'q') | KeyCode::Esc => Does::Open(Open::Nothing),
            _ => Does::Nothing,
        },
    }
}

/// What was begun goes on without this screen; what wasn't yet would not begin.
fn leave(open: Open, situation: &Situation) -> Does {
    if situation.abort_waits && open != Open::Leaving { Does::Open(Open::Leaving) } else { Does::Leave }
}
