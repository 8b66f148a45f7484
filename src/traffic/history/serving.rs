//! How long green has been serving, by replaying the history.

use jiff::Timestamp;

use super::Entry;
use crate::traffic::event::TrafficEvent;
use crate::traffic::share::Share;
use crate::traffic::weight::LeverKind;

/// The start of the uninterrupted time in which green has served customers; `None` if it serves none. Listeners decide, or DNS
/// if there are none.
pub fn green_since(entries: &[Entry]) -> Option<Timestamp> {
    let is_of_listeners = |entry: &Entry| match &entry.event {
        TrafficEvent::Writing { lever, .. } => *lever == LeverKind::Listeners,
        TrafficEvent::ExternalChange { to, .. } => to.iter().any(|weight| weight.kind() == LeverKind::Listeners),
        _ => false,
    };
    let deciding = if entries.iter().any(is_of_listeners) { LeverKind::Listeners } else { LeverKind::Dns };
    let mut since = None;
    for entry in entries {
        let serves = match &entry.event {
            // It may serve from the start of a write on ...
            TrafficEvent::Writing { lever, to, .. } if *lever == deciding && *to > Share::BLUE => true,
            // ... and until a write has been read back.
            TrafficEvent::Written { lever, to, .. } if *lever == deciding => *to > Share::BLUE,
            TrafficEvent::FailedBack { .. } => false,
            // The actual share: a rejected write gave green nothing.
            TrafficEvent::ShiftEnded { green: Some(green), .. } => *green > Share::BLUE,
            TrafficEvent::ExternalChange { to, .. } => {
                let mut weights = to.iter().filter(|weight| weight.kind() == deciding).peekable();
                if weights.peek().is_none() {
                    continue;
                }
                weights.any(|weight| weight.split.green > 0)
            }
            _ => continue,
        };
        since = serves.then(|| since.unwrap_or(entry.at));
    }
    since
}
