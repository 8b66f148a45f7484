//! Readers that Application Auto Scaling created in a cluster. It deletes them only while it scales the cluster, and RDS doesn't
//! delete a cluster with instances.

use aws_sdk_rds::types::Filter;
use futures::future::try_join_all;

use super::db_instance;
use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// The prefix of their identifiers, before a UUID. No name of a step starts with it.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html>
const PREFIX: &str = "application-autoscaling-";

/// Deletes the readers of a cluster, whatever their tags are (AWS sets them), and waits until they are gone.
pub(crate) async fn delete(cx: &Cx, cluster: &str) -> Result<()> {
    let readers = of_cluster(cx, cluster).await?;
    try_join_all(readers.iter().map(|reader| db_instance::delete(cx, reader))).await.map(drop)
}

async fn of_cluster(cx: &Cx, cluster: &str) -> Result<Vec<String>> {
    let of_cluster = Filter::builder().name("db-cluster-id").values(cluster).build().built();
    let mut pages = cx.rds.describe_db_instances().filters(of_cluster).into_paginator().items().send();
    let mut readers = Vec::new();
    while let Some(instance) = pages.try_next().await? {
        readers.extend(instance.db_instance_identifier.filter(|identifier| identifier.starts_with(PREFIX)));
    }
    Ok(readers)
}
