//! What systems with a blue and a green environment share: the resources around both environments, and everything that watches
//! them and moves traffic between them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Composition, Facts};
use crate::config::Common;
use crate::modules::alarms::{
    Thresholds, alarms, failback_alarms, green_unhealthy, health_check_alarm, recovery_lag_alarm,
};
use crate::modules::backup::{BackupParams, backup};
use crate::modules::compliance::{ComplianceParams, Rule, compliance};
use crate::modules::dashboard::{DashboardParams, dashboard};
use crate::modules::database::Database;
use crate::modules::dns::{Answers, DnsRouting, ROUTE53_REGION, RoutingParams, routing};
use crate::modules::edge::FrontParams;
use crate::modules::failback::{FailbackParams, failback};
use crate::modules::foundation::{Foundation, FoundationParams, SecondRegion, foundation};
use crate::modules::key::{CustomerKey, KeyParams, KeyUser, key};
use crate::modules::monitored::Monitored;
use crate::modules::network::Network;
use crate::modules::transit::transit;
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::cloudwatch::{AlarmOutputs, Metric};
use crate::resources::elb::LoadBalancerOutputs;
use crate::resources::ids::TargetGroupArn;
use crate::traffic::levers::{DnsLever, EdgeLever, Environments, Levers, Signals, Watched};

/// The path of all health checks.
pub const HEALTH_PATH: &str = "/health";

/// The namespace of the metrics that functions and services of a deployment publish.
pub fn metrics_namespace(suffix: &str) -> String {
    format!("Payments/{suffix}")
}

/// Adds the resources that both environments share.
pub fn shared_resources(
    root: &Scope<'_>,
    common: &Common,
    key_through: &[&str],
    second_region: Option<SecondRegion<'_>>,
) -> Foundation {
    foundation(
        root,
        &FoundationParams {
            key_through,
            second_region,
            emails: &common.notifications.emails,
            requests_per_5_minutes: common.firewall.requests_per_5_minutes,
            domain: &common.dns.domain(root.suffix()),
            zone_id: common.dns.zone_id.as_deref(),
            certificate: common.certificate.arn.as_deref(),
            request_certificate: common.certificate.request,
        },
    )
}

/// Adds the key of an environment.
pub fn environment_key(scope: &Scope<'_>, replica_region: Option<&str>) -> CustomerKey {
    key(
        &scope.at("key"),
        &KeyParams {
            description: "Everything of one environment",
            through: &["rds", "secretsmanager", "ssm", "sqs", "lambda"],
            users: &[KeyUser::Logs],
            replica_region,
        },
    )
}

/// The parameters of an environment's load balancer.
pub fn front<'a>(network: &'a Network, foundation: &'a Foundation, common: &Common) -> FrontParams<'a> {
    FrontParams {
        network,
        certificate: &foundation.certificate,
        web_acl: &foundation.firewall.web_acl,
        access_log_target: Some(&foundation.access_logs),
        deletion_protection: common.protection.deletion_protection,
    }
}

/// One environment: what [`finish`] needs of it.
#[derive(Debug)]
pub struct Side<'a> {
    /// The scope of the environment.
    pub scope: Scope<'a>,
    /// Its network.
    pub network: &'a Network,
    /// Its database.
    pub database: &'a Database,
    /// Its load balancer.
    pub load_balancer: &'a LoadBalancerOutputs,
    /// What alarms and the dashboard are about.
    pub monitored: Monitored,
    /// The metrics by which a shift compares environments.
    pub signals: Signals,
    /// The listener of its load balancer that forwards to both environments by weight, if it does.
    pub lever: Option<EdgeLever>,
    /// Its target groups by name, unless a listener forwards to them by weight.
    pub targets: Vec<(String, TargetGroupArn)>,
    /// More alarms of the environment, for the dashboard.
    pub alarms: Vec<AlarmOutputs>,
    /// Something responds to health checks. Otherwise they have no alarm.
    pub responds: bool,
    /// Outputs for users: names without the environment, and values.
    pub outputs: Vec<(&'static str, String)>,
}

impl<'a> Side<'a> {
    /// An environment whose alarms are those of its load balancer and its database.
    pub fn new(
        scope: &Scope<'a>,
        network: &'a Network,
        database: &'a Database,
        load_balancer: &'a LoadBalancerOutputs,
    ) -> Self {
        let recovery = database.recovery.as_ref();
        let monitored = Monitored {
            load_balancer: Some(load_balancer.full_name.clone()),
            database_instances: database.primary.instance_identifiers(),
            recovery: recovery.map(|site| (site.cluster.identifier.clone(), site.region.clone())),
            ..Monitored::default()
        };
        let cluster = &database.primary.cluster;
        let mut outputs = vec![
            ("alb_dns_name", load_balancer.dns_name.clone()),
            ("database_writer_endpoint", cluster.endpoint.clone()),
            ("database_reader_endpoint", cluster.reader_endpoint.clone()),
        ];
        if let Some(recovery) = recovery {
            outputs.push(("dr_database_endpoint", recovery.cluster.endpoint.clone()));
            outputs.push(("dr_database_reader_endpoint", recovery.cluster.reader_endpoint.clone()));
        }
        Side {
            scope: scope.clone(),
            network,
            database,
            load_balancer,
            monitored,
            signals: Signals::default(),
            lever: None,
            targets: Vec::new(),
            alarms: Vec::new(),
            responds: true,
            outputs,
        }
    }

    fn name(&self) -> &str {
        self.scope.environment_name()
    }
}

/// What differs between systems.
#[derive(Debug)]
pub struct Extras<'a> {
    /// The runtime of the failback function, for example `nodejs24.x`.
    pub runtime: &'a str,
    /// Reserve one concurrent invocation for the failback function.
    pub reserve_failback: bool,
    /// The alarm thresholds.
    pub thresholds: Thresholds,
    /// The kind of the weighted DNS records.
    pub answers: Answers,
    /// Green's share when the DNS records are created, percent.
    pub initial_green_percent: u8,
    /// Days that backups are kept.
    pub backup_retention_days: i32,
    /// ARNs of resources to back up beside the databases.
    pub backup: Vec<String>,
    /// The rules of AWS Config.
    pub rules: &'a [&'a [Rule]],
    /// The text at the top of the dashboard.
    pub dashboard_text: &'a str,
    /// The namespace of the data sync's metrics.
    pub sync_namespace: Option<&'a str>,
    /// Counts the writes of green's customers.
    pub green_writes: Option<Metric>,
    /// More alarms, for the dashboard.
    pub alarms: Vec<AlarmOutputs>,
    /// More notes.
    pub notes: Vec<String>,
    /// More outputs.
    pub outputs: BTreeMap<String, String>,
}

/// Adds everything around the two environments, blue and green: transit gateway, DNS records, alarms, failback, dashboard, backups
/// and compliance rules.
pub fn finish(
    root: &Scope<'_>,
    common: &Common,
    facts: &Facts,
    foundation: &Foundation,
    sides: &[Side<'_>; 2],
    extras: Extras<'_>,
) -> Composition {
    let [blue, green] = sides;
    transit(&root.at("transit"), &[(&blue.scope, blue.network), (&green.scope, green.network)]);
    let routing = routing(
        root,
        &RoutingParams {
            zone: &foundation.zone,
            blue: blue.load_balancer,
            green: green.load_balancer,
            health_path: HEALTH_PATH,
            initial_green_percent: extras.initial_green_percent,
            answers: extras.answers,
        },
    );
    let mut levers = levers(common, sides, &routing, extras.green_writes.clone());
    let mut alarms = watch(root, facts, foundation, sides, &extras, &routing, &mut levers);
    alarms.extend(extras.alarms);
    let alarms: Vec<_> = alarms.iter().map(|alarm| alarm.arn.to_string()).collect();
    let dashboard = dashboard(
        root,
        &DashboardParams {
            environments: &sides.each_ref().map(|side| (side.name(), &side.monitored)),
            alarms: &alarms,
            text: extras.dashboard_text,
            sync: extras.sync_namespace,
        },
    );
    let databases = sides.iter().map(|side| side.database.primary.cluster.arn.to_string());
    backup(
        root,
        &BackupParams {
            key: &foundation.key.arn,
            resources: databases.chain(extras.backup).collect::<BTreeSet<_>>(),
            schedule: "cron(0 5 ? * * *)",
            retention_days: extras.backup_retention_days.into(),
        },
    );
    let existing_recorder = facts.recorder.as_deref();
    if common.compliance.config {
        compliance(root, &ComplianceParams { existing_recorder, rules: extras.rules });
    }
    let mut outputs = extras.outputs;
    outputs.insert("dashboard_url".to_owned(), dashboard.url);
    if routing.live != routing.pay {
        outputs.insert("live_name".to_owned(), routing.live);
    }
    outputs.insert("payment_name".to_owned(), routing.pay);
    outputs.extend(foundation.zone.name_servers.clone().map(|servers| ("zone_name_servers".to_owned(), servers)));
    for side in sides {
        outputs.extend(side.outputs.iter().map(|(name, value)| (format!("{}_{name}", side.name()), value.clone())));
    }
    let mut notes: Vec<_> = facts.engine.note.iter().cloned().chain(extras.notes).chain(common.notes()).collect();
    if let Some(recorder) = existing_recorder.filter(|_| common.compliance.config) {
        notes.push(format!("AWS Config has a recorder already ({recorder}): it is used and not changed"));
    }
    if foundation.route53_alerts.is_none() {
        notes.push(format!(
            "no query log and no alarms on health checks: Route 53 has them in {ROUTE53_REGION} only, which is no region of \
             this system"
        ));
    }
    Composition { outputs, levers: Some(levers), notes }
}

/// Adds the alarms and the failback. Returns the alarms for the dashboard, those of the primary region.
fn watch(
    root: &Scope<'_>,
    facts: &Facts,
    foundation: &Foundation,
    sides: &[Side<'_>; 2],
    extras: &Extras<'_>,
    routing: &DnsRouting,
    levers: &mut Levers,
) -> Vec<AlarmOutputs> {
    let mut all = Vec::new();
    for (side, health_check) in sides.iter().zip([&routing.blue_health, &routing.green_health]) {
        let own = alarms(&side.scope, &side.monitored, &foundation.alerts, &extras.thresholds);
        all.extend(own.all.into_iter().chain(side.alarms.clone()));
        if let (Some((cluster, region)), Some(topic)) = (&side.monitored.recovery, &foundation.second_alerts) {
            let there = side.scope.at("recovery").in_region(region);
            recovery_lag_alarm(&there, cluster, topic, &extras.thresholds);
        }
        if let Some(topic) = foundation.route53_alerts.as_ref().filter(|_| side.responds) {
            health_check_alarm(&side.scope.at("edge").in_region(ROUTE53_REGION), health_check, topic);
        }
        if side.name() == levers.environments.green {
            levers.watched.alarms = own.traffic;
        }
    }
    let alarm = green_unhealthy(root, &levers.watched.alarms, &foundation.alerts);
    levers.watched.composite = Some(alarm.name.clone());
    let failback = failback(
        root,
        &FailbackParams {
            package: &facts.packages["failback"],
            runtime: extras.runtime,
            reserved: extras.reserve_failback,
            alarm: &alarm,
            topic: &foundation.events,
            levers,
            key: &foundation.key.arn,
        },
    );
    all.extend(failback_alarms(root, &failback.function.name, &failback.dead_letters.name, &foundation.alerts));
    all
}

/// The weights that move traffic. [`watch`] adds the alarms.
fn levers(
    common: &Common,
    [blue, green]: &[Side<'_>; 2],
    routing: &DnsRouting,
    green_writes: Option<Metric>,
) -> Levers {
    Levers {
        environments: Environments { blue: blue.name().to_owned(), green: green.name().to_owned() },
        edges: [blue, green].into_iter().filter_map(|side| side.lever.clone()).collect(),
        dns: Some(DnsLever {
            hosted_zone: routing.hosted_zone_id.clone(),
            name: routing.live.clone(),
            record_type: routing.record_type.to_owned(),
            blue: BLUE.to_owned(),
            green: GREEN.to_owned(),
        }),
        watched: Watched {
            region: common.region.clone(),
            alarms: Vec::new(),
            composite: None,
            blue: blue.signals.clone(),
            green: green.signals.clone(),
            green_targets: green.targets.clone(),
            green_writes,
        },
    }
}
