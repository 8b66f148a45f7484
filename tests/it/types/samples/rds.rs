use std::collections::{BTreeMap, BTreeSet};

use provisioner::modules::Scope;
use provisioner::resources::ids::{SecretArn, SecurityGroupId, TopicArn, VpcId};
use provisioner::resources::rds::{
    DbCluster, DbClusterParameterGroup, DbInstance, DbParameterGroup, DbSubnetGroup, EventSubscription, GlobalCluster,
    MasterPassword,
};
use provisioner::resources::secrets::{Content, Secret};
use provisioner::resources::sns::Topic;

use super::{key, policy, role, security_group, subnet, vpc};
use crate::types::{Sample, Samples};

const MYSQL: (&str, &str, &str) = ("aurora-mysql", "8.0.mysql_aurora.3.08.2", "aurora-mysql8.0");
const POSTGRES: (&str, &str, &str) = ("aurora-postgresql", "16.6", "aurora-postgresql16");

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

fn values<const N: usize>(values: [(&str, &str); N]) -> BTreeMap<String, String> {
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

fn secret(scope: &Scope<'_>, name: &str) -> SecretArn {
    let secret = Secret {
        name: scope.name(name),
        description: name.to_owned(),
        kms_key: Some(key(scope, name)),
        content: Content::Database { engine: MYSQL.0.to_owned(), username: "owner".to_owned() },
        replicas: BTreeMap::new(),
        policy: policy(scope, "secretsmanager:GetSecretValue"),
    };
    scope.add(&format!("secret-{name}"), secret).arn
}

fn topic(scope: &Scope<'_>, name: &str) -> TopicArn {
    let topic = Topic {
        name: scope.name(name),
        display_name: name.to_owned(),
        kms_key: Some(key(scope, name)),
        policy: policy(scope, "sns:Publish"),
        delivery_logging: BTreeMap::new(),
    };
    scope.add(&format!("topic-{name}"), topic).arn
}

fn cluster_parameters(scope: &Scope<'_>, name: &str, family: &str) -> String {
    let group = DbClusterParameterGroup {
        name: scope.name(name),
        family: family.to_owned(),
        description: name.to_owned(),
        parameters: BTreeMap::new(),
    };
    scope.add(&format!("cluster-parameters-{name}"), group).name
}

fn instance_parameters(scope: &Scope<'_>, name: &str, family: &str) -> String {
    let group = DbParameterGroup {
        name: scope.name(name),
        family: family.to_owned(),
        description: name.to_owned(),
        parameters: BTreeMap::new(),
    };
    scope.add(&format!("parameters-{name}"), group).name
}

fn network(scope: &Scope<'_>) -> (VpcId, String) {
    let vpc = vpc(scope, 1);
    let group = DbSubnetGroup {
        name: scope.name("network"),
        description: "network".to_owned(),
        subnets: ['a', 'b'].map(|zone| subnet(scope, &vpc, 1, zone)).into(),
    };
    (vpc, scope.add("subnet-group", group).name)
}

/// A cluster that nobody follows. Its parameter group and secret are called after it.
fn cluster(
    scope: &Scope<'_>,
    name: &str,
    (engine, version, family): (&str, &str, &str),
    subnet_group: String,
    security_group: SecurityGroupId,
) -> DbCluster {
    DbCluster {
        identifier: scope.name(name),
        engine: engine.to_owned(),
        engine_version: version.to_owned(),
        database_name: Some("payments".to_owned()),
        master_username: Some("owner".to_owned()),
        master_password: MasterPassword::Secret(secret(scope, name)),
        global_cluster: None,
        min_acu: 0.5,
        max_acu: 4.0,
        kms_key: key(scope, &format!("of-{name}")),
        backup_retention_days: 7,
        backup_window: "03:00-04:00".to_owned(),
        maintenance_window: "sun:05:00-sun:06:00".to_owned(),
        log_exports: BTreeSet::new(),
        iam_authentication: true,
        copy_tags_to_snapshots: true,
        parameter_group: cluster_parameters(scope, name, family),
        subnet_group,
        security_groups: [security_group].into(),
        port: 3306,
        deletion_protection: false,
    }
}

/// The secret of a cluster whose administrator's password RDS manages.
pub fn managed_secret(scope: &Scope<'_>) -> SecretArn {
    let (vpc, subnet_group) = network(scope);
    let group = security_group(scope, &vpc, "managed");
    let password = MasterPassword::Managed { key: key(scope, "password") };
    let cluster = cluster(scope, "managed", MYSQL, subnet_group, group);
    let outputs = scope.add("managed-cluster", DbCluster { master_password: password, ..cluster });
    outputs.master_secret_arn.expect("a managed secret")
}

/// A cluster that stands; what Application Auto Scaling calls it.
pub(super) fn scalable_cluster(scope: &Scope<'_>) -> String {
    let (vpc, subnet_group) = network(scope);
    let group = security_group(scope, &vpc, "database");
    let cluster = cluster(scope, "readers", MYSQL, subnet_group, group);
    format!("cluster:{}", scope.add("cluster-readers", cluster).identifier)
}

impl Sample for DbCluster {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (vpc, subnet_group) = network(scope);
        let [one, other] = ["one", "other"].map(|name| security_group(scope, &vpc, name));
        let global = GlobalCluster {
            identifier: scope.name("global"),
            engine: MYSQL.0.to_owned(),
            engine_version: MYSQL.1.to_owned(),
            storage_encrypted: true,
            deletion_protection: false,
        };
        let global = scope.add("global-cluster", global).identifier;
        let first = cluster(scope, "orders", MYSQL, subnet_group, one);
        let first = DbCluster { global_cluster: Some(global), log_exports: names(["audit"]), ..first };
        let (other_secret, other_group) = (secret(scope, "other"), cluster_parameters(scope, "other", MYSQL.2));
        let postgres = cluster_parameters(scope, "postgres", POSTGRES.2);
        let password_key = key(scope, "password");
        let alone = |cluster: &mut DbCluster| {
            cluster.identifier = scope.name("refunds");
            cluster.global_cluster = None;
        };
        let fixed = "AWS can't change it, and a replacement would lose the data: a change is refused";
        Samples::of(first)
            .without_change_of("database_name", fixed)
            .without_change_of("master_username", fixed)
            .without_change_of("kms_key", fixed)
            .without_change_of("subnet_group", fixed)
            .changing(|cluster| cluster.master_password = MasterPassword::Secret(other_secret))
            .changing(|cluster| cluster.min_acu = 1.0)
            .changing(|cluster| cluster.max_acu = 8.0)
            .changing(|cluster| cluster.backup_retention_days = 35)
            .changing(|cluster| cluster.backup_window = "01:00-02:00".to_owned())
            .changing(|cluster| cluster.maintenance_window = "mon:05:00-mon:06:00".to_owned())
            .changing(|cluster| cluster.log_exports = names(["error", "slowquery"]))
            .changing(|cluster| cluster.iam_authentication = false)
            .changing(|cluster| cluster.copy_tags_to_snapshots = false)
            .changing(|cluster| cluster.parameter_group = other_group)
            .changing(|cluster| cluster.security_groups.insert(other).then_some(()).expect("it is another one"))
            .changing(|cluster| cluster.port = 3307)
            .changing(|cluster| cluster.deletion_protection = true)
            // In place: a protected one can't be replaced.
            .changing(|cluster| cluster.port = 3308)
            // Another one of the same major version would be no difference, and another major version is refused.
            .changing(|cluster| {
                (cluster.engine, cluster.engine_version) = (POSTGRES.0.to_owned(), POSTGRES.1.to_owned());
                (cluster.parameter_group, cluster.port) = (postgres, 5432);
                cluster.log_exports = names(["postgresql"]);
                cluster.global_cluster = None;
            })
            .changing(|cluster| cluster.identifier = scope.name("refunds"))
            // No standing cluster can join a global database: the rest is about one that is in none.
            .changing(alone)
            // In place, there and back. RDS manages no password of a cluster in a global database.
            .changing(|cluster| {
                alone(cluster);
                cluster.master_password = MasterPassword::Managed { key: password_key };
            })
            .changing(alone)
    }
}

impl Sample for DbClusterParameterGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = DbClusterParameterGroup {
            name: scope.name("orders"),
            family: MYSQL.2.to_owned(),
            description: "orders".to_owned(),
            parameters: values([("slow_query_log", "1"), ("long_query_time", "1")]),
        };
        Samples::of(first)
            .changing(|group| group.parameters = values([("long_query_time", "2"), ("log_output", "FILE")]))
            .changing(|group| group.parameters.clear())
            .changing(|group| group.name = scope.name("refunds"))
            .changing(|group| group.family = "aurora-mysql5.7".to_owned())
            .changing(|group| group.description = "refunds".to_owned())
    }
}

impl Sample for DbInstance {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (vpc, subnet_group) = network(scope);
        let group = security_group(scope, &vpc, "one");
        let standing = |name: &str, engine| {
            let cluster = cluster(scope, name, engine, subnet_group.clone(), group.clone());
            scope.add(&format!("cluster-{name}"), cluster).identifier
        };
        let [orders, refunds] = ["orders", "refunds"].map(|name| standing(name, MYSQL));
        let postgres = standing("postgres", POSTGRES);
        let first = DbInstance {
            identifier: scope.name("orders-1"),
            cluster: orders,
            engine: MYSQL.0.to_owned(),
            class: "db.serverless".to_owned(),
            availability_zone: format!("{}a", scope.region()),
            promotion_tier: 0,
            parameter_group: instance_parameters(scope, "one", MYSQL.2),
            performance_insights_key: key(scope, "insights"),
            performance_insights_days: 7,
            monitoring_role: role(scope, "one", "monitoring.rds.amazonaws.com"),
            monitoring_interval_seconds: 60,
            auto_minor_version_upgrade: true,
            publicly_accessible: false,
            ca_certificate: "rds-ca-rsa2048-g1".to_owned(),
        };
        let other_group = instance_parameters(scope, "other", MYSQL.2);
        let postgres_group = instance_parameters(scope, "postgres", POSTGRES.2);
        let other_role = role(scope, "other", "monitoring.rds.amazonaws.com");
        let fixed = "AWS can't change it: a change is refused";
        Samples::of(first)
            .without_change_of("performance_insights_key", fixed)
            .changing(|instance| instance.class = "db.r6g.large".to_owned())
            .changing(|instance| instance.promotion_tier = 15)
            .changing(|instance| instance.parameter_group = other_group)
            .changing(|instance| instance.performance_insights_days = 31)
            .changing(|instance| instance.monitoring_role = other_role)
            .changing(|instance| instance.monitoring_interval_seconds = 15)
            .changing(|instance| instance.auto_minor_version_upgrade = false)
            .changing(|instance| instance.publicly_accessible = true)
            .changing(|instance| instance.ca_certificate = "rds-ca-ecc384-g1".to_owned())
            .changing(|instance| instance.identifier = scope.name("orders-2"))
            .changing(|instance| instance.cluster = refunds)
            // The engine is that of its cluster.
            .changing(|instance| {
                (instance.cluster, instance.engine) = (postgres, POSTGRES.0.to_owned());
                instance.parameter_group = postgres_group;
            })
            .changing(|instance| instance.availability_zone = format!("{}b", scope.region()))
    }
}

impl Sample for DbParameterGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = DbParameterGroup {
            name: scope.name("orders"),
            family: MYSQL.2.to_owned(),
            description: "orders".to_owned(),
            parameters: values([("max_connections", "100"), ("wait_timeout", "60")]),
        };
        Samples::of(first)
            .changing(|group| group.parameters = values([("wait_timeout", "90"), ("sort_buffer_size", "524288")]))
            .changing(|group| group.parameters.clear())
            .changing(|group| group.name = scope.name("refunds"))
            .changing(|group| group.family = "aurora-mysql5.7".to_owned())
            .changing(|group| group.description = "refunds".to_owned())
    }
}

impl Sample for DbSubnetGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc = vpc(scope, 1);
        let [a, b, c] = ['a', 'b', 'c'].map(|zone| subnet(scope, &vpc, 1, zone));
        let first = DbSubnetGroup {
            name: scope.name("orders"),
            description: "orders".to_owned(),
            subnets: [a.clone(), b].into(),
        };
        Samples::of(first)
            .changing(|group| group.description = "refunds".to_owned())
            .changing(|group| group.subnets = [a, c].into())
            .changing(|group| group.name = scope.name("refunds"))
    }
}

impl Sample for EventSubscription {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [one, other] = ["one", "other"].map(|name| instance_parameters(scope, name, MYSQL.2));
        let first = EventSubscription {
            name: scope.name("orders"),
            topic: topic(scope, "one-topic"),
            source_type: "db-parameter-group".to_owned(),
            sources: [one.clone()].into(),
            categories: names(["configuration change"]),
            enabled: true,
        };
        let other_topic = topic(scope, "other-topic");
        Samples::of(first)
            .changing(|subscription| subscription.topic = other_topic)
            .changing(|subscription| subscription.sources = [other].into())
            .changing(|subscription| subscription.sources.clear())
            .changing(|subscription| subscription.categories.clear())
            .changing(|subscription| subscription.enabled = false)
            // What the sources and categories are depends on the type.
            .changing(|subscription| {
                subscription.source_type = "db-cluster".to_owned();
                subscription.sources.clear();
                subscription.categories = names(["failover", "failure"]);
            })
            .changing(|subscription| subscription.name = scope.name("refunds"))
    }
}

impl Sample for GlobalCluster {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let first = GlobalCluster {
            identifier: scope.name("orders"),
            engine: MYSQL.0.to_owned(),
            engine_version: MYSQL.1.to_owned(),
            storage_encrypted: true,
            deletion_protection: false,
        };
        Samples::of(first)
            // Another version of the same major one would be no difference, and another major version is refused.
            .changing(|global| {
                (global.engine, global.engine_version) = (POSTGRES.0.to_owned(), POSTGRES.1.to_owned());
            })
            .changing(|global| global.storage_encrypted = false)
            .changing(|global| global.identifier = scope.name("refunds"))
            // In place, as is its reverse: a protected one can't be replaced.
            .changing(|global| {
                global.identifier = scope.name("refunds");
                global.deletion_protection = true;
            })
            .changing(|global| global.identifier = scope.name("refunds"))
    }
}
