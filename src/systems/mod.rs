//! The systems: each one is a [`Blueprint`] that composes modules.

pub mod blue_green;
mod blueprint;
mod catalog;
mod custom;
mod facts;
pub mod fargate_postgres;
pub mod lambda_mysql;

pub use blueprint::{Blueprint, Composition, Configured};
pub use catalog::Systems;
pub use custom::{Check, Compose, ComposeInput, CustomSystem, SettingError};
pub use facts::{FactParams, Facts};
pub use fargate_postgres::FargatePostgres;
pub use lambda_mysql::LambdaMysql;

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::aws::{Cloud, Result};
use crate::config::shift::Shift;
use crate::engine::{Step, Tags};
use crate::modules::Identity;
use crate::traffic::Levers;
use crate::traffic::bound::Bound;

/// The desired state of a deployment.
#[derive(Clone, Debug, Default)]
pub struct Composed {
    /// The steps.
    pub steps: Vec<Step>,
    /// Outputs for users, by name. They may contain references.
    pub outputs: BTreeMap<String, String>,
    /// The weights that move traffic between blue and green. They may contain references.
    pub levers: Option<Levers>,
    /// Notes that users should read before an apply.
    pub notes: Vec<String>,
}

/// A system with its configuration. [`Configured`] implements it for every [`Blueprint`].
#[async_trait]
pub trait System: Send + Sync {
    /// The name, for example `lambda-mysql`.
    fn name(&self) -> &'static str;
    /// The suffix that the configuration sets.
    fn suffix(&self) -> Option<&str>;
    /// The primary region.
    fn region(&self) -> &str;
    /// All regions.
    fn regions(&self) -> Vec<&str>;
    /// The only account that the system may be deployed to.
    fn account(&self) -> Option<&str>;
    /// The tags for every resource.
    fn tags(&self) -> Tags;
    /// How traffic is shifted unless flags override it.
    fn shift(&self) -> &Shift;
    /// The longest time that an automatic failback takes; `None` for a system without one.
    fn failback_bound(&self) -> Option<Bound>;
    /// Reads facts from AWS (zones, engine versions) and composes the system. Changes nothing.
    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed>;
}
