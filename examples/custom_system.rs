//! A system of your own, with everything that provisioner does for its own systems: `plan`, `apply`, `destroy`, state and
//! locks, `shift`, `failback`, the sandbox.
//!
//! ```console
//! $ cargo run --example custom_system -- apply --suffix dev1 --sandbox
//! ```

use std::collections::BTreeSet;
use std::process::ExitCode;

use ipnet::Ipv4Net;
use provisioner::modules::alarms::{Thresholds, alarms};
use provisioner::modules::bucket::{BucketParams, access_log_bucket, private_bucket};
use provisioner::modules::dashboard::{DashboardParams, dashboard};
use provisioner::modules::key::{KeyParams, KeyUser, key};
use provisioner::modules::monitored::Monitored;
use provisioner::modules::policy::{allow, document, trust};
use provisioner::modules::queue::{Queue, QueueParams, queue};
use provisioner::modules::topic::{TopicParams, topic};
use provisioner::modules::{BLUE, GREEN, Scope, log_group};
use provisioner::resources::dynamodb::{Attribute, Table};
use provisioner::resources::ec2::{InterfaceEndpoint, Peer, SecurityGroup, SecurityGroupRule, Subnet, Vpc};
use provisioner::resources::elb::{
    Action, HealthCheck, Listener, ListenerRule, LoadBalancer, TargetGroup, TargetGroupOutputs,
};
use provisioner::resources::iam::Role;
use provisioner::resources::ids::{KeyArn, SecurityGroupId, SubnetId, VpcId};
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
    counters: BTreeSet<String>,
    error_percent: f64,
}

fn main() -> ExitCode {
    let system = CustomSystem::new("ticket-shop", include_str!("custom_system.toml"), compose);
    provisioner::cli::run(system.checked_by(check))
}

fn check(settings: &Settings) -> Result<(), SettingError> {
    match settings.cidr.prefix_len() {
        16..=24 if settings.cidr == settings.cidr.trunc() => Ok(()),
        _ => Err(SettingError::new("cidr", "must be a network address, /16 to /24, so that the subnets have room")),
    }
}

fn compose(input: &ComposeInput<'_, Settings>) -> Composition {
    let (root, settings) = (&input.root, input.settings);
    let params = KeyParams {
        through: &["sqs", "ssm", "dynamodb", "sns"],
        users: &[KeyUser::Logs, KeyUser::Alarms],
        ..KeyParams::new("All data of the ticket shop")
    };
    let key = key(root, &params).arn;
    let params = TopicParams {
        display_name: "Ticket shop",
        publishers: &["cloudwatch.amazonaws.com"],
        ..TopicParams::new("alerts", &key)
    };
    let topic = topic(&root.at("topics"), &params);
    let network = network(root, input);
    let edge = edge(root, settings, &network);
    let queues: Vec<_> = settings.counters.iter().map(|name| counter(root, name, &key)).collect();
    let table = Table {
        sort_key: Some(Attribute::string("seat")),
        kms_key: Some(key.clone()),
        point_in_time_recovery: true,
        time_to_live: Some("gone_at".to_owned()),
        ..Table::new(root.name("tickets"), Attribute::string("event"))
    };
    let table = root.add("tickets", table);
    let params = BucketParams {
        keep_days: Some(3650),
        access_logs: Some(&access_log_bucket(root, "s3-access-logs").name),
        ..BucketParams::default()
    };
    let receipts = private_bucket(root, "receipts", &params);
    parameters(root, &key, [("table", &table.name), ("receipts", &receipts.name)]);

    // Alarms on the requests of each environment and on the dead letters of all counters, and a dashboard.
    let thresholds = Thresholds { error_percent: settings.error_percent, ..Thresholds::default() };
    let dead_letters = Monitored::dead_letter_queues(queues.iter().map(|queue| queue.dead_letters.name.clone()));
    let mut all = alarms(root, &dead_letters, &topic, &thresholds).all;
    let [blue, green] = edge.groups.each_ref().map(Monitored::target_group);
    all.extend(alarms(&root.environment(BLUE), &blue, &topic, &thresholds).all);
    let of_green = alarms(&root.environment(GREEN), &green, &topic, &thresholds);
    all.extend(of_green.all);
    let arns: Vec<_> = all.iter().map(|alarm| alarm.arn.to_string()).collect();
    let environments = [(BLUE, &blue), (GREEN, &green)];
    let params = DashboardParams { environments: &environments, alarms: &arns, text: "# Ticket shop", sync: None };
    let dashboard_url = dashboard(root, &params).url;
    Composition {
        levers: Some(Levers::of_edge(edge.lever, &edge.groups, of_green.traffic)),
        ..Composition::with_outputs([
            ("address", edge.dns_name),
            ("table", table.name),
            ("receipts", receipts.name),
            ("dashboard_url", dashboard_url),
        ])
    }
}

struct Network {
    vpc: VpcId,
    subnets: Vec<SubnetId>,
    security_group: SecurityGroupId,
}

/// Three subnets, endpoints of the AWS services that the shop uses, and the security group of the load balancer.
fn network(root: &Scope<'_>, input: &ComposeInput<'_, Settings>) -> Network {
    let scope = root.at("network");
    let cidr = input.settings.cidr;
    let vpc = scope.add("vpc", Vpc { dns_hostnames: true, ..Vpc::new(cidr) }).vpc_id;
    let blocks = cidr.subnets(cidr.prefix_len() + 4).expect("at least /24");
    let subnet = |(cidr, zone): (Ipv4Net, &String)| {
        scope.add(&format!("subnet-{zone}"), Subnet::new(&vpc, cidr, zone)).subnet_id
    };
    let subnets: Vec<_> = blocks.zip(input.zones).map(subnet).collect();
    let group = |name: &str, description: &str| {
        scope.add(name, SecurityGroup::new(scope.name(name), description, &vpc)).security_group_id
    };
    let (edge, endpoints) = (group("edge", "The load balancer"), group("endpoints", "The VPC endpoints"));
    for (name, rule) in [
        ("edge-from-vpc", SecurityGroupRule::tcp_in(&edge, 80, Peer::Cidr(cidr), "HTTP from the VPC")),
        ("edge-to-targets", SecurityGroupRule::tcp_out(&edge, 8080, Peer::Cidr(cidr), "To the shop")),
        ("endpoints-from-vpc", SecurityGroupRule::tcp_in(&endpoints, 443, Peer::Cidr(cidr), "HTTPS from the VPC")),
    ] {
        scope.add(name, rule);
    }
    for service in ["sqs", "logs", "dynamodb"] {
        let name = format!("com.amazonaws.{}.{service}", scope.region());
        let statement = json!({"Effect": "Allow", "Principal": "*", "Action": format!("{service}:*"), "Resource": "*"});
        let endpoint = InterfaceEndpoint {
            policy: document([statement]),
            private_dns: service != "dynamodb",
            ..InterfaceEndpoint::new(&vpc, name, subnets.clone(), vec![endpoints.clone()])
        };
        scope.add(&format!("endpoint-{service}"), endpoint);
    }
    Network { vpc, subnets, security_group: edge }
}

struct Edge {
    dns_name: String,
    /// Blue's and green's: full names of load balancer and target group.
    groups: [(String, String); 2],
    lever: EdgeLever,
}

/// A load balancer that forwards to blue and green by weight, and the paths that aren't migrated to blue.
fn edge(root: &Scope<'_>, settings: &Settings, network: &Network) -> Edge {
    let scope = root.at("edge");
    let name = scope.name_within("tickets", 32);
    let balancer = LoadBalancer {
        internal: true,
        drop_invalid_headers: true,
        desync_mitigation: "strictest".to_owned(),
        client_keep_alive_seconds: 60,
        ..LoadBalancer::new(name, network.subnets.clone(), [network.security_group.clone()])
    };
    let balancer = scope.add("load-balancer", balancer);
    let target_group = |environment: &str| -> TargetGroupOutputs {
        let scope = scope.environment(environment);
        let group = TargetGroup {
            health_check: Some(HealthCheck { interval_seconds: 10, ..HealthCheck::of_path("/health") }),
            deregistration_delay_seconds: Some(30),
            ..TargetGroup::of_addresses(scope.name_within("tickets", 25), &network.vpc, 8080)
        };
        scope.add("target-group", group)
    };
    let [blue, green] = [BLUE, GREEN].map(target_group);
    let by_weight = Action::weighted(&blue.arn, &green.arn);
    let listener = scope.add("http", Listener::http(&balancer.arn, 80, by_weight)).arn;
    for (priority, counter) in (10..).step_by(10).zip(&settings.counters) {
        let paths = [format!("/legacy/{counter}/*")];
        let rule = ListenerRule::for_paths(&listener, priority, paths, Action::forward(&blue.arn));
        scope.add(&format!("legacy-{counter}"), rule);
    }
    let groups = [&blue, &green].map(|group| (balancer.full_name.clone(), group.full_name.clone()));
    let lever = EdgeLever::of_listener("tickets", scope.region(), &listener, [&blue.arn, &green.arn]);
    Edge { dns_name: balancer.dns_name, groups, lever }
}

/// The resources of a counter: a queue, a log group, and a role that may use them.
fn counter(root: &Scope<'_>, name: &str, key: &KeyArn) -> Queue {
    let scope = root.at(name);
    let params = QueueParams { name, key, retention_days: 4, visibility_timeout_seconds: 60, max_receives: 5 };
    let queue = queue(&scope, &params);
    let log = log_group(&scope, "log-group", format!("/ticket-shop/{name}-{}", root.suffix()), key);
    let statements = [
        allow(&["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], [&*queue.main.arn]),
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [format!("{}:*", log.arn)]),
        allow(&["kms:Decrypt", "kms:GenerateDataKey"], [&**key]),
    ];
    let role = Role {
        description: format!("Serves the counter {name}"),
        inline_policies: [("counter".to_owned(), document(statements))].into(),
        ..Role::new(scope.name(&format!("{name}-counter")), trust(&scope, "ecs-tasks.amazonaws.com"))
    };
    scope.add("role", role);
    queue
}

/// The shop's configuration, and a secret that AWS generates.
fn parameters(root: &Scope<'_>, key: &KeyArn, values: [(&str, &str); 2]) {
    let scope = root.at("parameters");
    let path = format!("/ticket-shop/{}", root.suffix());
    for (name, value) in values {
        scope.add(name, Parameter::plain(format!("{path}/{name}"), "Where the shop keeps its data", value));
    }
    scope.add("signing-key", Parameter::generated(format!("{path}/signing-key"), "Signs tickets", key, 64));
}
