//! Who watches: alarms, the failback that they set off, the dashboard.

use super::environment::Environment;
use super::shared::Shared;
use super::{BLUE, Composition, GREEN, ROUTE53_REGION};
use crate::modules::alarms::{self, Thresholds, Watched};
use crate::modules::dashboard::{DashboardParams, Panel, dashboard};
use crate::modules::dns::DnsRouting;
use crate::modules::edge::Edge;
use crate::modules::failback::{self, FailbackParams, WeightedRecord, WeightedRecords};

impl Composition<'_> {
    /// Alarms, the failback that they set off, and the dashboard, whose URL it gives.
    pub(super) fn watch(&self, shared: &Shared, sides: [(&Environment<'_>, &Edge); 2], routing: &DnsRouting) -> String {
        let thresholds = self.thresholds();
        let edges = sides.map(|(_, edge)| edge);
        let mut all = Vec::new();
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
                    target_groups: groups,
                    functions: &[
                        ("payment-api", &side.functions.api.name),
                        ("payment-processor", &side.functions.processor.name),
                    ],
                    queue: Some(&side.queue.main.name),
                    dead_letter_queues: &[&side.queue.dead_letters.name],
                    database_instances: &instances,
                    topic: &shared.alerts,
                    thresholds: &thresholds,
                },
            );
            all.extend(watched.all.iter().map(|alarm| alarm.arn.to_string()));
            if let Some(recovery) = &side.database.recovery {
                let there = side.scope.at("recovery").in_region(&self.config.dr_region);
                alarms::recovery_lag_alarm(&there, &recovery.cluster.identifier, &shared.dr_alerts, &thresholds);
            }
            if side.scope.environment_name() == GREEN {
                self.fail_back(shared, edges, routing, &watched.traffic);
            }
        }
        if let Some(recovery) = self.route53_key() {
            let topic = if recovery { &shared.dr_alerts } else { &shared.alerts };
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
        dashboard(&self.root, &DashboardParams { environments: &panels, alarms: &all, weights }).url
    }

    /// Green's alarms send all traffic back to blue, whether anybody watches or not.
    fn fail_back(&self, shared: &Shared, edges: [&Edge; 2], routing: &DnsRouting, traffic_alarms: &[String]) {
        let alarm = alarms::green_unhealthy(&self.root, traffic_alarms, &shared.alerts);
        let records = [BLUE, GREEN].map(|environment| WeightedRecord {
            name: routing.live.clone(),
            kind: "A".to_owned(),
            set_identifier: environment.to_owned(),
            environment: environment.to_owned(),
        });
        let edges = edges.map(|edge| failback::Edge {
            listener: edge.listener.arn.clone(),
            blue: edge.blue.arn.clone(),
            green: edge.green.arn.clone(),
        });
        failback::failback(
            &self.root,
            &FailbackParams {
                package: &self.facts.packages["failback"],
                network: None,
                runtime: &self.config.functions.runtime,
                alarm_name: &alarm.name,
                alarm_arn: &alarm.arn,
                topic: &shared.events,
                edges: &edges,
                dns: Some(WeightedRecords { zone: &routing.hosted_zone_id, records: &records }),
                key: &shared.key.arn,
                log_retention_days: self.config.logs.retention_days,
            },
        );
    }

    fn thresholds(&self) -> Thresholds {
        let alarms = &self.config.alarms;
        Thresholds {
            error_percent: alarms.error_percent,
            p99_latency_ms: alarms.latency_p99_ms,
            queue_age_seconds: alarms.queue_age_seconds,
            queue_depth: alarms.queue_depth,
            database_cpu_percent: alarms.database_cpu_percent,
            database_connections: alarms.database_connections,
            recovery_lag_ms: alarms.replication_lag_ms,
            ..Thresholds::default()
        }
    }
}
