//! What the screen displays, as plain data.

use std::time::Duration;

use jiff::Timestamp;

use super::keys::{Controls, Overlay};
use super::poll::{Sample, Trends};
use super::shift_progress::ShiftProgress;
use crate::traffic::Share;
use crate::traffic::bound::Bound;
use crate::traffic::history::Entry;

/// Everything that the screen displays.
#[derive(Clone, Debug)]
pub struct Scene<'a> {
    /// What is watched.
    pub deployment: &'a Deployment,
    /// The present time.
    pub now: Timestamp,
    /// The interval of samples.
    pub interval: Duration,
    /// The last sample.
    pub sample: Option<&'a Sample>,
    /// The metrics of customers over time.
    pub trends: &'a Trends,
    /// The failback bound, if there is an automatic failback.
    pub bound: Option<&'a Bound>,
    /// The history.
    pub entries: &'a [Entry],
    /// The state of the controls, with the unfinished shift.
    pub controls: Controls<'a>,
    /// Why samples or the history can't be read.
    pub errors: Vec<String>,
    /// The response to the last key.
    pub message: Option<&'a str>,
    /// The last command that was started here.
    pub command: Option<Command<'a>>,
    /// What is displayed over the panels.
    pub overlay: Overlay,
}

impl<'a> Scene<'a> {
    /// The unfinished shift.
    pub fn shift(&self) -> Option<&'a ShiftProgress> {
        self.controls.shift
    }

    /// Green's share of the requests, if known.
    pub fn green(&self) -> Option<Share> {
        self.sample.and_then(|sample| sample.snapshot.green)
    }
}

/// The watched deployment.
#[derive(Clone, Debug)]
pub struct Deployment {
    /// `lambda-mysql`
    pub system: String,
    /// `prod`
    pub suffix: String,
    /// The AWS account.
    pub account: String,
    /// `AWS us-east-1`, `sandbox`.
    pub place: String,
}

/// A command that was started here.
#[derive(Clone, Debug)]
pub struct Command<'a> {
    /// `provisioner failback`
    pub command: &'a str,
    /// Its running time.
    pub took: Duration,
    /// Its result if it has ended; `Err` has the exit code or signal.
    pub ended: Option<Result<(), String>>,
    /// Its output.
    pub lines: &'a [String],
}
