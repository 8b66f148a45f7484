use std::collections::BTreeSet;

use aws_sdk_rds::types;

use super::engine_version::{check_major, is_same_major, other_minor};
use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;

/// An Aurora global database: a primary cluster and its secondaries in other regions.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GlobalCluster {
    /// Up to 63 lower-case letters, digits and `-`.
    pub identifier: String,
    /// `aurora-mysql` or `aurora-postgresql`.
    pub engine: String,
    /// The initial version. Its clusters may run another minor version of it later.
    pub engine_version: String,
    /// Encrypt the storage of all its clusters.
    pub storage_encrypted: bool,
    /// Refuse deletion.
    pub deletion_protection: bool,
}

/// The outputs of a global database.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GlobalClusterOutputs {
    /// Its identifier.
    pub identifier: String,
    /// Its ARN.
    pub arn: String,
}

impl Resource for GlobalCluster {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["identifier", "engine", "storage_encrypted"],
        no_forced_replace: Some("its clusters can't join another global database"),
        ..TypeInfo::new(
            "rds.global_cluster",
            seconds(10),
            &[
                "rds:DescribeGlobalClusters",
                "rds:CreateGlobalCluster",
                "rds:ModifyGlobalCluster",
                "rds:DeleteGlobalCluster",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
            ],
        )
    };

    type Outputs = GlobalClusterOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&GlobalClusterOutputs>) -> Result<Option<Found<Self>>> {
        let identifier = known.map_or(&self.identifier, |known| &known.identifier);
        let clusters = all(cx).await?;
        let is_this = |cluster: &&types::GlobalCluster| cluster.global_cluster_identifier() == Some(identifier);
        let Some(cluster) = clusters.iter().find(is_this) else { return Ok(None) };
        let running = cluster.engine_version().unwrap_or_default();
        let same = is_same_major(&self.engine_version, running);
        let spec = GlobalCluster {
            identifier: identifier.clone(),
            engine: cluster.engine().unwrap_or_default().to_owned(),
            engine_version: if same { self.engine_version.clone() } else { running.to_owned() },
            storage_encrypted: cluster.storage_encrypted.unwrap_or_default(),
            deletion_protection: cluster.deletion_protection.unwrap_or_default(),
        };
        let arn = cluster.global_cluster_arn().unwrap_or_default().to_owned();
        let outputs = GlobalClusterOutputs { identifier: identifier.clone(), arn };
        let live = other_minor(&self.engine_version, running);
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, from_sdk(cluster.tag_list())) }))
    }

    fn check_transition(&self, actual: &Self) -> std::result::Result<(), Refusal> {
        check_major(&self.engine_version, &actual.engine_version)
    }

    async fn create(&self, cx: &Cx) -> Result<GlobalClusterOutputs> {
        let request = cx.rds.create_global_cluster().global_cluster_identifier(&self.identifier);
        let request = request.engine(&self.engine).engine_version(&self.engine_version);
        let request = request.storage_encrypted(self.storage_encrypted).deletion_protection(self.deletion_protection);
        let answer = request.set_tags(Some(to_sdk(&cx.tags))).send().await?;
        let arn = answer.global_cluster.and_then(|cluster| cluster.global_cluster_arn);
        let arn = arn.ok_or(Error::incomplete("rds:CreateGlobalCluster", "GlobalClusterArn"))?;
        let outputs = GlobalClusterOutputs { identifier: self.identifier.clone(), arn };
        self.until_ready(cx, &outputs).await?;
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &GlobalClusterOutputs) -> Result<()> {
        cx.wait_until("the global database to become available", Patience::SHORT, || async {
            let cluster = find(cx, &outputs.identifier).await?;
            Ok(cluster.filter(|cluster| cluster.status() == Some("available")).map(|_| ()))
        })
        .await
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, _: &Changes<'_>) -> Result<GlobalClusterOutputs> {
        let request = cx.rds.modify_global_cluster().global_cluster_identifier(&self.identifier);
        request.deletion_protection(self.deletion_protection).send().await?;
        Ok(found.outputs.clone())
    }

    async fn tag(cx: &Cx, outputs: &GlobalClusterOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &GlobalClusterOutputs) -> Result<()> {
        let delete = || async {
            let request = cx.rds.delete_global_cluster().global_cluster_identifier(&outputs.identifier);
            Ok(request.send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("the clusters to leave the global database", delete).await)?;
        cx.wait_until("the global database to be gone", Patience::SHORT, || async {
            Ok(find(cx, &outputs.identifier).await?.is_none().then_some(()))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-globalcluster.html>
    fn cloudformation(&self) -> Form {
        let cluster = properties!(self, GlobalCluster {
            identifier => "GlobalClusterIdentifier",
            engine => "Engine",
            engine_version => "EngineVersion",
            storage_encrypted => "StorageEncrypted",
            deletion_protection => "DeletionProtection",
        });
        let arn = Form::global_arn("rds", &format!("global-cluster:{}", Form::reference()));
        Form::resource("AWS::RDS::GlobalCluster", cluster).output("identifier", Form::reference()).output("arn", arn)
    }
}

/// The global database that the cluster belongs to: its identifier.
pub(super) fn with_member<'a>(globals: &'a [types::GlobalCluster], cluster_arn: &str) -> Option<&'a str> {
    let has = |global: &&types::GlobalCluster| {
        let members = global.global_cluster_members();
        let of_member = |member: &types::GlobalClusterMember| {
            member.db_cluster_arn() == Some(cluster_arn) || member.readers().iter().any(|reader| reader == cluster_arn)
        };
        members.iter().any(of_member)
    };
    globals.iter().find(has).and_then(|global| global.global_cluster_identifier())
}

/// The secondaries, if the cluster is the primary: AWS removes the primary last.
fn secondaries(global: &types::GlobalCluster, cluster_arn: &str) -> BTreeSet<String> {
    let members = global.global_cluster_members();
    let writes = |member: &types::GlobalClusterMember| {
        member.is_writer == Some(true) && member.db_cluster_arn() == Some(cluster_arn)
    };
    if !members.iter().any(writes) {
        return BTreeSet::new();
    }
    let all = members.iter().flat_map(|member| member.db_cluster_arn.iter().chain(member.readers()));
    all.filter(|arn| *arn != cluster_arn).cloned().collect()
}

/// Removes the cluster from its global database, and waits until it is removed; false if it was in none. After a failover it
/// may be the primary: then its secondaries are removed first, and become standalone clusters.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-detaching.html>
pub(super) async fn detach(cx: &Cx, cluster_arn: &str) -> Result<bool> {
    let globals = list(cx).await?;
    let Some(identifier) = with_member(&globals, cluster_arn) else { return Ok(false) };
    let is_this = |global: &&types::GlobalCluster| global.global_cluster_identifier() == Some(identifier);
    for secondary in globals.iter().find(is_this).map(|global| secondaries(global, cluster_arn)).unwrap_or_default() {
        remove(cx, identifier, &secondary).await?;
    }
    remove(cx, identifier, cluster_arn).await?;
    Ok(true)
}

/// Removes a member by a call in its region, and waits until it is removed.
async fn remove(cx: &Cx, global: &str, cluster_arn: &str) -> Result<()> {
    let rds = &cx.in_region(cluster_arn.split(':').nth(3).unwrap_or_default()).rds;
    let remove = || async {
        let request = rds.remove_from_global_cluster().global_cluster_identifier(global);
        Ok(request.db_cluster_identifier(cluster_arn).send().await.map(|_| ())?)
    };
    let not_ready = |error: &Error| error.class == Class::Retryable;
    let what = "the global database to complete another change";
    ignore_not_found(cx.retry_while(what, Patience::LONG, not_ready, remove).await)?;
    cx.wait_until("the cluster to leave its global database", Patience::LONG, || async {
        Ok(with_member(&list(cx).await?, cluster_arn).is_none().then_some(()))
    })
    .await
}

/// The global databases that have a cluster in the region, or were created there.
async fn list(cx: &Cx) -> Result<Vec<types::GlobalCluster>> {
    Ok(cx.rds.describe_global_clusters().into_paginator().items().send().try_collect().await?)
}

pub(super) async fn find(cx: &Cx, identifier: &str) -> Result<Option<types::GlobalCluster>> {
    let describe = async { Ok(cx.rds.describe_global_clusters().global_cluster_identifier(identifier).send().await?) };
    let answer = ignore_not_found(describe.await)?;
    let mut clusters = answer.and_then(|answer| answer.global_clusters).unwrap_or_default().into_iter();
    // Some endpoints ignore the filter.
    Ok(clusters.find(|cluster| cluster.global_cluster_identifier() == Some(identifier)))
}

/// The global databases, read once a run.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<types::GlobalCluster>>> {
    cx.inventory.once("rds.global_clusters", list(cx)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_major_version_is_refused() {
        let global = |version: &str| GlobalCluster {
            identifier: "orders".to_owned(),
            engine: "aurora-mysql".to_owned(),
            engine_version: version.to_owned(),
            storage_encrypted: true,
            deletion_protection: false,
        };
        let (old, new) = (global("5.7.mysql_aurora.2.11.4"), global("8.0.mysql_aurora.3.08.2"));
        assert_eq!(old.check_transition(&new).unwrap_err().field, "engine_version");
        assert_eq!(new.check_transition(&old).unwrap_err().field, "engine_version");
        assert_eq!(new.check_transition(&global("8.0.mysql_aurora.3.10.0")), Ok(()));
    }
}
