//! An Aurora database: a cluster with instances in several availability zones, and optionally a secondary cluster in the
//! disaster-recovery region.

mod monitoring;
mod site;

use super::Scope;
use super::reach::Reach;
use crate::resources::application_autoscaling::{Dimension, Metric, ScalableTarget, ScalingPolicy};
use crate::resources::ec2::Peer;
use crate::resources::ids::{KeyArn, SecretArn, SecurityGroupId, SubnetId, TopicArn, VpcId};
use crate::resources::logs::LogGroupOutputs;
use crate::resources::rds::engine_version::EngineVersion;
use crate::resources::rds::{DbClusterOutputs, DbInstanceOutputs, GlobalCluster, GlobalClusterOutputs, MasterPassword};
use site::ClusterPlan;

/// An engine of Aurora.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Aurora MySQL 3, compatible with MySQL 8.0.
    AuroraMysql,
    /// Aurora PostgreSQL.
    AuroraPostgresql,
}

impl Engine {
    /// Its name in AWS.
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

    /// The logs that it exports to CloudWatch.
    fn logs(self) -> &'static [&'static str] {
        match self {
            Engine::AuroraMysql => &["audit", "error", "general", "slowquery"],
            Engine::AuroraPostgresql => &["postgresql"],
        }
    }

    /// The parameters for security: TLS 1.2 or later, and an audit log of connections, DDL and DCL. The general log is exported,
    /// but off. The slow query log contains whole statements: the database has tokens instead of card numbers.
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
                // pgaudit logs DDL without passwords; this would log them.
                ("log_statement", "none"),
            ],
        }
    }
}

/// The parameters of a database. [`DatabaseParams::new`] sets defaults.
#[derive(Clone, Copy, Debug)]
pub struct DatabaseParams<'a> {
    /// The engine.
    pub engine: Engine,
    /// Its version, from [`crate::resources::rds::engine_version::offered`].
    pub version: &'a EngineVersion,
    /// The name of the initial database.
    pub database_name: &'a str,
    /// The name of the master user; not `admin` or another well-known name.
    pub master_username: &'a str,
    /// The source of the master user's password. RDS can't manage it for a database with a secondary.
    pub master_password: &'a MasterPassword,
    /// Minimum capacity of each instance, in ACU.
    pub min_acu: f64,
    /// Maximum capacity of each instance, in ACU.
    pub max_acu: f64,
    /// Days of point-in-time recovery, 1 to 35.
    pub backup_retention_days: i32,
    /// The backup window in UTC: `03:00-04:00`.
    pub backup_window: &'a str,
    /// The maintenance window in UTC: `sun:05:00-sun:06:00`.
    pub maintenance_window: &'a str,
    /// Cluster parameters beside those for security, for example `binlog_format`.
    pub parameters: &'a [(&'a str, &'a str)],
    /// Deletion protection.
    pub deletion_protection: bool,
    /// Auto scaling of the readers.
    pub reader_scaling: Option<ReaderScaling>,
    /// The site of the primary cluster.
    pub primary: &'a Site<'a>,
    /// The region and the site of the secondary cluster.
    pub recovery: Option<(&'a str, &'a Site<'a>)>,
}

impl<'a> DatabaseParams<'a> {
    /// A database without a secondary, with 0.5 to 16 ACU per instance and 35 days of point-in-time recovery.
    pub fn new(
        engine: Engine,
        version: &'a EngineVersion,
        master_password: &'a MasterPassword,
        primary: &'a Site<'a>,
    ) -> Self {
        DatabaseParams {
            engine,
            version,
            database_name: "payments",
            master_username: "payadmin",
            master_password,
            min_acu: 0.5,
            max_acu: 16.0,
            backup_retention_days: 35,
            backup_window: "03:00-04:00",
            maintenance_window: "sun:05:00-sun:06:00",
            parameters: &[],
            deletion_protection: false,
            reader_scaling: None,
            primary,
            recovery: None,
        }
    }
}

/// Auto scaling of the readers.
#[derive(Clone, Copy, Debug)]
pub struct ReaderScaling {
    /// Minimum number of readers.
    pub min: u32,
    /// Maximum number of readers. AWS creates and deletes those beyond the configured ones.
    pub max: u32,
    /// Target CPU utilization of the readers, percent.
    pub cpu_percent: f64,
}

/// The network of a cluster in one region.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// The key that encrypts storage, logs and Performance Insights; in the recovery region a replica of the primary's key.
    pub key: &'a KeyArn,
    /// The VPC.
    pub vpc: &'a VpcId,
    /// Private subnets in at least two availability zones.
    pub subnets: &'a [SubnetId],
    /// The availability zones of the subnets. Instances are distributed over them.
    pub availability_zones: &'a [String],
    /// The clients that may connect: their names and security groups.
    pub clients: &'a [(&'a str, &'a SecurityGroupId)],
    /// Number of instances. A secondary without instances only replicates the storage.
    pub instances: usize,
    /// The topic for events of the database, in this region.
    pub alerts: Option<&'a TopicArn>,
}

/// A database.
#[derive(Clone, Debug)]
pub struct Database {
    /// The primary cluster.
    pub primary: DatabaseSite,
    /// The secondary cluster in the recovery region.
    pub recovery: Option<DatabaseSite>,
    /// The global database that contains both.
    pub global_cluster: Option<GlobalClusterOutputs>,
}

/// A cluster in one region.
#[derive(Clone, Debug)]
pub struct DatabaseSite {
    /// The region.
    pub region: String,
    /// The cluster.
    pub cluster: DbClusterOutputs,
    /// Its instances. The first one is the preferred writer.
    pub instances: Vec<DbInstanceOutputs>,
    /// Its security group. Clients need an outbound rule to it.
    pub security_group: SecurityGroupId,
    /// Its log groups.
    pub log_groups: Vec<LogGroupOutputs>,
    /// The secret with the master user's password; `None` for a secondary.
    pub master_secret: Option<SecretArn>,
}

impl DatabaseSite {
    /// The database as a destination of its clients.
    pub fn reach(&self, engine: Engine) -> Reach<'static> {
        Reach { what: "database", port: engine.port(), peer: Peer::SecurityGroup(self.security_group.clone()) }
    }

    /// The scope, after the preferred writer.
    pub fn after_writer<'a>(&self, scope: &Scope<'a>, reason: &'static str) -> Scope<'a> {
        match self.instances.first() {
            Some(writer) => scope.after(&writer.arn, reason),
            None => scope.clone(),
        }
    }

    /// The identifiers of its instances.
    pub fn instance_identifiers(&self) -> Vec<String> {
        self.instances.iter().map(|instance| instance.identifier.clone()).collect()
    }
}

/// Adds the database below `database`, and its secondary below `database/recovery` in the other region.
///
/// # Panics
/// If RDS is to manage the password of a database with a secondary: AWS doesn't support it in a global database.
pub fn database(scope: &Scope<'_>, params: &DatabaseParams<'_>) -> Database {
    let is_managed = params.master_password.managed_key().is_some();
    assert!(!is_managed || params.recovery.is_none(), "RDS can't manage the password of a database with a secondary");
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
    let recovery = secondary.map(|(there, plan)| {
        let there = primary.after_writer(there, "a secondary replicates from the primary's writer");
        plan.build(&there, params, &role.arn)
    });
    Database { primary, recovery, global_cluster }
}

/// Adds auto scaling of the readers.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html>
fn scale_readers(scope: &Scope<'_>, site: &DatabaseSite, scaling: &ReaderScaling) {
    let reason = "auto scaling needs an existing cluster with instances";
    let scope = site.instances.iter().fold(scope.clone(), |scope, instance| scope.after(&instance.arn, reason));
    let target = ScalableTarget {
        resource: format!("cluster:{}", site.cluster.identifier),
        dimension: Dimension::AuroraReaders,
        least: scaling.min.cast_signed(),
        most: scaling.max.cast_signed(),
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
        let version = EngineVersion { version, family, note: None };
        let params = DatabaseParams {
            recovery: with_recovery.then_some(("us-east-2", &there)),
            ..DatabaseParams::new(engine, &version, master_password, &site)
        };
        let database = database(&stack.root().environment("blue"), &params);
        (stack.into_steps(), database)
    }

    fn find<'a>(steps: &'a [Step], id: &str) -> &'a Step {
        steps.iter().find(|step| step.id.0 == id).unwrap_or_else(|| panic!("no step {id}"))
    }

    #[test]
    fn secondary_has_no_master_user_and_follows_the_writer() {
        let steps = steps(Engine::AuroraMysql, true);
        let secondary = find(&steps, "blue/database/recovery/cluster");
        assert_eq!(secondary.region, "us-east-2");
        assert!(secondary.spec["master_username"].is_null() && secondary.spec["master_secret"].is_null());
        assert!(secondary.dependencies().contains(&"blue/database/instance-1".into()));
        assert!(secondary.dependencies().contains(&"blue/database/global-cluster".into()));
        Graph::new(steps).unwrap();
    }

    #[test]
    fn managed_password_is_in_the_secret_of_the_cluster() {
        let managed_by_rds = MasterPassword::Managed { key: "key".into() };
        let (steps, database) = steps_with(Engine::AuroraPostgresql, false, &managed_by_rds);
        let cluster = &find(&steps, "blue/database/cluster").spec;
        assert!(cluster["master_secret"].is_null());
        assert_eq!(cluster["managed_password_key"], "key");
        let managed = SecretArn::from("⟦blue/database/cluster#master_secret_arn⟧");
        assert_eq!(database.primary.master_secret, Some(managed));
        let own = MasterPassword::Secret("secret".into());
        let (_, database) = steps_with(Engine::AuroraMysql, true, &own);
        assert_eq!(database.primary.master_secret, Some("secret".into()));
        assert_eq!(database.recovery.unwrap().master_secret, None);
    }

    #[test]
    #[should_panic(expected = "RDS can't manage the password of a database with a secondary")]
    fn managed_password_in_a_global_database_is_refused() {
        steps_with(Engine::AuroraPostgresql, true, &MasterPassword::Managed { key: "key".into() });
    }

    #[test]
    fn log_groups_are_created_before_the_cluster() {
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
    fn instances_are_distributed_over_availability_zones() {
        let steps = steps(Engine::AuroraPostgresql, false);
        let zone = |id| find(&steps, id).spec["availability_zone"].clone();
        assert_eq!(
            (zone("blue/database/instance-1"), zone("blue/database/instance-2")),
            ("us-east-1a".into(), "us-east-1b".into())
        );
        assert_eq!(find(&steps, "blue/database/cluster").spec["port"], 5432);
    }
}
