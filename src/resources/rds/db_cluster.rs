use std::collections::BTreeSet;

use aws_sdk_rds::operation::modify_db_cluster::builders::ModifyDBClusterFluentBuilder;
use aws_sdk_rds::types::{self, CloudwatchLogsExportConfiguration, ServerlessV2ScalingConfiguration};

use super::engine_version::{check_major, is_same_major, other_minor};
use super::{MasterPassword, from_sdk, global_cluster, scaled_readers, to_sdk};
use crate::resources::prelude::*;

/// An Aurora cluster: storage and endpoints. Its [`super::DbInstance`]s serve the queries.
///
/// The first cluster of a global database is its primary. Each later one, in another region, is a secondary, with the
/// primary's users and databases: it sets none.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBCluster.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbCluster {
    /// Up to 63 lower-case letters, digits and `-`.
    pub identifier: String,
    /// `aurora-mysql` or `aurora-postgresql`.
    pub engine: String,
    /// The initial version. AWS upgrades minor versions: another version of the same major version isn't a difference.
    pub engine_version: String,
    /// The initial database.
    pub database_name: Option<String>,
    /// The administrator's name; none for a secondary.
    pub master_username: Option<String>,
    /// The source of the administrator's password.
    #[serde(flatten)]
    pub master_password: MasterPassword,
    /// The global database that it belongs to.
    pub global_cluster: Option<String>,
    /// The minimum capacity of each serverless instance, in Aurora capacity units (2 GiB of memory each), 0 to 256.
    pub min_acu: f64,
    /// The maximum capacity of each serverless instance, 1 to 256.
    pub max_acu: f64,
    /// The key that encrypts storage, snapshots and backups; a key of this region.
    pub kms_key: KeyArn,
    /// How many days back it can be restored to a point in time, 1 to 35.
    pub backup_retention_days: i32,
    /// When the daily backup starts, in UTC: `03:00-04:00`.
    pub backup_window: String,
    /// The maintenance window, in UTC: `sun:05:00-sun:06:00`. It can't overlap the backup window.
    pub maintenance_window: String,
    /// The logs that are exported to CloudWatch: `audit`, `error`, `general`, `slowquery` for MySQL, `postgresql` for PostgreSQL.
    pub log_exports: BTreeSet<String>,
    /// Allow IAM identities to log in with tokens.
    pub iam_authentication: bool,
    /// Copy the tags of the cluster to its snapshots.
    pub copy_tags_to_snapshots: bool,
    /// The cluster parameter group.
    pub parameter_group: String,
    /// The subnet group.
    pub subnet_group: String,
    /// The security groups.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// 3306 for MySQL, 5432 for PostgreSQL.
    pub port: i32,
    /// Refuse deletion.
    pub deletion_protection: bool,
}

/// The outputs of a cluster.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbClusterOutputs {
    /// Its ARN.
    pub arn: ClusterArn,
    /// Its identifier.
    pub identifier: String,
    /// The host name of the writer.
    pub endpoint: String,
    /// The host name of the readers.
    pub reader_endpoint: String,
    /// Its port.
    pub port: String,
    /// `cluster-…`, for the ARNs in IAM policies for database logins.
    pub resource_id: String,
    /// The secret with the administrator's name and password, if RDS manages it. RDS deletes it with the cluster.
    pub master_secret_arn: Option<SecretArn>,
}

/// A field that AWS can't change. A replacement would lose the data, so the change is refused.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>
const fn fixed(field: &'static str) -> Immutable {
    let advice = "restore the value, or build the other environment with the new one and shift to it; to lose the data on \
                  purpose, destroy the environment and apply it again";
    Immutable { field, advice }
}

impl Resource for DbCluster {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["identifier", "engine"],
        immutable: &[fixed("database_name"), fixed("master_username"), fixed("kms_key"), fixed("subnet_group")],
        write_only: &["master_secret"],
        stateful: true,
        no_forced_replace: Some("its secondaries in other regions would stop replicating from it"),
        serves_traffic: true,
        blocks_deletion_of: &[
            "ec2.security_group",
            "rds.db_cluster_parameter_group",
            "rds.db_parameter_group",
            "rds.db_subnet_group",
        ],
        ..TypeInfo::new(
            "rds.db_cluster",
            minutes(2),
            &[
                "rds:DescribeDBClusters",
                "rds:DescribeGlobalClusters",
                "rds:CreateDBCluster",
                "rds:ModifyDBCluster",
                "rds:RemoveFromGlobalCluster",
                "rds:DeleteDBCluster",
                "rds:DescribeDBInstances",
                "rds:DeleteDBInstance",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "secretsmanager:GetSecretValue",
                "secretsmanager:CreateSecret",
                "secretsmanager:TagResource",
                "kms:Decrypt",
                "kms:GenerateDataKey",
                "kms:DescribeKey",
                "kms:CreateGrant",
                "iam:CreateServiceLinkedRole",
            ],
        )
    };

    type Outputs = DbClusterOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&DbClusterOutputs>) -> Result<Option<Found<Self>>> {
        let identifier = known.map_or(&self.identifier, |known| &known.identifier);
        let clusters = all(cx).await?;
        let is_this = |cluster: &&types::DbCluster| cluster.db_cluster_identifier() == Some(identifier);
        let Some(cluster) = clusters.iter().find(is_this) else { return Ok(None) };
        let globals = global_cluster::all(cx).await?;
        let global = global_cluster::with_member(&globals, cluster.db_cluster_arn().unwrap_or_default());
        let found = Found::tagged(self.actual(cluster, global), outputs(cluster)?, from_sdk(cluster.tag_list()));
        Ok(Some(Found { live: self.live(cluster), ..found }))
    }

    /// Refuses another major version, a new global database, and another key of the managed password.
    ///
    /// A cluster joins a global database only when it is created.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-attaching.html>
    /// RDS can't change the key of the secret of a password that it manages.
    /// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html>
    fn check_transition(&self, actual: &Self) -> std::result::Result<(), Refusal> {
        check_major(&self.engine_version, &actual.engine_version)?;
        if self.global_cluster.is_some() && self.global_cluster != actual.global_cluster {
            let advice = "a cluster can't join a global database after its creation (a failover may have removed it): save its \
                          data if you need it, delete the cluster, then run `provisioner apply`";
            return Err(Refusal::new("global_cluster", advice));
        }
        let field = "managed_password_key";
        match (self.master_password.managed_key(), actual.master_password.managed_key()) {
            (Some(_), _) if self.global_cluster.is_some() => {
                let advice = "RDS can't manage the password of a cluster in a global database: set `master_secret`";
                Err(Refusal::new(field, advice))
            }
            (Some(desired), Some(actual)) if desired != actual => {
                let advice = "apply with a password from a secret of yours first, then with the managed password and its new key";
                Err(Refusal::new(field, advice))
            }
            _ => Ok(()),
        }
    }

    async fn create(&self, cx: &Cx) -> Result<DbClusterOutputs> {
        self.check_transition(self).map_err(|refusal| Error::local(refusal.advice))?;
        let password = self.master_password.read(cx).await?;
        let engine_version = self.initial_version(cx).await?;
        let create = || async {
            let request = cx.rds.create_db_cluster().db_cluster_identifier(&self.identifier).engine(&self.engine);
            let request = request.engine_version(&engine_version).set_database_name(self.database_name.clone());
            let request = request.set_master_username(self.master_username.clone());
            let request = request.set_master_user_password(password.clone());
            let key = self.master_password.managed_key().map(ToString::to_string);
            let request = request.set_manage_master_user_password(key.is_some().then_some(true));
            let request = request.set_master_user_secret_kms_key_id(key);
            let request = request.set_global_cluster_identifier(self.global_cluster.clone());
            let request = request.serverless_v2_scaling_configuration(self.capacity()).port(self.port);
            let request = request.storage_encrypted(true).kms_key_id(&*self.kms_key);
            let request = request.backup_retention_period(self.backup_retention_days);
            let request = request.preferred_backup_window(&self.backup_window);
            let request = request.preferred_maintenance_window(&self.maintenance_window);
            let request = request.set_enable_cloudwatch_logs_exports(Some(self.log_exports.iter().cloned().collect()));
            let request = request.enable_iam_database_authentication(self.iam_authentication);
            let request = request.copy_tags_to_snapshot(self.copy_tags_to_snapshots);
            let request = request.db_cluster_parameter_group_name(&self.parameter_group);
            let request = request.db_subnet_group_name(&self.subnet_group);
            let request = request.set_vpc_security_group_ids(Some(self.security_group_ids()));
            let request = request.deletion_protection(self.deletion_protection).set_tags(Some(to_sdk(&cx.tags)));
            Ok(request.send().await?)
        };
        // A new key takes a moment to propagate; a global database adds one member at a time.
        let is_temporary = |error: &Error| error.class == Class::Retryable || error.is_code("KMSKeyNotAccessibleFault");
        let what = "the cluster's key and global database to be ready";
        cx.retry_while(what, Patience::SHORT, is_temporary, create).await?;
        outputs(&until_available(cx, &self.identifier).await?)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &DbClusterOutputs) -> Result<()> {
        until_available(cx, &outputs.identifier).await.map(drop)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<DbClusterOutputs> {
        if changes.has("global_cluster") {
            leave_global(cx, &found.outputs).await?;
        }
        if changes.0.iter().all(|change| change.field() == "global_cluster") {
            return Ok(found.outputs.clone());
        }
        until_available(cx, &self.identifier).await?;
        let request = cx.rds.modify_db_cluster().db_cluster_identifier(&self.identifier).apply_immediately(true);
        let request = self.change_password(cx, request, found, changes).await?;
        let request = request
            .set_serverless_v2_scaling_configuration(changes.any(&["min_acu", "max_acu"]).then(|| self.capacity()));
        let request = request
            .set_backup_retention_period(changes.has("backup_retention_days").then_some(self.backup_retention_days));
        let text = |field, value: &String| changes.has(field).then(|| value.clone());
        let request = request.set_preferred_backup_window(text("backup_window", &self.backup_window));
        let request = request.set_preferred_maintenance_window(text("maintenance_window", &self.maintenance_window));
        let request = request.set_db_cluster_parameter_group_name(text("parameter_group", &self.parameter_group));
        let request = request.set_cloudwatch_logs_export_configuration(
            changes.has("log_exports").then(|| self.log_changes(&found.spec.log_exports)),
        );
        let request = request.set_enable_iam_database_authentication(
            changes.has("iam_authentication").then_some(self.iam_authentication),
        );
        let request = request
            .set_copy_tags_to_snapshot(changes.has("copy_tags_to_snapshots").then_some(self.copy_tags_to_snapshots));
        let request =
            request.set_vpc_security_group_ids(changes.has("security_groups").then(|| self.security_group_ids()));
        let request = request.set_port(changes.has("port").then_some(self.port));
        let request =
            request.set_deletion_protection(changes.has("deletion_protection").then_some(self.deletion_protection));
        request.send().await?;
        outputs(&until_available(cx, &self.identifier).await?)
    }

    async fn tag(cx: &Cx, outputs: &DbClusterOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &DbClusterOutputs) -> Result<()> {
        if find(cx, &outputs.identifier).await?.is_none() {
            return Ok(());
        }
        leave_global(cx, outputs).await?;
        scaled_readers::delete(cx, &outputs.identifier).await?;
        let delete = || async {
            let request = cx.rds.delete_db_cluster().db_cluster_identifier(&outputs.identifier);
            Ok(request.skip_final_snapshot(true).delete_automated_backups(true).send().await.map(|_| ())?)
        };
        let not_ready = |error: &Error| error.class == Class::Retryable;
        let deleting = || async {
            match find(cx, &outputs.identifier).await? {
                Some(cluster) if cluster.status() == Some("deleting") => Ok(()),
                Some(_) => delete().await,
                None => Ok(()),
            }
        };
        ignore_not_found(
            cx.retry_while("the cluster's instances to be deleted", Patience::LONG, not_ready, deleting).await,
        )?;
        cx.wait_until("the cluster to be gone (some minutes)", Patience::LONG, || async {
            Ok(find(cx, &outputs.identifier).await?.is_none().then_some(()))
        })
        .await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbcluster.html>
    fn cloudformation(&self) -> Form {
        // CloudFormation reads the secret when it creates the cluster: the template contains no password.
        let password = |secret: &SecretArn| format!("{{{{resolve:secretsmanager:{secret}:SecretString:password}}}}");
        let managed_key = self.master_password.managed_key();
        let cluster = properties!(self, DbCluster {
            identifier => "DBClusterIdentifier",
            engine => "Engine",
            engine_version => "EngineVersion",
            database_name => "DatabaseName",
            master_username => "MasterUsername",
            master_password => "MasterUserPassword": master_password.secret().map(password),
            "ManageMasterUserPassword": managed_key.map(|_| true),
            "MasterUserSecret": managed_key.map(|key| json!({"KmsKeyId": key})),
            global_cluster => "GlobalClusterIdentifier",
            min_acu => _,
            max_acu => "ServerlessV2ScalingConfiguration": json!({"MinCapacity": min_acu, "MaxCapacity": max_acu}),
            "StorageEncrypted": true,
            kms_key => "KmsKeyId",
            backup_retention_days => "BackupRetentionPeriod",
            backup_window => "PreferredBackupWindow",
            maintenance_window => "PreferredMaintenanceWindow",
            log_exports => "EnableCloudwatchLogsExports",
            iam_authentication => "EnableIAMDatabaseAuthentication",
            copy_tags_to_snapshots => "CopyTagsToSnapshot",
            parameter_group => "DBClusterParameterGroupName",
            subnet_group => "DBSubnetGroupName",
            security_groups => "VpcSecurityGroupIds",
            port => "Port",
            deletion_protection => "DeletionProtection",
        });
        let form = Form::resource("AWS::RDS::DBCluster", cluster)
            .output("arn", Form::attribute("DBClusterArn"))
            .output("identifier", Form::reference())
            .output("endpoint", Form::attribute("Endpoint.Address"))
            .output("reader_endpoint", Form::attribute("ReadEndpoint.Address"))
            .output("port", Form::attribute("Endpoint.Port"))
            .output("resource_id", Form::attribute("DBClusterResourceId"));
        match managed_key {
            Some(_) => form.output("master_secret_arn", Form::attribute("MasterUserSecret.SecretArn")),
            None => form,
        }
    }
}

impl DbCluster {
    /// The actual cluster in the form of the spec.
    fn actual(&self, cluster: &types::DbCluster, global: Option<&str>) -> DbCluster {
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let running = cluster.engine_version().unwrap_or_default();
        let same = is_same_major(&self.engine_version, running);
        let managed = cluster.master_user_secret();
        let capacity = cluster.serverless_v2_scaling_configuration();
        let groups = cluster.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id());
        // AWS returns the primary's values for a secondary, which sets none.
        let unless_secondary =
            |desired: &Option<String>, actual: Option<&str>| desired.as_ref().and(actual).map(str::to_owned);
        DbCluster {
            identifier: text(cluster.db_cluster_identifier()),
            engine: text(cluster.engine()),
            engine_version: if same { self.engine_version.clone() } else { running.to_owned() },
            database_name: unless_secondary(&self.database_name, cluster.database_name()),
            master_username: unless_secondary(&self.master_username, cluster.master_username()),
            master_password: self.master_password.actual(managed.and_then(|secret| secret.kms_key_id())),
            global_cluster: global.map(str::to_owned),
            min_acu: capacity.and_then(|capacity| capacity.min_capacity).unwrap_or_default(),
            max_acu: capacity.and_then(|capacity| capacity.max_capacity).unwrap_or_default(),
            kms_key: text(cluster.kms_key_id()).into(),
            backup_retention_days: cluster.backup_retention_period.unwrap_or_default(),
            backup_window: text(cluster.preferred_backup_window()),
            maintenance_window: text(cluster.preferred_maintenance_window()),
            log_exports: cluster.enabled_cloudwatch_logs_exports().iter().cloned().collect(),
            iam_authentication: cluster.iam_database_authentication_enabled.unwrap_or_default(),
            copy_tags_to_snapshots: cluster.copy_tags_to_snapshot.unwrap_or_default(),
            parameter_group: text(cluster.db_cluster_parameter_group()),
            subnet_group: text(cluster.db_subnet_group()),
            security_groups: groups.map(SecurityGroupId::from).collect(),
            port: cluster.port.unwrap_or_default(),
            deletion_protection: cluster.deletion_protection.unwrap_or_default(),
        }
    }

    /// The running version if it differs, a status that isn't "available", parameters that wait for a reboot.
    fn live(&self, cluster: &types::DbCluster) -> Option<String> {
        let version = other_minor(&self.engine_version, cluster.engine_version().unwrap_or_default());
        let status = cluster.status().filter(|status| *status != "available").map(|status| format!("is {status}"));
        let waits =
            |member: &types::DbClusterMember| member.db_cluster_parameter_group_status() == Some("pending-reboot");
        let waiting = cluster.db_cluster_members().iter().any(waits);
        let reboot = waiting.then(|| "changed parameters wait for a reboot".to_owned());
        let notes: Vec<_> = [version, status, reboot].into_iter().flatten().collect();
        (!notes.is_empty()).then(|| notes.join("; "))
    }

    /// The version to create it with: a secondary must have the version of its global database, which may be an older minor.
    async fn initial_version(&self, cx: &Cx) -> Result<String> {
        let desired = self.engine_version.clone();
        let (Some(global), None) = (&self.global_cluster, &self.master_username) else { return Ok(desired) };
        let global = global_cluster::find(cx, global).await?;
        let global = global.filter(|global| !global.global_cluster_members().is_empty());
        Ok(global.and_then(|global| global.engine_version).unwrap_or(desired))
    }

    fn capacity(&self) -> ServerlessV2ScalingConfiguration {
        ServerlessV2ScalingConfiguration::builder().min_capacity(self.min_acu).max_capacity(self.max_acu).build()
    }

    fn security_group_ids(&self) -> Vec<String> {
        self.security_groups.iter().map(ToString::to_string).collect()
    }

    /// Starts or ends the management of the password by RDS, or sets the password from its secret.
    async fn change_password(
        &self,
        cx: &Cx,
        request: ModifyDBClusterFluentBuilder,
        found: &Found<Self>,
        changes: &Changes<'_>,
    ) -> Result<ModifyDBClusterFluentBuilder> {
        if !changes.any(&["master_secret", "managed_password_key"]) {
            return Ok(request);
        }
        let request = request.set_master_user_password(self.master_password.read(cx).await?);
        Ok(match (found.spec.master_password.managed_key(), self.master_password.managed_key()) {
            (None, Some(key)) => request.manage_master_user_password(true).master_user_secret_kms_key_id(&**key),
            (Some(_), None) => request.manage_master_user_password(false),
            (None, None) | (Some(_), Some(_)) => request,
        })
    }

    fn log_changes(&self, actual: &BTreeSet<String>) -> CloudwatchLogsExportConfiguration {
        let names = |names: Vec<&String>| (!names.is_empty()).then(|| names.into_iter().cloned().collect());
        CloudwatchLogsExportConfiguration::builder()
            .set_enable_log_types(names(self.log_exports.difference(actual).collect()))
            .set_disable_log_types(names(actual.difference(&self.log_exports).collect()))
            .build()
    }
}

/// Removes the cluster from its global database, if it is in one, and waits until it is a standalone cluster.
async fn leave_global(cx: &Cx, outputs: &DbClusterOutputs) -> Result<()> {
    if global_cluster::detach(cx, &outputs.arn).await? {
        until_available(cx, &outputs.identifier).await?;
    }
    Ok(())
}

async fn until_available(cx: &Cx, identifier: &str) -> Result<types::DbCluster> {
    cx.wait_until("the Aurora cluster to become available (some minutes)", Patience::LONG, || async {
        let cluster = find(cx, identifier).await?;
        Ok(cluster.filter(|cluster| cluster.status() == Some("available") && !has_pending_secret(cluster)))
    })
    .await
}

/// True while RDS creates the secret of the managed password: it can't be read, and its rotation can't be scheduled yet.
fn has_pending_secret(cluster: &types::DbCluster) -> bool {
    cluster.master_user_secret().is_some_and(|secret| secret.secret_status() == Some("creating"))
}

fn outputs(cluster: &types::DbCluster) -> Result<DbClusterOutputs> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let arn = cluster.db_cluster_arn().ok_or(Error::incomplete("rds:DescribeDBClusters", "DBClusterArn"))?;
    Ok(DbClusterOutputs {
        arn: arn.into(),
        identifier: text(cluster.db_cluster_identifier()),
        endpoint: text(cluster.endpoint()),
        reader_endpoint: text(cluster.reader_endpoint()),
        port: cluster.port.unwrap_or_default().to_string(),
        resource_id: text(cluster.db_cluster_resource_id()),
        master_secret_arn: cluster.master_user_secret().and_then(|secret| secret.secret_arn()).map(SecretArn::from),
    })
}

async fn find(cx: &Cx, identifier: &str) -> Result<Option<types::DbCluster>> {
    let describe = async { Ok(cx.rds.describe_db_clusters().db_cluster_identifier(identifier).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.db_clusters?.into_iter().next()))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::DbCluster>>> {
    let pages = cx.rds.describe_db_clusters().into_paginator().items().send();
    cx.inventory.once("rds.db_clusters", async { Ok(pages.try_collect().await?) }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> DbCluster {
        let spec = json!({
            "identifier": "orders", "engine": "aurora-mysql", "engine_version": "8.0.mysql_aurora.3.08.2",
            "database_name": "payments", "master_username": "owner", "master_secret": "secret",
            "managed_password_key": null, "global_cluster": null, "min_acu": 0.5, "max_acu": 4.0, "kms_key": "key",
            "backup_retention_days": 7, "backup_window": "03:00-04:00", "maintenance_window": "sun:05:00-sun:06:00",
            "log_exports": [], "iam_authentication": true, "copy_tags_to_snapshots": true, "parameter_group": "group",
            "subnet_group": "subnets", "security_groups": [], "port": 3306, "deletion_protection": false,
        });
        serde_json::from_value(spec).unwrap()
    }

    fn managed(key: &str) -> DbCluster {
        DbCluster { master_password: MasterPassword::Managed { key: key.into() }, ..cluster() }
    }

    fn refused(desired: &DbCluster, actual: &DbCluster) -> Option<String> {
        desired.check_transition(actual).err().map(|refusal| refusal.field)
    }

    #[test]
    fn other_major_version_is_refused() {
        let postgres = |version: &str| DbCluster { engine_version: version.to_owned(), ..cluster() };
        assert_eq!(refused(&postgres("15.4"), &postgres("16.6")).as_deref(), Some("engine_version"));
        assert_eq!(refused(&postgres("17.2"), &postgres("16.6")).as_deref(), Some("engine_version"));
        assert_eq!(refused(&postgres("16.4"), &postgres("16.6")), None);
    }

    #[test]
    fn joining_a_global_database_is_refused() {
        let member = |global: &str| DbCluster { global_cluster: Some(global.to_owned()), ..cluster() };
        assert_eq!(refused(&member("a"), &cluster()).as_deref(), Some("global_cluster"));
        assert_eq!(refused(&member("a"), &member("b")).as_deref(), Some("global_cluster"));
        assert_eq!(refused(&member("a"), &member("a")), None);
        assert_eq!(refused(&cluster(), &member("a")), None);
    }

    #[test]
    fn other_key_of_the_managed_password_is_refused() {
        assert_eq!(refused(&managed("a"), &managed("b")).as_deref(), Some("managed_password_key"));
        assert_eq!(refused(&managed("a"), &cluster()), None);
        assert_eq!(refused(&cluster(), &managed("a")), None);
    }

    #[test]
    fn managed_password_in_a_global_database_is_refused() {
        let member = DbCluster { global_cluster: Some("a".to_owned()), ..managed("a") };
        assert_eq!(refused(&member, &member).as_deref(), Some("managed_password_key"));
    }

    #[test]
    fn fields_that_rds_cannot_modify_are_immutable() {
        for field in ["database_name", "master_username", "kms_key", "subnet_group"] {
            assert!(DbCluster::TYPE.immutable(field).is_some(), "{field}");
        }
    }
}
