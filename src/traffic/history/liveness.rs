//! Whether the process that wrote an entry still runs.

use rustix::process::{Pid, test_kill_process};

use super::Actor;

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Running,
    /// It has exited.
    Exited,
    /// It is on another host.
    Unknown,
}

impl Liveness {
    /// Whether this actor's process runs, as seen from `here`.
    pub fn of(actor: &Actor, here: &Actor) -> Self {
        if actor.host != here.host {
            return Liveness::Unknown;
        }
        let Some(process) = actor.process.try_into().ok().and_then(Pid::from_raw) else { return Liveness::Exited };
        match test_kill_process(process) {
            Err(rustix::io::Errno::SRCH) => Liveness::Exited,
            // Including "permission denied": another user's process.
            _ => Liveness::Running,
        }
    }
}
