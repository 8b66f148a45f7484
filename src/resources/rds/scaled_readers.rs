//! Readers that Application Auto Scaling made in a cluster: it takes away what it made only as long as it scales, and no
//! cluster is deleted while it has instances.

use aws_sdk_rds::types::Filter;
use futures::future::try_join_all;

use super::db_instance;
use crate::aws::{Cx, Result};
use crate::resources::tags::Built;

/// What their identifiers begin with; a UUID follows. No name of ours begins so.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html>
const PREFIX: &str = "application-autoscaling-";

/// Deletes those of a cluster, and waits until they are gone. Whatever their tags are: AWS decides on those.
pub(super) async fn delete(cx: &Cx, cluster: &str) -> Result<()> {
    let readers = of_cluster(cx, cluster).await?;
    try_join_all(readers.iter().map(|reader| db_instance::delete(cx, reader))).await.map(drop)
}

async fn of_cluster(cx: &Cx, cluster: &str) -> Result<Vec<String>> {
    let of_cluster = Filter::builder().name("db-cluster-id").values(cluster).build().built();
    let mut pages = cx.rds.describe_db_instances().filters(of_cluster).into_paginator().items().send();
    let mut readers = Vec::new();
    while let Some(instance) = pages.next().await {
        readers.extend(instance?.db_instance_identifier.filter(|identifier| identifier.starts_with(PREFIX)));
    }
    Ok(readers)
}
