//! The weights of levers, as AWS has them.

use serde::{Deserialize, Serialize};

use super::share::{Share, Split};

/// The two kinds of levers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LeverKind {
    /// The weighted rules of all edges.
    Listeners,
    /// The weighted DNS records.
    Dns,
}

impl LeverKind {
    /// Both, in the order in which they are written.
    pub const ALL: [LeverKind; 2] = [LeverKind::Listeners, LeverKind::Dns];
}

/// The weights of one lever at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Weight {
    /// The rule or the DNS name: `blue edge`, `live.example.com`.
    pub lever: String,
    /// Its weights.
    #[serde(flatten)]
    pub split: Split,
    /// Stickiness is on: clients stay with the environment that first served them, whatever the weights.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sticky: bool,
}

impl Weight {
    /// The weights of a lever without stickiness.
    pub fn new(lever: impl Into<String>, split: Split) -> Self {
        Weight { lever: lever.into(), split, sticky: false }
    }

    /// The kind of the lever, by its name: rules have names such as `blue edge`, and DNS names contain no space.
    pub fn kind(&self) -> LeverKind {
        if self.lever.contains(' ') { LeverKind::Listeners } else { LeverKind::Dns }
    }

    /// True if green gets exactly this share.
    pub fn is_at(&self, share: Share) -> bool {
        self.split.is_at(share) && !self.sticky
    }

    /// True if green gets at most this share.
    pub fn is_at_most(&self, share: Share) -> bool {
        self.split.is_at_most(share) && !self.sticky
    }
}

/// Weights as text: `blue edge: blue 70 %, green 30 %; …`.
pub fn describe(weights: &[Weight]) -> String {
    let one = |weight: &Weight| {
        let sticky = if weight.sticky { ", sticky" } else { "" };
        format!("{}: {}{sticky}", weight.lever, weight.split)
    };
    weights.iter().map(one).collect::<Vec<_>>().join("; ")
}
