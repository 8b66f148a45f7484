//! An Aurora cluster in one region, with its instances, groups, logs and event subscriptions.

use std::collections::BTreeSet;

use super::{DatabaseParams, DatabaseSite, Site};
use crate::modules::{Scope, log_group};
use crate::resources::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::ids::{RoleArn, SecurityGroupId, TopicArn};
use crate::resources::logs::LogGroupOutputs;
use crate::resources::rds::{
    DbCluster, DbClusterOutputs, DbClusterParameterGroup, DbInstance, DbInstanceOutputs, DbParameterGroup,
    DbSubnetGroup, EventSubscription, MasterPassword, ParameterGroupOutputs,
};

/// The maximum length of cluster and instance identifiers.
const IDENTIFIER_LENGTH: usize = 63;

/// The certificate authority with RSA 2048, valid until 2061.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.SSL.html>
const CA_CERTIFICATE: &str = "rds-ca-rsa2048-g1";

/// The retention of Performance Insights that is free of charge.
const PERFORMANCE_INSIGHTS_DAYS: i32 = 7;

/// A cluster to add.
pub(super) struct ClusterPlan<'a> {
    /// The prefix of its names.
    pub name: &'a str,
    /// Its site.
    pub site: &'a Site<'a>,
    /// The primary cluster has the writer and the master user; a secondary replicates them.
    pub is_primary: bool,
    /// The global database that it belongs to.
    pub global: Option<&'a str>,
}

impl ClusterPlan<'_> {
    /// The ARNs of its instances.
    pub(super) fn instance_arns(&self, scope: &Scope<'_>) -> Vec<String> {
        let arn = |index| scope.arn("rds", &format!("db:{}", self.instance_name(scope, index)));
        (0..self.site.instances).map(arn).collect()
    }

    fn instance_name(&self, scope: &Scope<'_>, index: usize) -> String {
        scope.name_within(&format!("{}-{}", self.name, index + 1), IDENTIFIER_LENGTH)
    }

    /// Adds the cluster.
    pub(super) fn build(&self, scope: &Scope<'_>, params: &DatabaseParams<'_>, monitoring: &RoleArn) -> DatabaseSite {
        let security_group = self.security_group(scope, params);
        let log_groups = self.log_groups(scope, params);
        let cluster = self.cluster(scope, params, &security_group, &log_groups);
        let group = self.instance_parameter_group(scope, params);
        let instance = |index| self.instance(scope, params, monitoring, &cluster, &group, index);
        let instances: Vec<_> = (0..self.site.instances).map(instance).collect();
        if let Some(topic) = self.site.alerts {
            self.event_subscriptions(scope, topic, &cluster, &instances, &group);
        }
        let master_secret = match self.master_password(params) {
            MasterPassword::Managed { .. } => cluster.master_secret_arn.clone(),
            MasterPassword::Secret(secret) => Some(secret),
            MasterPassword::OfPrimary => None,
        };
        DatabaseSite {
            region: scope.region().to_owned(),
            cluster,
            instances,
            security_group,
            log_groups,
            master_secret,
        }
    }

    fn master_password(&self, params: &DatabaseParams<'_>) -> MasterPassword {
        if self.is_primary { params.master_password.clone() } else { MasterPassword::OfPrimary }
    }

    /// Admits the clients. There are no outbound rules: a database opens no connections.
    fn security_group(&self, scope: &Scope<'_>, params: &DatabaseParams<'_>) -> SecurityGroupId {
        let name = scope.name(&format!("{}-security-group", self.name));
        let group = SecurityGroup::new(name, "The Aurora cluster", self.site.vpc);
        let group = scope.add("security-group", group).security_group_id;
        for (client, theirs) in self.site.clients {
            let peer = Peer::SecurityGroup((*theirs).clone());
            let rule = SecurityGroupRule::tcp_in(&group, params.engine.port(), peer, format!("from {client}"));
            scope.add(&format!("from-{client}"), rule);
        }
        group
    }

    /// RDS would create the log groups without a key and without a retention.
    fn log_groups(&self, scope: &Scope<'_>, params: &DatabaseParams<'_>) -> Vec<LogGroupOutputs> {
        let identifier = self.identifier(scope);
        let add = |log: &&str| {
            let name = format!("/aws/rds/cluster/{identifier}/{log}");
            log_group(scope, &format!("{log}-log"), name, self.site.key)
        };
        params.engine.logs().iter().map(add).collect()
    }

    fn identifier(&self, scope: &Scope<'_>) -> String {
        scope.name_within(self.name, IDENTIFIER_LENGTH)
    }

    fn cluster(
        &self,
        scope: &Scope<'_>,
        params: &DatabaseParams<'_>,
        security_group: &SecurityGroupId,
        log_groups: &[LogGroupOutputs],
    ) -> DbClusterOutputs {
        let subnet_group = scope.add(
            "subnet-group",
            DbSubnetGroup {
                name: scope.name(&format!("{}-subnets", self.name)),
                description: "The private subnets of the Aurora cluster".to_owned(),
                subnets: self.site.subnets.iter().cloned().collect(),
            },
        );
        let secure = params.engine.parameters().iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let extra = params.parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let parameter_group = scope.add(
            "cluster-parameter-group",
            DbClusterParameterGroup {
                name: scope.name(&format!("{}-cluster-parameters", self.name)),
                family: params.version.family.clone(),
                description: "TLS for everybody, audit log".to_owned(),
                // The security parameters come last, so that they override others.
                parameters: extra.chain(secure).collect(),
            },
        );
        let before = "RDS would create this log group without a key";
        let scope = log_groups.iter().fold(scope.clone(), |scope, group| scope.after(&group.arn, before));
        let of_primary = |value: &str| self.is_primary.then(|| value.to_owned());
        scope.add(
            "cluster",
            DbCluster {
                identifier: self.identifier(&scope),
                engine: params.engine.name().to_owned(),
                engine_version: params.version.version.clone(),
                database_name: of_primary(params.database_name),
                master_username: of_primary(params.master_username),
                master_password: self.master_password(params),
                global_cluster: self.global.map(str::to_owned),
                min_acu: params.min_acu,
                max_acu: params.max_acu,
                kms_key: self.site.key.clone(),
                backup_retention_days: params.backup_retention_days,
                backup_window: params.backup_window.to_owned(),
                maintenance_window: params.maintenance_window.to_owned(),
                log_exports: params.engine.logs().iter().map(|log| (*log).to_owned()).collect(),
                iam_authentication: true,
                copy_tags_to_snapshots: true,
                parameter_group: parameter_group.name,
                subnet_group: subnet_group.name,
                security_groups: BTreeSet::from([security_group.clone()]),
                port: params.engine.port().into(),
                deletion_protection: params.deletion_protection,
            },
        )
    }

    fn instance_parameter_group(&self, scope: &Scope<'_>, params: &DatabaseParams<'_>) -> ParameterGroupOutputs {
        let group = DbParameterGroup {
            name: scope.name(&format!("{}-parameters", self.name)),
            family: params.version.family.clone(),
            description: "What differs from the cluster's parameters: nothing so far".to_owned(),
            parameters: Default::default(),
        };
        scope.add("parameter-group", group)
    }

    fn instance(
        &self,
        scope: &Scope<'_>,
        params: &DatabaseParams<'_>,
        monitoring: &RoleArn,
        cluster: &DbClusterOutputs,
        parameter_group: &ParameterGroupOutputs,
        index: usize,
    ) -> DbInstanceOutputs {
        let zones = self.site.availability_zones;
        let instance = DbInstance {
            identifier: self.instance_name(scope, index),
            cluster: cluster.identifier.clone(),
            engine: params.engine.name().to_owned(),
            class: "db.serverless".to_owned(),
            availability_zone: zones[index % zones.len()].clone(),
            promotion_tier: i32::try_from(index.min(15)).expect("at most 15"),
            parameter_group: parameter_group.name.clone(),
            performance_insights_key: self.site.key.clone(),
            performance_insights_days: PERFORMANCE_INSIGHTS_DAYS,
            monitoring_role: monitoring.clone(),
            monitoring_interval_seconds: 60,
            auto_minor_version_upgrade: true,
            publicly_accessible: false,
            ca_certificate: CA_CERTIFICATE.to_owned(),
        };
        scope.add(&format!("instance-{}", index + 1), instance)
    }

    fn event_subscriptions(
        &self,
        scope: &Scope<'_>,
        topic: &TopicArn,
        cluster: &DbClusterOutputs,
        instances: &[DbInstanceOutputs],
        parameter_group: &ParameterGroupOutputs,
    ) {
        let subscribe = |leaf: &str, source_type: &str, sources: BTreeSet<String>, categories: &[&str]| {
            let subscription = EventSubscription {
                name: scope.name(&format!("{}-{leaf}", self.name)),
                topic: topic.clone(),
                source_type: source_type.to_owned(),
                sources,
                categories: categories.iter().map(|category| (*category).to_owned()).collect(),
                enabled: true,
            };
            scope.add(leaf, subscription);
        };
        let of_cluster = BTreeSet::from([cluster.identifier.clone()]);
        subscribe(
            "cluster-events",
            "db-cluster",
            of_cluster,
            &["failover", "failure", "global-failover", "maintenance"],
        );
        if !instances.is_empty() {
            let of_instances = instances.iter().map(|instance| instance.identifier.clone()).collect();
            let categories = ["availability", "configuration change", "failure", "maintenance", "recovery"];
            subscribe("instance-events", "db-instance", of_instances, &categories);
        }
        let of_group = BTreeSet::from([parameter_group.name.clone()]);
        subscribe("parameter-events", "db-parameter-group", of_group, &["configuration change"]);
    }
}
