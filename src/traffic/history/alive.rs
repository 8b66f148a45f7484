//! Whether whoever put something down is still at work.

use rustix::process::{Pid, test_kill_process};

use super::By;

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alive {
    /// It does.
    Yes,
    /// It doesn't.
    No,
    /// It is on another machine.
    Unknown,
}

impl Alive {
    /// Whether this process runs, as far as `here` can tell.
    pub fn of(by: &By, here: &By) -> Self {
        if by.host != here.host {
            return Alive::Unknown;
        }
        let Some(process) = by.process.try_into().ok().and_then(Pid::from_raw) else { return Alive::No };
        match test_kill_process(process) {
            Err(rustix::io::Errno::SRCH) => Alive::No,
            // Also where it is somebody else's.
            _ => Alive::Yes,
        }
    }
}
