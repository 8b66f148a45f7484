//! Elastic Container Service, on Fargate.

mod cluster;
mod container;
mod rollout;
mod service;
mod task_definition;

pub use cluster::{Cluster, ClusterOutputs, ContainerInsights};
pub use container::{Container, ContainerHealthCheck, LogStream};
pub use service::{Service, ServiceOutputs, ServiceTargetGroup, TaskCount};
pub use task_definition::{TaskDefinition, TaskDefinitionOutputs};

use aws_sdk_ecs::types::TaskDefinitionStatus;

use crate::aws::{Clients, Cx, Result};
use crate::engine::Tags;

crate::resources::tags::tag_type!(aws_sdk_ecs::types::Tag);

/// Sets and removes tags of a cluster, a service or a revision of a task definition.
async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    crate::resources::tags::change(
        set,
        remove,
        |set| cx.ecs.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send(),
        |keys| cx.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send(),
    )
    .await
}

/// True for a cluster, a service or a revision of a task definition that exists: AWS returns the tags of deleted ones for a
/// while.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/delete-task-definition-v2.html>
pub async fn exists(clients: &Clients, arn: &str) -> Result<bool> {
    let what = arn.splitn(6, ':').nth(5).unwrap_or_default();
    let mut parts = what.split('/');
    Ok(match (parts.next(), parts.next(), parts.next()) {
        (Some("cluster"), Some(name), None) => cluster::described(clients, name).await?.is_some(),
        (Some("service"), Some(cluster), Some(name)) => rollout::described(clients, cluster, name).await?.is_some(),
        (Some("task-definition"), ..) => {
            let revision = task_definition::described(clients, arn).await?.and_then(|answer| answer.task_definition);
            revision.is_some_and(|revision| revision.status() == Some(&TaskDefinitionStatus::Active))
        }
        _ => true,
    })
}
