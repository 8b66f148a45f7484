//! An environment's Aurora: a cluster with instances in different availability zones, and a secondary of it in the
//! disaster-recovery region.

mod monitoring;
mod site;

use std::collections::BTreeMap;

use super::Scope;
use crate::resources::application_autoscaling::{Dimension, Metric, ScalableTarget, ScalingPolicy};
use crate::resources::ids::{KeyArn, SecretArn, SecurityGroupId, SubnetId, TopicArn, VpcId};
use crate::resources::logs::LogGroupOutputs;
use crate::resources::rds::engine_version::EngineVersion;
use crate::resources::rds::{DbClusterOutputs, DbInstanceOutputs, GlobalCluster, GlobalClusterOutputs, MasterPassword};
use site::ClusterPlan;

/// Which Aurora.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Aurora MySQL 3, compatible with MySQL 8.0.
    AuroraMysql,
    /// Aurora PostgreSQL.
    AuroraPostgresql,
}

impl Engine {
    /// AWS's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Engine::AuroraMysql => "aurora-mysql",
            Engine::AuroraPostgresql => "aurora-postgresql",
        }
    }

    /// The port that it listens on.
    pub fn port(self) -> u16 {
        match self {
            Engine::AuroraMysql => 3306,
            Engine::AuroraPostgresql => 5432,
        }
    }

    /// All the logs that it can send to CloudWatch.
    fn logs(self) -> &'static [&'static str] {
        match self {
            Engine::AuroraMysql => &["audit", "error", "general", "slowquery"],
            Engine::AuroraPostgresql => &["postgresql"],
        }
    }

    /// TLS 1.2 or later for everybody, and an audit log of who connects and who changes structures and rights, without
    /// statements on data. The general log is exported, but off. The log of slow statements shows them whole: no card
    /// numbers are in the database, only tokens, so there are none in it.
    fn parameters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Engine::AuroraMysql => &[
                ("require_secure_transport", "ON"),
                ("tls_version", "TLSv1.2,TLSv1.3"),
                ("server_audit_logging", "1"),
                ("server_audit_events", "CONNECT,QUERY_DCL,QUERY_DDL"),
                ("slow_query_log", "1"),
                ("long_query_time", "1"),
                ("log_output", "FILE"),
                ("character_set_server", "utf8mb4"),
            ],
            Engine::AuroraPostgresql => &[
                ("rds.force_ssl", "1"),
                ("ssl_min_protocol_version", "TLSv1.2"),
                ("shared_preload_libraries", "pg_stat_statements,pgaudit"),
                ("pgaudit.log", "ddl,role"),
                ("log_connections", "1"),
                ("log_disconnections", "1"),
                // pgaudit tells of DDL without the passwords in it; this would tell them too.
                ("log_statement", "none"),
            ],
        }
    }
}

/// What an environment's database is.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseParams<'a> {
    /// Which Aurora.
    pub engine: Engine,
    /// Its version, as [`crate::resources::rds::engine_version::offered`] found it.
    pub version: &'a EngineVersion,
    /// The database made in it at first.
    pub database_name: &'a str,
    /// The administrator's name; not `admin` or another default.
    pub master_username: &'a str,
    /// Where the administrator's password comes from. RDS manages none of a database that has a secondary.
    pub master_password: &'a MasterPassword,
    /// Least capacity of each instance, in Aurora capacity units.
    pub min_acu: f64,
    /// Most capacity of each instance.
    pub max_acu: f64,
    /// How long any moment can be restored, 1 to 35 days.
    pub backup_retention_days: i32,
    /// In UTC: `03:00-04:00`.
    pub backup_window: &'a str,
    /// In UTC: `sun:05:00-sun:06:00`.
    pub maintenance_window: &'a str,
    /// How long its logs are kept, in days.
    pub log_retention_days: i32,
    /// Cluster parameters beside those that security asks for, for example `binlog_format`.
    pub parameters: &'a BTreeMap<String, String>,
    /// Refuse to be deleted.
    pub deletion_protection: bool,
    /// How many readers there are, if that follows their load.
    pub reader_scaling: Option<ReaderScaling>,
    /// Where it lives.
    pub primary: &'a Site<'a>,
    /// Where its secondary lives, and the region of that.
    pub recovery: Option<(&'a str, &'a Site<'a>)>,
}

/// How the number of readers follows their load.
#[derive(Clone, Copy, Debug)]
pub struct ReaderScaling {
    /// Least number of readers.
    pub least: u32,
    /// Most number of readers; AWS makes and deletes those beyond our own.
    pub most: u32,
    /// Busy time of the readers that it aims at, in percent.
    pub cpu_percent: f64,
}

/// A place for a cluster in one region.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The key that encrypts storage, logs and Performance Insights; in the recovery region the replica of the primary's.
    pub key: &'a KeyArn,
    /// The VPC.
    pub vpc: &'a VpcId,
    /// Private subnets in at least two availability zones.
    pub subnets: &'a [SubnetId],
    /// The availability zones of the subnets; instances take turns in them.
    pub availability_zones: &'a [String],
    /// Who may connect: what it is, in a word, and its security group.
    pub clients: &'a [(&'a str, &'a SecurityGroupId)],
    /// How many instances; a secondary can have none, and then keeps only the data.
    pub instances: usize,
    /// Where events of the database are told, a topic of this region.
    pub alerts: Option<&'a TopicArn>,
}

/// An environment's database.
#[derive(Clone, Debug)]
pub struct Database {
    /// The cluster that takes writes.
    pub primary: DatabaseSite,
    /// Its copy in the recovery region.
    pub recovery: Option<DatabaseSite>,
    /// What joins the two.
    pub global_cluster: Option<GlobalClusterOutputs>,
}

/// A cluster in one region.
#[derive(Clone, Debug)]
pub struct DatabaseSite {
    /// The cluster.
    pub cluster: DbClusterOutputs,
    /// Its instances; the first one is the preferred writer.
    pub instances: Vec<DbInstanceOutputs>,
    /// Its security group. Clients need a rule of their own that lets them out to it.
    pub security_group: SecurityGroupId,
    /// Its log groups.
    pub log_groups: Vec<LogGroupOutputs>,
    /// The secret with the administrator's password, be it ours or that of RDS; none of a secondary.
    pub master_secret: Option<SecretArn>,
}

/// Puts the database here: below `database`, its secondary below `database/recovery` in the other region.
///
/// # Panics
/// If RDS shall manage the password of a database with a secondary: AWS lets it manage none in a global database.
pub fn database(scope: &Scope<'_>, params: &DatabaseParams<'_>) -> Database {
    let is_managed = params.master_password.managed_key().is_some();
    assert!(!is_managed || params.recovery.is_none(), "RDS manages no password of a database with a secondary");
    let scope = scope.at("database");
    let recovery = params.recovery.map(|(region, site)| (scope.at("recovery").in_region(region), site));
    let global_cluster = recovery.as_ref().map(|_| {
        let global = GlobalCluster {
            identifier: scope.name_within("aurora-global", 63),
            engine: params.engine.name().to_owned(),
            engine_version: params.version.version.clone(),
            storage_encrypted: true,
            deletion_protection: params.deletion_protection,
        };
        scope.add("global-cluster", global)
    });
    let global = global_cluster.as_ref().map(|global| global.identifier.as_str());

    let primary = ClusterPlan { name: "aurora", site: params.primary, is_primary: true, global };
    let secondary = recovery
        .as_ref()
        .map(|(there, site)| (there, ClusterPlan { name: "aurora-recovery", site, is_primary: false, global }));
    let mut instances = primary.instance_arns(&scope);
    instances.extend(secondary.iter().flat_map(|(there, plan)| plan.instance_arns(there)));
    let role = scope.add("monitoring-role", monitoring::role(&scope, &instances));

    let primary = primary.build(&scope, params, &role.arn);
    if let Some(scaling) = &params.reader_scaling {
        scale_readers(&scope, &primary, scaling);
    }
    let recovery = secondary.map(|(there, plan)| match primary.instances.first() {
        Some(writer) => {
            let there = there.after(&writer.arn, "a secondary copies from the primary's writer");
            plan.build(&there, params, &role.arn)
        }
        None => plan.build(there, params, &role.arn),
    });
    Database { primary, recovery, global_cluster }
}

/// Lets AWS make readers beside ours, and delete them again.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html>
fn scale_readers(scope: &Scope<'_>, site: &DatabaseSite, scaling: &ReaderScaling) {
    let reason = "readers are added to a cluster that stands";
    let scope = site.instances.iter().fold(scope.clone(), |scope, instance| scope.after(&instance.arn, reason));
    let target = ScalableTarget {
        resource: format!("cluster:{}", site.cluster.identifier),
        dimension: Dimension::AuroraReaders,
        min_capacity: scaling.least.cast_signed(),
        max_capacity: scaling.most.cast_signed(),
        suspended: false,
    };
    let target = scope.add("reader-scaling", target);
    let policy = ScalingPolicy {
        name: scope.name("reader-scaling"),
        resource: target.resource,
        dimension: Dimension::AuroraReaders,
        metric: Metric::AuroraReaderCpu,
        target_value: scaling.cpu_percent,
        scale_in_cooldown_seconds: 600,
        scale_out_cooldown_seconds: 300,
    };
    scope.add("reader-scaling-cpu", policy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Step;
    use crate::engine::graph::Graph;
    use crate::modules::key::tests::stack;

    fn steps(engine: Engine, with_recovery: bool) -> Vec<Step> {
        steps_with(engine, with_recovery, &MasterPassword::Secret("secret".into())).0
    }

    fn steps_with(engine: Engine, with_recovery: bool, master_password: &MasterPassword) -> (Vec<Step>, Database) {
        let stack = stack();
        let zones = ["a", "b", "c"].map(|zone| format!("us-east-1{zone}"));
        let subnets = [SubnetId::from("subnet-1"), SubnetId::from("subnet-2")];
        let client = SecurityGroupId::from("sg-1");
        let topic = TopicArn::from("arn:aws:sns:us-east-1:123456789012:alerts");
        let (key, vpc) = (KeyArn::from("key"), VpcId::from("vpc-1"));
        let site = Site {
            key: &key,
            vpc: &vpc,
            subnets: &subnets,
            availability_zones: &zones,
            clients: &[("processor", &client)],
            instances: 2,
            alerts: Some(&topic),
        };
        let there = Site { instances: 1, alerts: None, ..site };
        let (version, family) = ("8.0.mysql_aurora.3.08.2".to_owned(), "aurora-mysql8.0".to_owned());
        let params = DatabaseParams {
            engine,
            version: &EngineVersion { version, family, note: None },
            database_name: "payments",
            master_username: "payments_owner",
            master_password,
            min_acu: 1.0,
            max_acu: 8.0,
            backup_retention_days: 7,
            backup_window: "03:00-04:00",
            maintenance_window: "sun:05:00-sun:06:00",
            log_retention_days: 365,
            parameters: &BTreeMap::new(),
            deletion_protection: false,
            reader_scaling: None,
            primary: &site,
            recovery: with_recovery.then_some(("us-east-2", &there)),
        };
        let database = database(&stack.root().environment("blue"), &params);
        (stack.into_steps(), database)
    }

    fn find<'a>(steps: &'a [Step], id: &str) -> &'a Step {
        steps.iter().find(|step| step.id.0 == id).unwrap_or_else(|| panic!("no step {id}"))
    }

    #[test]
    fn the_secondary_has_no_administrator_and_comes_after_the_primarys_writer() {
        let steps = steps(Engine::AuroraMysql, true);
        let secondary = find(&steps, "blue/database/recovery/cluster");
        assert_eq!(secondary.region, "us-east-2");
        assert!(secondary.spec["master_username"].is_null() && secondary.spec["master_secret"].is_null());
        assert!(secondary.dependencies().contains(&"blue/database/instance-1".into()));
        assert!(secondary.dependencies().contains(&"blue/database/global-cluster".into()));
        Graph::new(steps).unwrap();
    }

    #[test]
    fn a_password_that_rds_manages_is_in_the_secret_that_the_cluster_tells() {
        let managed = MasterPassword::Managed { key: "key".into() };
        let (steps, database) = steps_with(Engine::AuroraPostgresql, false, &managed);
        let cluster = &find(&steps, "blue/database/cluster").spec;
        assert!(cluster["master_secret"].is_null());
        assert_eq!(cluster["managed_password_key"], "key");
        let told = SecretArn::from("⟦blue/database/cluster#master_secret_arn⟧");
        assert_eq!(database.primary.master_secret, Some(told));
        let ours = MasterPassword::Secret("secret".into());
        let (_, database) = steps_with(Engine::AuroraMysql, true, &ours);
        assert_eq!(database.primary.master_secret, Some("secret".into()));
        assert_eq!(database.recovery.unwrap().master_secret, None);
    }

    #[test]
    #[should_panic(expected = "RDS manages no password of a database with a secondary")]
    fn a_password_that_rds_manages_has_no_place_in_a_global_database() {
        steps_with(Engine::AuroraPostgresql, true, &MasterPassword::Managed { key: "key".into() });
    }

    #[test]
    fn every_log_group_stands_encrypted_before_the_cluster_could_make_it_without_a_key() {
        let steps = steps(Engine::AuroraMysql, false);
        let groups = steps.iter().filter(|step| step.kind == "logs.log_group");
        let names: Vec<_> = groups.map(|step| step.spec["name"].as_str().unwrap()).collect();
        let name = |log| format!("/aws/rds/cluster/aurora-blue-dev1/{log}");
        assert_eq!(names, ["audit", "error", "general", "slowquery"].map(name));
        let cluster = find(&steps, "blue/database/cluster").dependencies();
        assert!(cluster.contains(&"blue/database/audit-log".into()));
        assert!(find(&steps, "blue/database/cluster").spec["global_cluster"].is_null());
    }

    #[test]
    fn instances_take_turns_in_the_availability_zones() {
        let steps = steps(Engine::AuroraPostgresql, false);
        let zone = |id| find(&steps, id).spec["availability_zone"].clone();
        assert_eq!(
            (zone("blue/database/instance-1"), zone("blue/database/instance-2")),
            ("us-east-1a".into(), "us-east-1b".into())
        );
        assert_eq!(find(&steps, "blue/database/cluster").spec["port"], 5432);
    }
}
