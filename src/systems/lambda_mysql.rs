//! `lambda-mysql`: two environments side by side, Lambda and SQS over Aurora MySQL, with replicas in a second region.
//!
//! Each environment has its own network, key, database, queues, functions and load balancer. Each load balancer's listener
//! forwards by weight to both environments' `payment-api`. So green's share of the requests doesn't depend on DNS caches; the DNS
//! records only decide which load balancer a client uses.

mod environment;

use std::collections::BTreeMap;

use self::environment::Environment;
use super::blue_green::{Extras, HEALTH_PATH, Side, finish, front, metrics_namespace, shared_resources};
use super::facts::{FactParams, Facts};
use super::{Blueprint, Composition};
use crate::aws::{Cloud, Result};
use crate::config::lambda_mysql::{self, Settings};
use crate::config::{Common, Config, ConfigError, Defaults, Source};
use crate::modules::alarms::Thresholds;
use crate::modules::compliance::COMMON;
use crate::modules::database::Engine;
use crate::modules::dns::Answers;
use crate::modules::edge::{Edge, EdgeParams, edge};
use crate::modules::foundation::{Foundation, SecondRegion};
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::cloudwatch::Metric;
use crate::resources::elb::Weights;
use crate::traffic::bound::Bound;
use crate::traffic::levers::{EdgeLever, Signals};

/// Interface endpoints of the AWS services that the functions use.
const ENDPOINTS: [&str; 5] = ["secretsmanager", "ssm", "kms", "sqs", "logs"];
/// The functions.
const PACKAGES: [&str; 5] = ["payment-api", "payment-processor", "migrate", "rotate-secret", "failback"];

/// The system `lambda-mysql`.
#[derive(Clone, Copy, Debug)]
pub struct LambdaMysql;

impl Blueprint for LambdaMysql {
    type Settings = Settings;
    type Facts = Facts;

    fn name(&self) -> &'static str {
        lambda_mysql::SYSTEM
    }

    fn example(&self) -> &'static str {
        lambda_mysql::EXAMPLE
    }

    fn defaults(&self) -> Defaults {
        lambda_mysql::defaults()
    }

    fn validate(&self, config: &Config<Settings>, source: &Source) -> std::result::Result<(), ConfigError> {
        config.settings.check(&config.common, source)
    }

    async fn discover(&self, Config { common, settings }: &Config<Settings>, cloud: &Cloud) -> Result<Facts> {
        let params = FactParams {
            region: &common.region,
            dr_region: Some(&settings.dr_region),
            zones: settings.network.zones,
            engine: Engine::AuroraMysql,
            engine_version: settings.database.engine_version.as_deref().unwrap_or("8.0"),
            packages: &PACKAGES,
        };
        Facts::discover(cloud, params).await
    }

    fn compose(&self, config: &Config<Settings>, facts: &Facts, root: &Scope<'_>) -> Composition {
        Composer { settings: &config.settings, common: &config.common, facts, root: root.clone() }.compose()
    }

    fn regions<'a>(&self, config: &'a Config<Settings>) -> Vec<&'a str> {
        vec![&config.common.region, &config.settings.dr_region]
    }

    fn failback_bound(&self, config: &Config<Settings>) -> Option<Bound> {
        Some(config.settings.failback_bound())
    }
}

struct Composer<'a> {
    settings: &'a Settings,
    common: &'a Common,
    facts: &'a Facts,
    root: Scope<'a>,
}

impl Composer<'_> {
    fn compose(&self) -> Composition {
        let settings = self.settings;
        let second_region = SecondRegion { region: &settings.dr_region, purpose: "recovery", alerts: "alerts-dr" };
        let through = ["sns", "sqs", "lambda", "backup"];
        let foundation = shared_resources(&self.root, self.common, &through, Some(second_region));
        let environments = [BLUE, GREEN].map(|name| self.environment(name, &foundation));
        let edges = environments.each_ref().map(|environment| self.edge(environment, &foundation, &environments));
        let [blue, green] = &environments;
        let sides = [self.side(blue, &edges, 0), self.side(green, &edges, 1)];
        let extras = Extras {
            runtime: &settings.functions.runtime,
            reserve_failback: settings.alarms.reserve_failback,
            thresholds: self.thresholds(),
            answers: Answers::Addresses,
            initial_green_percent: 0,
            backup_retention_days: settings.database.backup_retention_days,
            backup: Vec::new(),
            rules: &[COMMON],
            dashboard_text: "# Payment migration\nBlue and green side by side. `provisioner status` shows the live weights.",
            sync_namespace: None,
            green_writes: Some(Metric::new(
                &metrics_namespace(self.root.suffix()),
                "PaymentsProcessed",
                [("Environment", GREEN)],
            )),
            alarms: Vec::new(),
            notes: Vec::new(),
            outputs: BTreeMap::new(),
        };
        finish(&self.root, self.common, self.facts, &foundation, &sides, extras)
    }

    /// Adds the load balancer of an environment, which forwards to both environments.
    fn edge(&self, environment: &Environment<'_>, foundation: &Foundation, both: &[Environment<'_>; 2]) -> Edge {
        let [blue, green] = both;
        edge(
            &environment.scope,
            &EdgeParams {
                front: front(&environment.network, foundation, self.common),
                blue: &blue.functions.api.arn,
                green: &green.functions.api.arn,
                initial: Weights { blue: 100, green: 0 },
                test_cidrs: &self.settings.network.test_cidrs,
                health_path: HEALTH_PATH,
            },
        )
    }

    /// The environment with this index. Each of `edges` has a target group of it.
    fn side<'e>(&self, environment: &'e Environment<'e>, edges: &'e [Edge; 2], index: usize) -> Side<'e> {
        let Environment { scope, network, database, queue, functions } = environment;
        let edge = &edges[index];
        let group = |edge: &Edge| {
            let group = if index == 0 { &edge.blue } else { &edge.green };
            (edge.load_balancer.full_name.clone(), group.full_name.clone())
        };
        let groups = edges.each_ref().map(group);
        let mut side = Side::new(scope, network, database, &edge.load_balancer);
        let groups_by_weight = [&edge.blue.arn, &edge.green.arn];
        let (name, region) = (scope.environment_name(), &*self.common.region);
        side.lever = Some(EdgeLever::of_listener(name, region, &edge.listener.arn, groups_by_weight));
        side.signals = Signals {
            // Load balancers measure no latency of functions, Lambda does.
            latency: vec![Metric::new("AWS/Lambda", "Duration", [("FunctionName", functions.api.name.clone())])],
            latency_unit_ms: 1.0,
            ..Signals::of_target_groups(&groups)
        };
        side.monitored.target_groups = groups.to_vec();
        side.monitored.functions =
            vec![("payment-api", functions.api.name.clone()), ("payment-processor", functions.processor.name.clone())];
        side.monitored.queue = Some(queue.main.name.clone());
        side.monitored.dead_letter_queues = vec![queue.dead_letters.name.clone()];
        side.outputs.extend([
            ("queue_url", queue.main.url.clone()),
            ("migrate_function", functions.migrate.name.clone()),
            ("rotation_function", functions.rotate.name.clone()),
        ]);
        side
    }

    fn thresholds(&self) -> Thresholds {
        let alarms = &self.settings.alarms;
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
