//! `fargate-postgres`: two environments side by side, three Fargate services each over Aurora PostgreSQL, and a data sync from
//! blue to green.
//!
//! Each environment has its own network, key, database, services and load balancer. A load balancer forwards to its own
//! environment only, as tasks can't be targets of another network's load balancer: so weighted DNS records alone move the traffic,
//! with a TTL of seconds.

mod environment;
mod migration;
mod storage;

use std::collections::BTreeMap;

use self::environment::Environment;
use self::storage::Storage;
use super::blue_green::{Extras, Side, finish, metrics_namespace, shared_resources};
use super::facts::{FactParams, Facts};
use super::{Blueprint, Composition};
use crate::aws::{Cloud, Result};
use crate::config::fargate_postgres::{self, SERVICES, Settings};
use crate::config::{Common, Config, ConfigError, Defaults, Source};
use crate::modules::alarms::{Thresholds, migrate_alarm};
use crate::modules::compliance::{COMMON, CONTAINERS, TABLES};
use crate::modules::database::Engine;
use crate::modules::dns::{Answers, ROUTE53_REGION};
use crate::modules::foundation::{Foundation, SecondRegion};
use crate::modules::images::images;
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::ecr::RepositoryOutputs;
use crate::traffic::bound::Bound;

/// Interface endpoints of the AWS services that Fargate and the functions use.
const ENDPOINTS: [&str; 7] = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "kms", "sts"];
/// The functions.
const PACKAGES: [&str; 3] = ["migrate-postgres", "data-sync", "failback"];

/// The system `fargate-postgres`.
#[derive(Clone, Copy, Debug)]
pub struct FargatePostgres;

impl Blueprint for FargatePostgres {
    type Settings = Settings;
    type Facts = Facts;

    fn name(&self) -> &'static str {
        fargate_postgres::SYSTEM
    }

    fn example(&self) -> &'static str {
        fargate_postgres::EXAMPLE
    }

    fn defaults(&self) -> Defaults {
        fargate_postgres::defaults()
    }

    fn validate(&self, config: &Config<Settings>, source: &Source) -> std::result::Result<(), ConfigError> {
        config.settings.check(&config.common, source)
    }

    async fn discover(&self, Config { common, settings }: &Config<Settings>, cloud: &Cloud) -> Result<Facts> {
        let params = FactParams {
            region: &common.region,
            dr_region: None,
            zones: settings.network.zones,
            engine: Engine::AuroraPostgresql,
            engine_version: &settings.database.engine_version,
            packages: &PACKAGES,
        };
        Facts::discover(cloud, params).await
    }

    fn compose(&self, config: &Config<Settings>, facts: &Facts, root: &Scope<'_>) -> Composition {
        Composer { settings: &config.settings, common: &config.common, facts, root: root.clone() }.compose()
    }

    fn regions<'a>(&self, config: &'a Config<Settings>) -> Vec<&'a str> {
        let region = config.common.region.as_str();
        if region == ROUTE53_REGION { vec![region] } else { vec![region, ROUTE53_REGION] }
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

/// The resources that both environments share.
struct Shared {
    foundation: Foundation,
    storage: Storage,
    images: BTreeMap<String, RepositoryOutputs>,
}

impl Composer<'_> {
    fn compose(&self) -> Composition {
        let settings = self.settings;
        // Route 53 has metrics and query logs in one region only.
        let second_region = (self.common.region != ROUTE53_REGION).then_some(SecondRegion {
            region: ROUTE53_REGION,
            purpose: "route53",
            alerts: "alerts-route53",
        });
        let through = ["sns", "sqs", "lambda", "backup", "dynamodb", "ecr"];
        let foundation = shared_resources(&self.root, self.common, &through, second_region);
        let storage = self.storage(&foundation);
        let images = images(&self.root, &SERVICES, &foundation.key.arn);
        let shared = Shared { foundation, storage, images };
        let [blue, green] = [BLUE, GREEN].map(|name| self.environment(name, &shared));
        let migration = self.migration(&shared, &blue, &green);
        let mut sides = [self.side(&blue, &shared.foundation), self.side(&green, &shared.foundation)];
        sides[1].monitored.other_functions.push(migration.sync.function.name.clone());
        sides[1].targets = green.fleet.target_groups();
        let mut outputs = BTreeMap::from([
            ("transaction_log_bucket".to_owned(), shared.storage.transaction_logs.name.clone()),
            ("document_bucket".to_owned(), shared.storage.documents.name.clone()),
        ]);
        migration.outputs(&mut outputs);
        let repositories = shared.images.iter();
        outputs.extend(repositories.map(|(service, images)| (format!("{service}_repository"), images.uri.clone())));
        let extras = Extras {
            runtime: &settings.functions.runtime,
            reserve_failback: settings.alarms.reserve_failback,
            thresholds: self.thresholds(),
            answers: Answers::Name { ttl_seconds: settings.traffic.ttl_seconds },
            initial_green_percent: settings.traffic.initial_green_percent,
            backup_retention_days: settings.backup_retention_days(),
            backup: shared.storage.tables().map(|table| table.arn.to_string()).to_vec(),
            rules: &[COMMON, CONTAINERS, TABLES],
            dashboard_text: "# Payment migration\nBlue and green side by side. `provisioner status` shows the live weights, \
                             `provisioner sync status` how far the data is.",
            sync_namespace: Some(&metrics_namespace(self.root.suffix())),
            green_writes: None,
            alarms: migration.alarms,
            notes: self.notes(),
            outputs,
        };
        finish(&self.root, self.common, self.facts, &shared.foundation, &sides, extras)
    }

    fn side<'e>(&self, environment: &'e Environment<'e>, foundation: &Foundation) -> Side<'e> {
        let Environment { scope, network, database, secret, fleet, migrate, dead_letters, .. } = environment;
        let mut side = Side::new(scope, network, database, &fleet.edge.load_balancer);
        side.monitored.dedicated_load_balancer = true;
        side.monitored.services = fleet.monitored();
        side.monitored.other_functions = vec![migrate.name.clone()];
        side.monitored.dead_letter_queues = vec![dead_letters.name.clone()];
        side.signals = fleet.signals();
        side.alarms = vec![migrate_alarm(scope, &migrate.name, &foundation.alerts)];
        // Without tasks of the first service, health checks always fail.
        side.responds = self.settings.services.image(SERVICES[0], scope.environment_name()).is_some();
        let cluster = &database.primary.cluster;
        let settings = &self.settings.database;
        let connection = |host: &str| {
            let (user, port, name) = (&settings.master_username, &cluster.port, &settings.name);
            format!("postgresql://{user}@{host}:{port}/{name}?sslmode=verify-full")
        };
        side.outputs.extend([
            ("database_connection", connection(&cluster.endpoint)),
            ("database_reader_connection", connection(&cluster.reader_endpoint)),
            ("database_secret_arn", secret.to_string()),
            ("cluster", fleet.cluster.clone()),
            ("migrate_function", migrate.name.clone()),
        ]);
        side
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.settings.services.notes(&SERVICES);
        if self.settings.migration_role.is_none() {
            notes.push(
                "no role for another account to run the migration: set trusted_account and external_id in \
                 [migration_role] if one is needed"
                    .to_owned(),
            );
        }
        notes
    }

    fn thresholds(&self) -> Thresholds {
        let alarms = &self.settings.alarms;
        Thresholds {
            evaluation_minutes: alarms.evaluation_minutes,
            error_percent: alarms.error_percent,
            p99_latency_ms: alarms.latency_p99_ms,
            database_cpu_percent: alarms.database_cpu_percent,
            database_connections: self.settings.database_connections(),
            replica_lag_ms: alarms.replication_lag_ms,
            ..Thresholds::default()
        }
    }
}
