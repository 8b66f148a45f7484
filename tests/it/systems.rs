//! The systems that [`conformance`](crate::conformance) judges: the configuration of each, and its differences.

pub mod fargate_postgres;
pub mod lambda_mysql;

use std::sync::Arc;

use crate::support::applied_twice::AppliedTwice;
use crate::support::{Applied, Drift, DriftedSystem, Shared};

/// A system with the configuration that tests apply.
pub struct System {
    /// As `--system` takes it.
    pub name: &'static str,
    /// The suffix of all names.
    pub suffix: &'static str,
    /// Its `provisioner.toml`; `None`: no such file.
    pub configuration: Option<&'static str>,
    /// The regions that it creates resources in, its own first.
    pub regions: &'static [&'static str],
    /// The tag `CostCenter` of every resource.
    pub cost_center: &'static str,
    /// More tags of every resource.
    pub tags: &'static [(&'static str, &'static str)],
    /// A note that `apply`, `plan` and `status` print.
    pub note: &'static str,
    /// A shift without provisioner.
    pub traffic: Traffic,
    /// Manual changes, and what `plan` reports of each.
    pub drift: &'static [Drift],
    /// The steps with fields that `plan` can't know before the drift is reverted.
    pub unknown_until_applied: &'static [&'static str],
    /// The clusters whose readers Application Auto Scaling creates, without the suffix.
    pub scaled_clusters: &'static [&'static str],
    /// The configurations of the kill test: the first apply's, and one that updates and replaces.
    pub life: [&'static str; 2],
    /// One life from the first apply to destroy for each of these seeds, which choose where it is killed.
    pub kill_seeds: &'static [u64],
    /// The system, which tests only read.
    pub applied: Shared<AppliedTwice>,
}

/// Weights that somebody changes without provisioner.
pub struct Traffic {
    /// The steps with weights, and the Python that changes them.
    pub moved_by_hand: &'static [(&'static str, &'static str)],
    /// The weights of these steps afterwards, in JSON.
    pub weights: &'static str,
    /// What `status` says of these steps afterwards.
    pub live: &'static [(&'static str, &'static str)],
    /// Whether green serves customers from the first apply on, so that `destroy` needs a flag.
    pub green_serves_at_first: bool,
}

impl System {
    /// The region of most of its resources.
    pub fn region(&self) -> &'static str {
        self.regions[0]
    }

    /// The system, applied once and a second time without a change. Only to be read: all tests share it.
    pub async fn applied(&'static self) -> Arc<AppliedTwice> {
        self.applied.get(|| AppliedTwice::new(self)).await
    }

    /// A copy of the applied system, in a sandbox of its own.
    pub async fn copy(&self) -> Applied {
        Applied::with(self.suffix, self.configuration).await
    }

    /// A copy to change by hand.
    pub async fn drifted(&self) -> DriftedSystem {
        DriftedSystem::new(self.suffix, self.region(), self.configuration).await
    }
}
