//! Whether the process that wrote an entry still runs.

use rustix::process::{Pid, test_kill_process};

use super::Actor;

/// Whether a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessStatus {
    /// It runs.
    Running,
    /// It has exited.
    Exited,
    /// It is on another host.
    Unknown,
}

impl ProcessStatus {
    /// Whether this actor's process runs, as seen from `here`.
    pub fn of(actor: &Actor, here: &Actor) -> Self {
        if actor.host != here.host {
            return ProcessStatus::Unknown;
        }
        let Some(process) = actor.process.try_into().ok().and_then(Pid::from_raw) else { return ProcessStatus::Exited };
        match test_kill_process(process) {
            Err(rustix::io::Errno::SRCH) => ProcessStatus::Exited,
            // Including "permission denied": another user's process.
            _ => ProcessStatus::Running,
        }
    }
}
