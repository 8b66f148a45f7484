//! Events of live traffic, as the history stores them. Serialized names are stored: they must not change.

use serde::{Deserialize, Serialize};

use super::check::{Check, Verdict};
use super::limits::Limits;
use super::share::{Share, Steps};
use super::weight::{LeverKind, Weight};

/// What to do when a gate fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// Return to the weights from before the shift.
    #[default]
    Rollback,
    /// Move all traffic to blue, whatever the weights were before the shift.
    Blue,
    /// Stay, and wait for a decision.
    Hold,
}

/// How a shift ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Green has the requested share.
    Completed,
    /// A gate failed before anything was changed.
    Refused,
    /// A gate failed, and the weights were rolled back.
    RolledBack,
    /// The weights stay, and wait for a decision.
    Held,
    /// Ctrl-C: the weights stay.
    Interrupted,
    /// A failback started during the shift: all traffic is at blue.
    FailedBack,
    /// The shift was aborted: all traffic is at blue.
    Aborted,
    /// The weights can't be written, or don't read back as written.
    Failed,
}

/// An event of a system's traffic, as the history stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrafficEvent {
    /// A shift starts or resumes.
    ShiftStarted {
        /// The id of the shift.
        shift: String,
        /// The shares of green, one after the other.
        steps: Steps,
        /// The hold of each step.
        hold_seconds: f64,
        /// What happens if a gate fails.
        on_fail: OnFail,
        /// How long it waits for an inconclusive gate.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patience_seconds: Option<f64>,
        /// The limits of the gates.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
        /// Green's share before the shift, which a rollback restores.
        from: Share,
        /// It continues an earlier run of the same shift.
        resumed: bool,
    },
    /// The gates were evaluated, with another verdict than before.
    Gates {
        /// Green's share at the time.
        green: Share,
        /// The worst of the checks.
        verdict: Verdict,
        /// The checks.
        checks: Vec<Check>,
    },
    /// Weights are about to be written.
    Writing {
        /// Which levers.
        lever: LeverKind,
        /// The weights that AWS had before.
        from: Vec<Weight>,
        /// The new share of green.
        to: Share,
    },
    /// Weights were written and read back.
    Written {
        /// Which levers.
        lever: LeverKind,
        /// Green's share.
        to: Share,
        /// AWS's request ids; empty if all weights were correct already.
        request_ids: Vec<String>,
    },
    /// A step was held for its time with all gates passing.
    StepDone {
        /// Green's share.
        green: Share,
    },
    /// A rollback or an abort starts.
    RollingBack {
        /// The share of green to return to.
        to: Share,
        /// Why.
        because: String,
    },
    /// A shift ended.
    ShiftEnded {
        /// How.
        outcome: Outcome,
        /// Green's share afterwards; `None` if it differs between levers.
        green: Option<Share>,
        /// Why, unless it was completed.
        because: Option<String>,
    },
    /// Someone requested that the running shift holds.
    #[serde(rename = "hold_asked")]
    HoldRequested,
    /// A failback starts.
    FailbackStarted,
    /// All traffic is at blue.
    FailedBack {
        /// The seconds until all rules of all edges read back as blue.
        seconds: f64,
        /// The weights before.
        from: Vec<Weight>,
        /// AWS's request ids.
        request_ids: Vec<String>,
        /// Why DNS wasn't moved, although all traffic is at blue: the listeners decide.
        #[serde(default, rename = "dns_left", skip_serializing_if = "Option::is_none")]
        dns_error: Option<String>,
    },
    /// A failback couldn't move all levers.
    FailbackIncomplete {
        /// Which levers are left, and why.
        because: String,
    },
    /// The weights differ from those that the history saw last: someone changed them outside provisioner.
    #[serde(rename = "noticed")]
    ExternalChange {
        /// The weights that the history saw last.
        from: Vec<Weight>,
        /// The actual weights.
        to: Vec<Weight>,
    },
}
