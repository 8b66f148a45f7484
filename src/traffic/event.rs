//! What happens to traffic: the words that history, progress and the live view share.

use serde::{Deserialize, Serialize};

use super::gates::Limits;
use super::share::{Share, Split, Steps};

/// What became of a check, or of all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Green is well by it.
    Pass,
    /// Nothing can be said yet: the shift stays where it is.
    Inconclusive,
    /// Green isn't well.
    Fail,
}

/// One look at green.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What was looked at: `healthy targets`, `alarms`, `requests`, `errors`, `latency`.
    pub name: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What was read, and what it was compared with, for people.
    pub reading: String,
}

/// The checks of this verdict, in words. Where there are too few requests, that says all there is to say of them.
pub fn to_blame(checks: &[Check], verdict: Verdict) -> String {
    let of_it = |check: &&Check| check.verdict == verdict;
    let few = verdict == Verdict::Inconclusive && checks.iter().filter(of_it).any(|check| check.name == REQUESTS);
    let follows = |check: &&Check| few && [ERRORS, LATENCY].contains(&check.name.as_str());
    let blamed = checks.iter().filter(|check| of_it(check) && !follows(check));
    blamed.map(|check| format!("{}: {}", check.name, check.reading)).collect::<Vec<_>>().join("; ")
}

/// The names of the checks on what customers get.
pub const REQUESTS: &str = "requests";
/// See [`REQUESTS`].
pub const ERRORS: &str = "errors";
/// See [`REQUESTS`].
pub const LATENCY: &str = "latency";

/// What to do when a gate fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum OnFail {
    /// Back to the weights before the shift.
    #[default]
    Rollback,
    /// All to blue, whatever the weights were before the shift.
    Blue,
    /// Stay, and wait for people.
    Hold,
}

/// How a shift ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Green has the share that was asked for.
    Completed,
    /// Nothing was changed, as green wasn't fit for it.
    Refused,
    /// A gate failed, and the weights are back.
    RolledBack,
    /// It stays where it is, for people to decide.
    Held,
    /// Ctrl-C: it stays where it is.
    Interrupted,
    /// A failback came in between: all is at blue.
    FailedBack,
    /// It was called off, and all is at blue.
    Aborted,
    /// The weights couldn't be written or don't read back.
    Failed,
}

/// What a write moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lever {
    /// The weighted rules of all edges.
    Listeners,
    /// The weighted records.
    Dns,
}

/// The weights of one lever at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// Which rule or name: `blue edge`, `live.example.com`.
    pub lever: String,
    /// Its weights.
    #[serde(flatten)]
    pub split: Split,
    /// Clients stay with the environment that first served them, whatever the weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
}

impl Weight {
    /// Of a lever that binds no clients.
    pub fn new(lever: impl Into<String>, split: Split) -> Self {
        Weight { lever: lever.into(), split, sticky: false }
    }

    /// True if green gets just this share, and nothing overrides that.
    pub fn is(&self, share: Share) -> bool {
        self.split.is(share) && !self.sticky
    }

    /// True if green gets no more than this share, and nothing overrides that.
    pub fn is_at_most(&self, share: Share) -> bool {
        self.split.is_at_most(share) && !self.sticky
    }
}

/// Something that happened to the traffic of a system, as history keeps it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum TrafficEvent {
    /// A shift begins, or goes on.
    ShiftStarted {
        /// Tells shifts apart.
        shift: String,
        /// The shares of green, one after the other.
        steps: Steps,
        /// How long each is held and watched.
        hold_seconds: f64,
        /// What a failed gate leads to.
        on_fail: OnFail,
        /// How long it stays where nothing can be said of green.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        patience_seconds: Option<f64>,
        /// What green is measured by.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limits: Option<Limits>,
        /// The share before it: where a failed gate leads back to.
        from: Share,
        /// It goes on from where it was left.
        resumed: bool,
    },
    /// Green was looked at, and the verdict isn't what it was before.
    Gates {
        /// The share of green at the time.
        green: Share,
        /// All in all.
        verdict: Verdict,
        /// One by one.
        checks: Vec<Check>,
    },
    /// Weights are about to be written.
    Writing {
        /// What is moved.
        lever: Lever,
        /// The weights until now, as AWS had them.
        from: Vec<Weight>,
        /// The share of green to come.
        to: Share,
    },
    /// Weights were written, and read back as written.
    Written {
        /// What was moved.
        lever: Lever,
        /// The share of green.
        to: Share,
        /// AWS's ids of the requests that did it; none if all was as wanted.
        request_ids: Vec<String>,
    },
    /// A step was held for its time, and all gates passed.
    StepDone {
        /// The share of green.
        green: Share,
    },
    /// A gate failed or people said so: it goes back.
    RollingBack {
        /// The share of green to go back to.
        to: Share,
        /// Why.
        because: String,
    },
    /// A shift ended.
    ShiftEnded {
        /// How.
        outcome: Outcome,
        /// The share of green after it; `None` where the levers don't agree.
        green: Option<Share>,
        /// Why, unless it was completed.
        because: Option<String>,
    },
    /// Somebody asked the shift that is under way to hold.
    HoldAsked,
    /// A failback begins: all to blue, whatever else goes on.
    FailbackStarted,
    /// All is at blue.
    FailedBack {
        /// The seconds until all rules of all edges read back as blue.
        seconds: f64,
        /// The weights before it.
        from: Vec<Weight>,
        /// AWS's ids of the requests that did it.
        request_ids: Vec<String>,
        /// Why the records aren't at blue, although all customers are: the listeners decide.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dns_left: Option<String>,
    },
    /// A failback couldn't move everything.
    FailbackIncomplete {
        /// What is left to do, and why.
        because: String,
    },
    /// The weights aren't what they were when this history last saw them: somebody else has changed them.
    #[serde(rename = "noticed")]
    ExternalChange {
        /// The weights that were last seen.
        from: Vec<Weight>,
        /// The weights as they are.
        to: Vec<Weight>,
    },
}
