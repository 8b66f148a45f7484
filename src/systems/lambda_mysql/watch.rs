//! Who watches: alarms, the failback that they set off, the dashboard.

use super::environment::Environment;
use super::{BLUE, Composition, GREEN, metrics_namespace};
use crate::modules::alarms::{self, Thresholds, Watched};
use crate::modules::dashboard::{DashboardParams, Panel, dashboard};
use crate::modules::dns::DnsRouting;
use crate::modules::edge::Edge;
use crate::modules::foundation::{Foundation, ROUTE53_REGION};
use crate::resources::cloudwatch::Metric;
use crate::resources::elb::TargetGroupOutputs;
use crate::systems::failback::{self, Failback};
use crate::traffic::levers::{self, DnsLever, EdgeLever, Levers, Signals};

impl Composition<'_> {
    /// Alarms, the failback that they set off, and the dashboard. Gives the levers, and the dashboard's URL.
    pub(super) fn watch(
        &self,
        shared: &Foundation,
        sides: [(&Environment<'_>, &Edge); 2],
        routing: &DnsRouting,
    ) -> (Levers, String) {
        let thresholds = self.thresholds();
        let edges = sides.map(|(_, edge)| edge);
        let mut all = Vec::new();
        let mut levers = self.levers(sides, routing);
        let shown = sides.map(|(side, edge)| {
            let groups = edges.map(|edge| {
                let group = if side.scope.environment_name() == BLUE { &edge.blue } else { &edge.green };
                (edge.load_balancer.full_name.as_str(), group.full_name.as_str())
            });
            (side, edge, groups, side.instances())
        });
        for (side, edge, groups, instances) in &shown {
            let labels: Vec<String> = (1..=instances.len()).map(|number| format!("instance-{number}")).collect();
            let instances: Vec<_> = labels.iter().map(String::as_str).zip(instances.iter().copied()).collect();
            let watched = alarms::alarms(
                &side.scope,
                &Watched {
                    load_balancer: &edge.load_balancer.full_name,
                    dedicated_load_balancer: false,
                    target_groups: groups,
                    functions: &[
                        ("payment-api", &side.functions.api.name),
                        ("payment-processor", &side.functions.processor.name),
                    ],
                    services: &[],
                    queue: Some(&side.queue.main.name),
                    dead_letter_queues: &[&side.queue.dead_letters.name],
                    database_instances: &instances,
                    topic: &shared.alerts,
                    thresholds: &thresholds,
                },
            );
            all.extend(watched.all.iter().map(|alarm| alarm.arn.to_string()));
            if let Some((recovery, alerts)) = side.database.recovery.as_ref().zip(shared.second_alerts.as_ref()) {
                let there = side.scope.at("recovery").in_region(&self.config.dr_region);
                alarms::recovery_lag_alarm(&there, &recovery.cluster.identifier, alerts, &thresholds);
            }
            if side.scope.environment_name() == GREEN {
                let alarm = alarms::green_unhealthy(&self.root, &watched.traffic, &shared.alerts);
                levers.watched.composite = Some(alarm.name.clone());
                levers.watched.alarms.clone_from(&watched.traffic);
                let of_failback = failback::fail_back(
                    &self.root,
                    &Failback {
                        levers: &levers,
                        alarm: &alarm,
                        shared,
                        package: &self.facts.packages["failback"],
                        runtime: &self.config.functions.runtime,
                        reserved: self.config.alarms.reserve_failback,
                        log_retention_days: self.config.logs.retention_days,
                    },
                );
                all.extend(of_failback.iter().map(|alarm| alarm.arn.to_string()));
            }
        }
        if let Some(topic) = &shared.route53_alerts {
            for ((side, _), health) in sides.iter().zip([&routing.blue_health, &routing.green_health]) {
                alarms::health_check_alarm(&side.scope.at("edge").in_region(ROUTE53_REGION), health, topic);
            }
        }
        let named = shown.each_ref().map(|(side, ..)| {
            let functions = [side.functions.api.name.as_str(), &side.functions.processor.name];
            (functions, [side.queue.main.name.as_str(), &side.queue.dead_letters.name])
        });
        let panels: Vec<Panel<'_>> = shown
            .iter()
            .zip(&named)
            .map(|((side, _, groups, instances), (functions, queues))| Panel {
                environment: side.scope.environment_name(),
                target_groups: groups,
                functions,
                services: &[],
                queues,
                database_instances: instances,
                recovery: side
                    .database
                    .recovery
                    .as_ref()
                    .map(|recovery| (recovery.cluster.identifier.as_str(), self.config.dr_region.as_str())),
            })
            .collect();
        let weights = "# Payment migration\nBlue and green side by side. `provisioner status` shows the live weights.";
        (
            levers,
            dashboard(&self.root, &DashboardParams { environments: &panels, alarms: &all, weights, sync: None }).url,
        )
    }

    /// Both edges, and the name in front of them.
    fn levers(&self, sides: [(&Environment<'_>, &Edge); 2], routing: &DnsRouting) -> Levers {
        let region = &self.config.region;
        let edge = |(side, edge): &(&Environment<'_>, &Edge)| EdgeLever {
            name: side.scope.environment_name().to_owned(),
            region: region.clone(),
            listener: edge.listener.arn.clone(),
            blue: edge.blue.arn.clone(),
            green: edge.green.arn.clone(),
        };
        let balancer = |(_, edge): &(&Environment<'_>, &Edge)| edge.load_balancer.full_name.clone();
        let dns = DnsLever {
            hosted_zone: routing.hosted_zone_id.clone(),
            name: routing.live.clone(),
            record_type: routing.record_type.to_owned(),
            blue: BLUE.to_owned(),
            green: GREEN.to_owned(),
        };
        let signals = |environment: &Environment<'_>, group: fn(&Edge) -> &TargetGroupOutputs| {
            let groups: Vec<_> = sides.iter().map(|side| (balancer(side), group(side.1).full_name.clone())).collect();
            Signals {
                // Of functions, Lambda tells the time; AWS's documentation has load balancers tell that of other targets.
                latency: vec![Metric::new(
                    "AWS/Lambda",
                    "Duration",
                    [("FunctionName", environment.functions.api.name.clone())],
                )],
                latency_unit_ms: 1.0,
                ..Signals::of_target_groups(&groups)
            }
        };
        let [(blue, _), (green, _)] = sides;
        Levers {
            edges: sides.iter().map(edge).collect(),
            dns: Some(dns),
            watched: levers::Watched {
                region: region.clone(),
                alarms: Vec::new(),
                composite: None,
                blue: signals(blue, |edge| &edge.blue),
                green: signals(green, |edge| &edge.green),
                green_targets: Vec::new(),
                green_writes: Some(Metric::new(
                    &metrics_namespace(self.root.suffix()),
                    "PaymentsProcessed",
                    [("Environment", GREEN)],
                )),
            },
        }
    }

    fn thresholds(&self) -> Thresholds {
        let alarms = &self.config.alarms;
        Thresholds {
            error_percent: alarms.error_percent,
            p99_latency_ms: alarms.latency_p99_ms,
            queue_age_seconds: alarms.queue_age_seconds,
            queue_depth: alarms.queue_depth,
            evaluation_minutes: alarms.evaluation_minutes,
            database_cpu_percent: alarms.database_cpu_percent,
            database_connections: alarms.database_connections,
            recovery_lag_ms: alarms.replication_lag_ms,
            ..Thresholds::default()
        }
    }
}
