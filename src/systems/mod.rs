//! The systems: each composes modules, and reads like the requirement that it fulfils.

mod catalog;
mod custom;
mod failback;
pub mod fargate_postgres;
pub mod lambda_mysql;

pub use catalog::Systems;
pub use custom::{Check, Compose, ComposeInput, Composition, CustomSystem, SettingError};

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::aws::{Cloud, Result};
use crate::config::shift::Shift;
use crate::engine::{Step, Tags};
use crate::modules::Identity;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;

/// What load balancers and Route 53 ask for.
const HEALTH_PATH: &str = "/health";
const BLUE: &str = "blue";
const GREEN: &str = "green";

/// The namespace of the metrics that the services and functions of one deployment give.
fn metrics_namespace(suffix: &str) -> String {
    format!("Payments/{suffix}")
}

/// What a system is made of.
#[derive(Clone, Debug, Default)]
pub struct Composed {
    /// The steps.
    pub steps: Vec<Step>,
    /// What it tells people once it stands: a name and a text, which may hold references.
    pub outputs: BTreeMap<String, String>,
    /// What moves its traffic between blue and green; may hold references.
    pub levers: Option<Levers>,
    /// What people should know before they apply: a self-signed certificate, another engine version than wanted.
    pub notes: Vec<String>,
}

/// A system that can be deployed.
#[async_trait]
pub trait System: Send + Sync {
    /// Its name, for example `lambda-mysql`.
    fn name(&self) -> &'static str;
    /// The suffix that the configuration gives.
    fn suffix(&self) -> Option<&str>;
    /// The primary region.
    fn region(&self) -> &str;
    /// All the regions that it is in.
    fn regions(&self) -> Vec<&str>;
    /// The only account that it may be deployed to.
    fn account(&self) -> Option<&str>;
    /// The tags that everything gets.
    fn tags(&self) -> Tags;
    /// How traffic is shifted, unless flags say otherwise.
    fn shift(&self) -> &Shift;
    /// How long a failback by itself takes at worst; `None` for a system that has none.
    fn failback_bound(&self) -> Option<Bound>;
    /// Asks AWS for what the composition depends on (zones, engine versions), and composes. Changes nothing.
    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed>;
}
