//! A system of one's own, with everything that provisioner does for its own systems: `plan`, `apply`, `destroy`, state and
//! locks, `shift`, `failback`, the sandbox.
//!
//! ```console
//! $ cargo run --example custom_system -- --sandbox apply --suffix dev1
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use ipnet::Ipv4Net;
use provisioner::modules::Scope;
use provisioner::modules::bucket::{BucketParams, access_log_bucket, private_bucket};
use provisioner::modules::dashboard::{DashboardParams, Panel, dashboard};
use provisioner::modules::key::{KeyParams, KeyUser, key};
use provisioner::modules::policy::{allow, document, trust};
use provisioner::modules::queue::{Queue, QueueParams, queue};
use provisioner::modules::topic::{TopicParams, topic};
use provisioner::resources::cloudwatch::{Alarm, AlarmOutputs, Comparison, Measure, Metric, MissingData};
use provisioner::resources::dynamodb::{Attribute, AttributeType, Table};
use provisioner::resources::ec2::{InterfaceEndpoint, Peer, SecurityGroup, SecurityGroupRule, Subnet, Vpc};
use provisioner::resources::elb::{
    Action, Conditions, HealthCheck, Listener, ListenerRule, LoadBalancer, TargetGroup, TargetGroupOutputs, Targets,
    Weights,
};
use provisioner::resources::iam::Role;
use provisioner::resources::ids::{KeyArn, SecurityGroupId, SubnetId, TopicArn, VpcId};
use provisioner::resources::logs::LogGroup;
use provisioner::resources::s3::Encryption;
use provisioner::resources::ssm::Parameter;
use provisioner::systems::{ComposeInput, Composition, CustomSystem, SettingError};
use provisioner::traffic::levers::{EdgeLever, Levers};
use serde::Deserialize;
use serde_json::json;

/// The section `[settings]` of the configuration.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    cidr: Ipv4Net,
    retention_days: i32,
    counters: BTreeSet<String>,
    errors_a_minute: f64,
}

fn main() -> ExitCode {
    provisioner::cli::run(
        CustomSystem::new("ticket-shop", include_str!("custom_system.toml"), compose).checked_by(check),
    )
}

fn check(settings: &Settings) -> Result<(), SettingError> {
    match settings.cidr.prefix_len() {
        16..=24 if settings.cidr == settings.cidr.trunc() => Ok(()),
        _ => Err(SettingError::new("cidr", "a VPC whose subnets have room is a whole block, /16 to /24")),
    }
}

fn compose(given: &ComposeInput<'_, Settings>) -> Composition {
    let (root, settings) = (&given.root, given.settings);
    let params = KeyParams {
        description: "All data of the ticket shop",
        through: &["sqs", "ssm", "dynamodb", "sns"],
        users: &[KeyUser::Logs, KeyUser::Alarms],
        replica_region: None,
    };
    let key = key(root, &params).arn;
    let params = TopicParams {
        name: "alerts",
        display_name: "Ticket shop",
        key: &key,
        publishers: &["cloudwatch.amazonaws.com"],
        emails: &[],
        log_retention_days: settings.retention_days,
    };
    let alerts = topic(&root.at("topics"), &params);
    let network = network(root, given);
    let edge = edge(root, settings, &network);
    let counters: Vec<_> = settings.counters.iter().map(|name| counter(root, settings, name, &key)).collect();
    let table = Table {
        name: root.name("tickets"),
        partition_key: Attribute { name: "event".to_owned(), of: AttributeType::String },
        sort_key: Some(Attribute { name: "seat".to_owned(), of: AttributeType::String }),
        global_indexes: BTreeMap::new(),
        stream: None,
        kms_key: key.clone(),
        point_in_time_recovery: true,
        time_to_live: Some("gone_at".to_owned()),
        deletion_protection: false,
    };
    let table = root.add("tickets", table);
    let params = BucketParams {
        encryption: Encryption::S3,
        keep_days: Some(3650),
        lifecycle: BTreeMap::new(),
        access_logs: Some(&access_log_bucket(root, "s3-access-logs", 90).name),
        statements: |_, _| Vec::new(),
    };
    let receipts = private_bucket(root, "receipts", &params);
    configured(root, &key, [("table", &table.name), ("receipts", &receipts.name)]);
    let (green_suffers, all) = alarms(root, settings, &edge, &counters, &alerts);
    let columns = edge.groups.each_ref().map(|(balancer, group)| [(balancer.as_str(), group.as_str())]);
    let panel = |environment, target_groups| Panel { environment, target_groups, ..Panel::default() };
    let panels = [panel("blue", &columns[0]), panel("green", &columns[1])];
    let params = DashboardParams { environments: &panels, alarms: &all, weights: "# Ticket shop", sync: None };
    let told = [
        ("address", edge.dns_name),
        ("table", table.name),
        ("receipts", receipts.name),
        ("dashboard_url", dashboard(root, &params).url),
    ];
    Composition {
        outputs: told.map(|(name, value)| (name.to_owned(), value)).into(),
        levers: Some(Levers::of_edge(edge.lever, &edge.groups, vec![green_suffers])),
        notes: Vec::new(),
    }
}

struct Network {
    vpc: VpcId,
    subnets: BTreeSet<SubnetId>,
    edge: SecurityGroupId,
}

/// Three subnets, the ways to the services that the shop uses, and the group of its load balancer.
fn network(root: &Scope<'_>, given: &ComposeInput<'_, Settings>) -> Network {
    let scope = root.at("network");
    let cidr = given.settings.cidr;
    let vpc = scope.add("vpc", Vpc { cidr, dns_support: true, dns_hostnames: true }).vpc_id;
    let blocks = cidr.subnets(cidr.prefix_len() + 4).expect("a block that can be divided");
    let subnet = |(cidr, zone): (Ipv4Net, &String)| {
        let subnet = Subnet { vpc_id: vpc.clone(), cidr, availability_zone: zone.clone(), map_public_ip: false };
        scope.add(&format!("subnet-{zone}"), subnet).subnet_id
    };
    let subnets: Vec<_> = blocks.zip(given.zones).map(subnet).collect();
    let group = |name: &str, description: &str| {
        scope.add(name, SecurityGroup::new(scope.name(name), description, &vpc)).security_group_id
    };
    let (edge, endpoints) = (group("edge", "The load balancer"), group("endpoints", "The ways to AWS"));
    for (name, rule) in [
        ("edge-from-vpc", SecurityGroupRule::tcp_in(&edge, 80, Peer::Cidr(cidr), "HTTP from the VPC")),
        ("edge-to-targets", SecurityGroupRule::tcp_out(&edge, 8080, Peer::Cidr(cidr), "To the shop")),
        ("endpoints-from-vpc", SecurityGroupRule::tcp_in(&endpoints, 443, Peer::Cidr(cidr), "HTTPS from the VPC")),
    ] {
        scope.add(name, rule);
    }
    for service in ["sqs", "logs", "dynamodb"] {
        let endpoint = InterfaceEndpoint {
            vpc_id: vpc.clone(),
            service_name: format!("com.amazonaws.{}.{service}", scope.region()),
            policy: document([
                json!({"Effect": "Allow", "Principal": "*", "Action": format!("{service}:*"), "Resource": "*"}),
            ]),
            subnet_ids: subnets.clone(),
            security_group_ids: vec![endpoints.clone()],
            private_dns: service != "dynamodb",
        };
        scope.add(&format!("endpoint-{service}"), endpoint);
    }
    Network { vpc, subnets: subnets.into_iter().collect(), edge }
}

struct Edge {
    dns_name: String,
    /// Full names of load balancer and target group, blue's and green's: the dimensions of metrics.
    groups: [(String, String); 2],
    lever: EdgeLever,
}

/// A load balancer that splits its requests between blue and green by weight; what isn't migrated stays with blue.
fn edge(root: &Scope<'_>, settings: &Settings, network: &Network) -> Edge {
    let scope = root.at("edge");
    let balancer = LoadBalancer {
        name: scope.name_within("tickets", 32),
        internal: true,
        subnets: network.subnets.clone(),
        security_groups: [network.edge.clone()].into(),
        drop_invalid_headers: true,
        desync_mitigation: "strictest".to_owned(),
        access_logs: None,
        deletion_protection: false,
        idle_timeout_seconds: 60,
        client_keep_alive_seconds: 60,
        http2: true,
    };
    let balancer = scope.add("load-balancer", balancer);
    let [blue, green] =
        ["blue", "green"].map(|environment| target_group(&scope.environment(environment), &network.vpc));
    let by_weight = Action::WeightedForward {
        blue: blue.arn.clone(),
        green: green.arn.clone(),
        initial: Weights { blue: 100, green: 0 },
        stickiness_seconds: None,
    };
    let http = Listener { load_balancer: balancer.arn.clone(), port: 80, tls: None, action: by_weight };
    let listener = scope.add("http", http);
    for (priority, counter) in (10..).step_by(10).zip(&settings.counters) {
        let rule = ListenerRule {
            listener: listener.arn.clone(),
            priority,
            conditions: Conditions { paths: [format!("/legacy/{counter}/*")].into(), ..Conditions::default() },
            action: Action::Forward { target_group: blue.arn.clone() },
        };
        scope.add(&format!("legacy-{counter}"), rule);
    }
    let groups = [&blue, &green].map(|group| (balancer.full_name.clone(), group.full_name.clone()));
    let lever = EdgeLever {
        name: "tickets".to_owned(),
        region: scope.region().to_owned(),
        listener: listener.arn,
        blue: blue.arn,
        green: green.arn,
    };
    Edge { dns_name: balancer.dns_name, groups, lever }
}

fn target_group(scope: &Scope<'_>, vpc: &VpcId) -> TargetGroupOutputs {
    let group = TargetGroup {
        name: scope.name_within("tickets", 25),
        targets: Targets::Ip { vpc: vpc.clone(), port: 8080, protocol: "HTTP".to_owned() },
        health_check: Some(HealthCheck { path: "/health".to_owned(), interval_seconds: 10, ..HealthCheck::default() }),
        deregistration_delay_seconds: Some(30),
        multi_value_headers: false,
    };
    scope.add("target-group", group)
}

/// What a counter of the shop has: a queue, a log, and a role that may use just these.
fn counter(root: &Scope<'_>, settings: &Settings, name: &str, key: &KeyArn) -> Queue {
    let scope = root.at(name);
    let params = QueueParams { name, key, retention_days: 4, visibility_timeout_seconds: 60, max_receives: 5 };
    let queue = queue(&scope, &params);
    let log = LogGroup {
        name: format!("/ticket-shop/{name}-{}", root.suffix()),
        kms_key: key.clone(),
        retention_days: Some(settings.retention_days),
    };
    let log = scope.add("log-group", log);
    let may = [
        allow(&["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [&*queue.main.arn]),
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [format!("{}:*", log.arn)]),
        allow(&["kms:Decrypt", "kms:GenerateDataKey"], [&**key]),
    ];
    let role = Role {
        name: scope.name(&format!("{name}-counter")),
        description: format!("What serves the counter {name}"),
        trust: trust(&scope, "ecs-tasks.amazonaws.com"),
        inline_policies: [("counter".to_owned(), document(may))].into(),
        managed_policies: BTreeSet::new(),
        max_session_seconds: 3600,
    };
    scope.add("role", role);
    queue
}

/// What the shop is configured by, and a secret that AWS makes and nobody sees.
fn configured(root: &Scope<'_>, key: &KeyArn, values: [(&str, &str); 2]) {
    let scope = root.at("parameters");
    let path = format!("/ticket-shop/{}", root.suffix());
    for (name, value) in values {
        scope.add(name, Parameter::plain(format!("{path}/{name}"), "Where the shop keeps its data", value));
    }
    scope.add("signing-key", Parameter::generated(format!("{path}/signing-key"), "Signs tickets", key, 64));
}

/// Alarms on what customers get, and on what is left lying: the name of the one that holds a shift up, the ARNs of all.
fn alarms(
    root: &Scope<'_>,
    settings: &Settings,
    edge: &Edge,
    counters: &[Queue],
    alerts: &TopicArn,
) -> (String, Vec<String>) {
    let scope = root.at("alarms");
    let add = |leaf: &str, description: &str, metric: Metric, threshold: f64| -> AlarmOutputs {
        let alarm = Alarm {
            name: scope.name(leaf),
            description: description.to_owned(),
            measure: Measure::Single { metric, statistic: "Sum".to_owned(), period_seconds: 60 },
            comparison: Comparison::Greater,
            threshold,
            evaluation_periods: 2,
            datapoints_to_alarm: 2,
            missing_data: MissingData::NotBreaching,
            actions_enabled: true,
            actions: [alerts.to_string()].into(),
            ok_actions: [alerts.to_string()].into(),
        };
        scope.add(leaf, alarm)
    };
    let lying = settings.counters.iter().zip(counters).map(|(name, queue)| {
        let dimensions = [("QueueName", queue.dead_letters.name.as_str())];
        let metric = Metric::new("AWS/SQS", "ApproximateNumberOfMessagesVisible", dimensions);
        add(&format!("{name}-dead-letters"), "Messages failed for good: read them", metric, 0.0)
    });
    let [blue, green] =
        [("blue", &edge.groups[0]), ("green", &edge.groups[1])].map(|(environment, (balancer, group))| {
            let dimensions = [("LoadBalancer", balancer.as_str()), ("TargetGroup", group.as_str())];
            let metric = Metric::new("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", dimensions);
            add(&format!("{environment}-errors"), "Customers get errors", metric, settings.errors_a_minute)
        });
    let all = lying.chain([blue, green.clone()]).map(|alarm| alarm.arn.to_string()).collect();
    (green.name, all)
}
