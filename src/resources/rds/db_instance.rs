use aws_sdk_rds::types;

use super::{from_sdk, to_sdk};
use crate::resources::prelude::*;

/// An instance of an Aurora cluster.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBInstance.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbInstance {
    /// Up to 63 lower-case letters, digits and `-`.
    pub identifier: String,
    /// The identifier of its cluster.
    pub cluster: String,
    /// The cluster's engine.
    pub engine: String,
    /// `db.serverless`, or an instance class of fixed size.
    pub class: String,
    /// For example `us-east-1a`; one of the subnet group's.
    pub availability_zone: String,
    /// The failover priority, 0 to 15: the instance with the lowest tier becomes the writer.
    pub promotion_tier: i32,
    /// The instance parameter group.
    pub parameter_group: String,
    /// The key that encrypts the data of Performance Insights.
    pub performance_insights_key: KeyArn,
    /// How many days Performance Insights keeps data: 7 (free of charge), a multiple of 31, or 731.
    pub performance_insights_days: i32,
    /// The role with which enhanced monitoring writes its metrics.
    pub monitoring_role: RoleArn,
    /// The interval of enhanced monitoring: 1, 5, 10, 15, 30 or 60 s.
    pub monitoring_interval_seconds: i32,
    /// Upgrade minor versions in the maintenance window.
    pub auto_minor_version_upgrade: bool,
    /// Assign a public address.
    pub publicly_accessible: bool,
    /// The certificate authority of its TLS certificate, for example `rds-ca-rsa2048-g1`.
    pub ca_certificate: String,
}

/// The outputs of an instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbInstanceOutputs {
    /// Its ARN.
    pub arn: String,
    /// Its identifier.
    pub identifier: String,
}

impl Resource for DbInstance {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["identifier", "cluster", "engine", "availability_zone"],
        // CloudFormation can replace the instance for another key, and has no update in place.
        // <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html>
        immutable: &[Immutable {
            field: "performance_insights_key",
            advice: "restore the key; for another one, delete the instance while its cluster has a second one (the cluster \
                     keeps the data), then run `provisioner apply`",
        }],
        serves_traffic: true,
        blocks_deletion_of: &["rds.db_cluster_parameter_group", "rds.db_parameter_group"],
        ..TypeInfo::new(
            "rds.db_instance",
            minutes(8),
            &[
                "rds:DescribeDBInstances",
                "rds:CreateDBInstance",
                "rds:ModifyDBInstance",
                "rds:DeleteDBInstance",
                "rds:AddTagsToResource",
                "rds:RemoveTagsFromResource",
                "iam:PassRole",
                "kms:DescribeKey",
                "kms:CreateGrant",
            ],
        )
    };

    type Outputs = DbInstanceOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&DbInstanceOutputs>) -> Result<Option<Found<Self>>> {
        let identifier = known.map_or(&self.identifier, |known| &known.identifier);
        let instances = all(cx).await?;
        let is_this = |instance: &&types::DbInstance| instance.db_instance_identifier() == Some(identifier);
        let Some(instance) = instances.iter().find(is_this) else { return Ok(None) };
        let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
        let group = instance.db_parameter_groups().first();
        let spec = DbInstance {
            identifier: identifier.clone(),
            cluster: text(instance.db_cluster_identifier()),
            engine: text(instance.engine()),
            class: text(instance.db_instance_class()),
            availability_zone: text(instance.availability_zone()),
            promotion_tier: instance.promotion_tier.unwrap_or_default(),
            parameter_group: text(group.and_then(|group| group.db_parameter_group_name())),
            performance_insights_key: text(instance.performance_insights_kms_key_id()).into(),
            performance_insights_days: instance.performance_insights_retention_period.unwrap_or_default(),
            monitoring_role: text(instance.monitoring_role_arn()).into(),
            monitoring_interval_seconds: instance.monitoring_interval.unwrap_or_default(),
            auto_minor_version_upgrade: instance.auto_minor_version_upgrade.unwrap_or_default(),
            publicly_accessible: instance.publicly_accessible.unwrap_or_default(),
            ca_certificate: text(instance.ca_certificate_identifier()),
        };
        let status = instance.db_instance_status().filter(|status| *status != "available");
        let live = status.map(|status| format!("is {status}"));
        let found = Found::tagged(spec, outputs(instance)?, from_sdk(instance.tag_list()));
        Ok(Some(Found { live, ..found }))
    }

    async fn create(&self, cx: &Cx) -> Result<DbInstanceOutputs> {
        let create = || async {
            let request = cx.rds.create_db_instance().db_instance_identifier(&self.identifier);
            let request = request.db_cluster_identifier(&self.cluster).engine(&self.engine);
            let request = request.db_instance_class(&self.class).availability_zone(&self.availability_zone);
            let request = request.promotion_tier(self.promotion_tier).db_parameter_group_name(&self.parameter_group);
            let request = request.enable_performance_insights(true);
            let request = request.performance_insights_kms_key_id(&*self.performance_insights_key);
            let request = request.performance_insights_retention_period(self.performance_insights_days);
            let request = request.monitoring_role_arn(&*self.monitoring_role);
            let request = request.monitoring_interval(self.monitoring_interval_seconds);
            let request = request.auto_minor_version_upgrade(self.auto_minor_version_upgrade);
            let request = request.publicly_accessible(self.publicly_accessible);
            let request = request.ca_certificate_identifier(&self.ca_certificate);
            Ok(request.set_tags(Some(to_sdk(&cx.tags))).send().await?)
        };
        // RDS returns InvalidParameterValue while it can't assume a new monitoring role yet.
        let is_temporary = |error: &Error| error.is_code("InvalidParameterValue") || error.class == Class::Retryable;
        cx.retry_while("the cluster and the monitoring role to be ready", Patience::FRESH, is_temporary, create)
            .await?;
        outputs(&self.until_available(cx).await?)
    }

    async fn until_ready(&self, cx: &Cx, _: &DbInstanceOutputs) -> Result<()> {
        self.until_available(cx).await.map(drop)
    }

    async fn update(&self, cx: &Cx, _found: &Found<Self>, changes: &Changes<'_>) -> Result<DbInstanceOutputs> {
        self.until_available(cx).await?;
        let request = cx.rds.modify_db_instance().db_instance_identifier(&self.identifier).apply_immediately(true);
        let text = |field, value: &str| changes.has(field).then(|| value.to_owned());
        let request = request.set_db_instance_class(text("class", &self.class));
        let request = request.set_promotion_tier(changes.has("promotion_tier").then_some(self.promotion_tier));
        let request = request.set_db_parameter_group_name(text("parameter_group", &self.parameter_group));
        let insights = changes.has("performance_insights_days");
        let request = request.set_enable_performance_insights(insights.then_some(true));
        let request =
            request.set_performance_insights_retention_period(insights.then_some(self.performance_insights_days));
        let monitoring = changes.any(&["monitoring_role", "monitoring_interval_seconds"]);
        let request = request.set_monitoring_role_arn(monitoring.then(|| self.monitoring_role.to_string()));
        let request = request.set_monitoring_interval(monitoring.then_some(self.monitoring_interval_seconds));
        let request = request.set_auto_minor_version_upgrade(
            changes.has("auto_minor_version_upgrade").then_some(self.auto_minor_version_upgrade),
        );
        let request =
            request.set_publicly_accessible(changes.has("publicly_accessible").then_some(self.publicly_accessible));
        let request = request.set_ca_certificate_identifier(text("ca_certificate", &self.ca_certificate));
        request.send().await?;
        outputs(&self.until_available(cx).await?)
    }

    async fn tag(cx: &Cx, outputs: &DbInstanceOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &DbInstanceOutputs) -> Result<()> {
        delete(cx, &outputs.identifier).await
    }

    fn hourly_charge(&self) -> Option<String> {
        Some(match self.class.as_str() {
            "db.serverless" => {
                "Aurora: about $0.12 for each capacity unit (ACU) and hour, plus storage and I/O".to_owned()
            }
            class => format!("Aurora: the hourly price of {class}, plus storage and I/O"),
        })
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rds-dbinstance.html>
    fn cloudformation(&self) -> Form {
        let instance = properties!(self, DbInstance {
            identifier => "DBInstanceIdentifier",
            cluster => "DBClusterIdentifier",
            engine => "Engine",
            class => "DBInstanceClass",
            availability_zone => "AvailabilityZone",
            promotion_tier => "PromotionTier",
            parameter_group => "DBParameterGroupName",
            "EnablePerformanceInsights": true,
            performance_insights_key => "PerformanceInsightsKMSKeyId",
            performance_insights_days => "PerformanceInsightsRetentionPeriod",
            monitoring_role => "MonitoringRoleArn",
            monitoring_interval_seconds => "MonitoringInterval",
            auto_minor_version_upgrade => "AutoMinorVersionUpgrade",
            publicly_accessible => "PubliclyAccessible",
            ca_certificate => "CACertificateIdentifier",
        });
        Form::resource("AWS::RDS::DBInstance", instance)
            .output("arn", Form::attribute("DBInstanceArn"))
            .output("identifier", Form::reference())
    }
}

impl DbInstance {
    async fn until_available(&self, cx: &Cx) -> Result<types::DbInstance> {
        cx.wait_until("the Aurora instance to become available (about 8 minutes)", Patience::LONG, || async {
            let instance = find(cx, &self.identifier).await?;
            let status = instance.as_ref().and_then(|instance| instance.db_instance_status()).unwrap_or_default();
            match status {
                "available" => Ok(instance),
                "failed"
                | "incompatible-parameters"
                | "incompatible-network"
                | "inaccessible-encryption-credentials" => {
                    let error = Error::local(format!("the instance {} is {status}", self.identifier));
                    Err(error.with_help(
                        "see its events in the RDS console; delete it there, then run the same command again",
                    ))
                }
                _ => Ok(None),
            }
        })
        .await
    }
}

fn outputs(instance: &types::DbInstance) -> Result<DbInstanceOutputs> {
    let arn = instance.db_instance_arn().ok_or(Error::incomplete("rds:DescribeDBInstances", "DBInstanceArn"))?;
    let identifier = instance.db_instance_identifier().unwrap_or_default();
    Ok(DbInstanceOutputs { arn: arn.to_owned(), identifier: identifier.to_owned() })
}

/// Deletes the instance, and waits until it is gone.
pub(super) async fn delete(cx: &Cx, identifier: &str) -> Result<()> {
    let not_ready = |error: &Error| error.class == Class::Retryable;
    let delete = || async {
        match find(cx, identifier).await? {
            Some(instance) if instance.db_instance_status() != Some("deleting") => {
                let request = cx.rds.delete_db_instance().db_instance_identifier(identifier);
                Ok(request.skip_final_snapshot(true).send().await.map(|_| ())?)
            }
            _ => Ok(()),
        }
    };
    ignore_not_found(
        cx.retry_while("the instance to complete another change", Patience::LONG, not_ready, delete).await,
    )?;
    cx.wait_until("the instance to be gone (some minutes)", Patience::LONG, || async {
        Ok(find(cx, identifier).await?.is_none().then_some(()))
    })
    .await
}

async fn find(cx: &Cx, identifier: &str) -> Result<Option<types::DbInstance>> {
    let describe = async { Ok(cx.rds.describe_db_instances().db_instance_identifier(identifier).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.db_instances?.into_iter().next()))
}

async fn all(cx: &Cx) -> Result<Arc<Vec<types::DbInstance>>> {
    let pages = cx.rds.describe_db_instances().into_paginator().items().send();
    cx.inventory.once("rds.db_instances", async { Ok(pages.try_collect().await?) }).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_of_performance_insights_is_immutable() {
        assert!(DbInstance::TYPE.immutable("performance_insights_key").is_some());
        assert!(DbInstance::TYPE.immutable("performance_insights_days").is_none());
    }
}
