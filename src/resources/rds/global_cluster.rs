use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_rds::types;
use serde::{Deserialize, Serialize};

use super::engine_version::{is_same_major, runs_another_minor};
use super::{from_sdk, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::form::{Form, properties};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// An Aurora global database: a primary cluster and its secondaries in other regions.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GlobalCluster {
    /// Up to 63 lower-case letters, digits and `-`.
    pub identifier: String,
    /// `aurora-mysql` or `aurora-postgresql`.
    pub engine: String,
    /// The version to begin with. Which minor version runs later is left to its clusters.
    pub engine_version: String,
    /// Encrypt the storage of all its clusters.
    pub storage_encrypted: bool,
    /// Refuse to be deleted.
    pub deletion_protection: bool,
}

/// What a global database gives to others.
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
        no_forced_replace: Some("AWS lets no cluster that stands join another one"),
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
        let live = runs_another_minor(&self.engine_version, running);
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, from_sdk(cluster.tag_list())) }))
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

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<GlobalClusterOutputs> {
        if changes.has("engine_version") {
            return Err(super::engine_version::refuse_major(&found.spec.engine_version, &self.engine_version));
        }
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

/// The members that follow the cluster, if it is the one that writes: AWS lets it go last.
fn followers(global: &types::GlobalCluster, cluster_arn: &str) -> BTreeSet<String> {
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

/// Takes the cluster out of its global database, and waits until it is out; false if it was in none. After a failover it
/// may be the one that writes: then its followers leave before it, and each stands alone.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-detaching.html>
pub(super) async fn detach(cx: &Cx, cluster_arn: &str) -> Result<bool> {
    let globals = list(cx).await?;
    let Some(identifier) = with_member(&globals, cluster_arn) else { return Ok(false) };
    let is_this = |global: &&types::GlobalCluster| global.global_cluster_identifier() == Some(identifier);
    for follower in globals.iter().find(is_this).map(|global| followers(global, cluster_arn)).unwrap_or_default() {
        remove(cx, identifier, &follower).await?;
    }
    remove(cx, identifier, cluster_arn).await?;
    Ok(true)
}

/// Takes one member out, asked for in the member's region, and waits until it is out.
async fn remove(cx: &Cx, global: &str, cluster_arn: &str) -> Result<()> {
    let rds = &cx.in_region(cluster_arn.split(':').nth(3).unwrap_or_default()).rds;
    let remove = || async {
        let request = rds.remove_from_global_cluster().global_cluster_identifier(global);
        Ok(request.db_cluster_identifier(cluster_arn).send().await.map(|_| ())?)
    };
    let not_ready = |error: &Error| error.class == Class::Retryable;
    let what = "the global database to let the cluster go";
    ignore_not_found(cx.retry_while(what, Patience::LONG, not_ready, remove).await)?;
    cx.wait_until("the cluster to leave its global database", Patience::LONG, || async {
        Ok(with_member(&list(cx).await?, cluster_arn).is_none().then_some(()))
    })
    .await
}

/// All global databases that have, or shall get, a cluster in the region.
async fn list(cx: &Cx) -> Result<Vec<types::GlobalCluster>> {
    let mut pages = cx.rds.describe_global_clusters().into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(cluster) = pages.next().await {
        all.push(cluster?);
    }
    Ok(all)
}

pub(super) async fn find(cx: &Cx, identifier: &str) -> Result<Option<types::GlobalCluster>> {
    let describe = async { Ok(cx.rds.describe_global_clusters().global_cluster_identifier(identifier).send().await?) };
    let answer = ignore_not_found(describe.await)?;
    let mut clusters = answer.and_then(|answer| answer.global_clusters).unwrap_or_default().into_iter();
    // Some endpoints leave the filter out of account.
    Ok(clusters.find(|cluster| cluster.global_cluster_identifier() == Some(identifier)))
}

/// All of them, read once a run.
pub(super) async fn all(cx: &Cx) -> Result<Arc<Vec<types::GlobalCluster>>> {
    cx.inventory.once("rds.global_clusters", list(cx)).await
}
