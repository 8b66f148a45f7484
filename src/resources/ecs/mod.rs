//! Elastic Container Service, on Fargate.

mod cluster;
mod container;
mod rollout;
mod service;
mod task_definition;

pub use cluster::{Cluster, ClusterOutputs, ContainerInsights};
pub use container::{Container, ContainerHealthCheck, LogStream};
pub use service::{Behind, Service, ServiceOutputs, TaskCount};
pub use task_definition::{TaskDefinition, TaskDefinitionOutputs};

use crate::aws::{Cx, Result};
use crate::engine::Tags;

crate::resources::tags::tag_type!(aws_sdk_ecs::types::Tag);

/// Sets and removes tags of a cluster, a service or a revision of a task definition.
async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.ecs.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        cx.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}
