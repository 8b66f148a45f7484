//! Who watches: alarms, the failback that they set off, the dashboard.

use super::environment::Environment;
use super::migration::Migration;
use super::{BLUE, Composition, GREEN, Shared, metrics_namespace};
use crate::config::fargate_postgres::SERVICES;
use crate::modules::alarms::{self, Thresholds, Watched, WatchedService, WatchedSync};
use crate::modules::dashboard::{DashboardParams, Panel, dashboard};
use crate::modules::dns::DnsRouting;
use crate::modules::foundation::ROUTE53_REGION;
use crate::systems::failback::{self, Failback};
use crate::traffic::levers::{self, DnsLever, Levers, Signals};

impl Composition<'_> {
    /// Alarms, the failback that they set off, and the dashboard. Gives the levers, and the dashboard's URL.
    pub(super) fn watch(
        &self,
        shared: &Shared,
        migration: &Migration,
        sides: [&Environment<'_>; 2],
        routing: &DnsRouting,
    ) -> (Levers, String) {
        let thresholds = self.thresholds();
        let foundation = &shared.foundation;
        let mut levers = self.levers(sides, routing);
        let mut all = Vec::new();
        let services = sides.map(watched_services);
        let groups = services.each_ref().map(|services| {
            services.iter().map(|service| (service.load_balancer, service.target_group)).collect::<Vec<_>>()
        });
        for (side, services) in sides.iter().zip(&services) {
            let instances = side.instances();
            let labels: Vec<String> = (1..=instances.len()).map(|number| format!("instance-{number}")).collect();
            let instances: Vec<_> = labels.iter().map(String::as_str).zip(instances).collect();
            let watched = alarms::alarms(
                &side.scope,
                &Watched {
                    load_balancer: &side.edge.load_balancer.full_name,
                    dedicated_load_balancer: true,
                    target_groups: &[],
                    functions: &[],
                    services,
                    queue: None,
                    dead_letter_queues: &[&side.dead_letters.name],
                    database_instances: &instances,
                    topic: &foundation.alerts,
                    thresholds: &thresholds,
                },
            );
            let of_migrate = alarms::migrate_alarm(&side.scope, &side.migrate.name, &foundation.alerts);
            all.extend(watched.all.iter().chain([&of_migrate]).map(|alarm| alarm.arn.to_string()));
            if side.scope.environment_name() == GREEN {
                let alarm = alarms::green_unhealthy(&self.root, &watched.traffic, &foundation.alerts);
                levers.watched.composite = Some(alarm.name.clone());
                levers.watched.alarms = watched.traffic;
                let of_failback = failback::fail_back(
                    &self.root,
                    &Failback {
                        levers: &levers,
                        alarm: &alarm,
                        shared: foundation,
                        package: &self.facts.packages["failback"],
                        runtime: &self.config.functions.runtime,
                        reserved: self.config.alarms.reserve_failback,
                        log_retention_days: self.config.logs.retention_days,
                    },
                );
                all.extend(of_failback.iter().map(|alarm| alarm.arn.to_string()));
            }
        }
        let namespace = metrics_namespace(self.root.suffix());
        let of_sync = alarms::sync_alarms(
            &self.root.at("migration"),
            &WatchedSync {
                function: &migration.sync.function.name,
                namespace: &namespace,
                dead_letters: &migration.sync.dead_letters.name,
                lag_seconds: self.config.alarms.sync_lag_seconds,
                topic: &foundation.alerts,
            },
        );
        all.extend(of_sync.iter().map(|alarm| alarm.arn.to_string()));
        if let Some(topic) = &foundation.route53_alerts {
            // Without a task nothing can be healthy, and that is no news.
            let answers =
                |side: &&Environment<'_>| self.config.image(SERVICES[0], side.scope.environment_name()).is_some();
            let healths = sides.into_iter().zip([&routing.blue_health, &routing.green_health]);
            for (side, health) in healths.filter(|(side, _)| answers(side)) {
                alarms::health_check_alarm(&side.scope.at("edge").in_region(ROUTE53_REGION), health, topic);
            }
        }
        let functions = sides.map(|side| match side.scope.environment_name() {
            GREEN => vec![side.migrate.name.as_str(), &migration.sync.function.name],
            _ => vec![side.migrate.name.as_str()],
        });
        let queues = sides.map(|side| [side.dead_letters.name.as_str()]);
        let instances = sides.map(Environment::instances);
        let panels: Vec<Panel<'_>> = (0..sides.len())
            .map(|index| Panel {
                environment: sides[index].scope.environment_name(),
                target_groups: &groups[index],
                functions: &functions[index],
                services: &services[index],
                queues: &queues[index],
                database_instances: &instances[index],
                recovery: None,
            })
            .collect();
        let weights = "# Payment migration\nBlue and green side by side. `provisioner status` shows the live weights, \
                       `provisioner sync status` how far the data is.";
        let params = DashboardParams { environments: &panels, alarms: &all, weights, sync: Some(&namespace) };
        (levers, dashboard(&self.root, &params).url)
    }

    /// The name in front of both load balancers.
    fn levers(&self, sides: [&Environment<'_>; 2], routing: &DnsRouting) -> Levers {
        let [blue, green] = sides;
        let signals = |side: &Environment<'_>| {
            let owned = |group: &WatchedService<'_>| (group.load_balancer.to_owned(), group.target_group.to_owned());
            let groups: Vec<_> = watched_services(side).iter().map(owned).collect();
            Signals::of_tasks(&side.edge.load_balancer.full_name, &groups)
        };
        let green_targets = SERVICES
            .iter()
            .map(|service| ((*service).to_owned(), green.edge.target_groups[*service].arn.clone()))
            .collect();
        Levers {
            edges: Vec::new(),
            dns: Some(DnsLever {
                hosted_zone: routing.hosted_zone_id.clone(),
                name: routing.live.clone(),
                record_type: routing.record_type.to_owned(),
                blue: BLUE.to_owned(),
                green: GREEN.to_owned(),
            }),
            watched: levers::Watched {
                region: self.config.region.clone(),
                alarms: Vec::new(),
                composite: None,
                blue: signals(blue),
                green: signals(green),
                green_targets,
                green_writes: None,
            },
        }
    }

    fn thresholds(&self) -> Thresholds {
        let alarms = &self.config.alarms;
        Thresholds {
            evaluation_minutes: alarms.evaluation_minutes,
            error_percent: alarms.error_percent,
            p99_latency_ms: alarms.latency_p99_ms,
            database_cpu_percent: alarms.database_cpu_percent,
            database_connections: self.config.database_connections(),
            replica_lag_ms: alarms.replication_lag_ms,
            ..Thresholds::default()
        }
    }
}

/// The services of an environment, behind its own load balancer.
fn watched_services<'a>(side: &'a Environment<'_>) -> Vec<WatchedService<'a>> {
    let one = |(label, service): (&&'static str, &'a crate::resources::ecs::ServiceOutputs)| WatchedService {
        label,
        cluster: &side.cluster,
        service: &service.name,
        load_balancer: &side.edge.load_balancer.full_name,
        target_group: &side.edge.target_groups[*label].full_name,
        // A report takes as long as it takes.
        is_waited_for: *label != "reporting",
    };
    SERVICES.iter().zip(&side.services).map(one).collect()
}
