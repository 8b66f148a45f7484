//! One environment: key, network, database, parameters, services behind their load balancer, the function that migrates the
//! schema.

use std::collections::BTreeMap;

use super::{Composer, ENDPOINTS, Shared};
use crate::config::fargate_postgres::SERVICES;
use crate::modules::database::{Database, DatabaseParams, Engine, ReaderScaling, Site, database};
use crate::modules::fleet::{Fleet, FleetParams, FleetService, fleet, service_groups};
use crate::modules::function::{Function, FunctionNetwork, FunctionParams, function};
use crate::modules::key::CustomerKey;
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::dead_letter_queue;
use crate::modules::reach::{Reach, client_group};
use crate::modules::sync::sync_group;
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::ec2::Peer;
use crate::resources::ids::{SecretArn, SecurityGroupId};
use crate::resources::rds::MasterPassword;
use crate::resources::secrets::Rotation;
use crate::resources::sqs::QueueOutputs;
use crate::systems::blue_green::{HEALTH_PATH, environment_key, front, metrics_namespace};

/// An environment.
pub(super) struct Environment<'a> {
    pub scope: Scope<'a>,
    pub key: CustomerKey,
    pub network: Network,
    pub database: Database,
    /// The secret with the master user's password, which RDS manages.
    pub secret: SecretArn,
    pub fleet: Fleet,
    pub migrate: Function,
    pub dead_letters: QueueOutputs,
    /// The security group of the data sync, in green.
    pub sync_group: Option<SecurityGroupId>,
}

/// The resources that services and functions use.
struct Inside<'a> {
    key: &'a CustomerKey,
    network: &'a Network,
    database: &'a Database,
    secret: &'a SecretArn,
}

impl<'a> Composer<'a> {
    pub(super) fn environment(&self, name: &'static str, shared: &Shared) -> Environment<'a> {
        let settings = self.settings;
        let scope = self.root.environment(name);
        let key = environment_key(&scope, None);
        let (cidr, peer) = match name {
            BLUE => (settings.network.blue_cidr, settings.network.green_cidr),
            _ => (settings.network.green_cidr, settings.network.blue_cidr),
        };
        let network = network(
            &scope.at("network"),
            &NetworkParams {
                cidr,
                zones: self.facts.zones.clone(),
                public_subnets: true,
                data_subnets: true,
                nat: settings.network.nat,
                peers: vec![peer],
                endpoints: ENDPOINTS.map(str::to_owned).to_vec(),
                key: key.arn.clone(),
            },
        );
        let functions = scope.at("functions");
        let groups = service_groups(&scope, &SERVICES, &network);
        let migrate_group = client_group(&functions, "migrate", "function", &network.vpc_id);
        let sync_group = (name == GREEN).then(|| sync_group(&scope, &network));
        let mut clients: Vec<_> = SERVICES.into_iter().zip(&groups).collect();
        clients.push(("migrate", &migrate_group));
        clients.extend(sync_group.iter().map(|group| ("data-sync", group)));
        let database = self.database(&scope, shared, &key, &network, &clients);
        let secret = database.primary.master_secret.clone().expect("a managed password has a secret");
        self.rotate(&scope, &database, &secret);

        let dead_letters = dead_letter_queue(&scope.at("queues"), "function-dead-letters", &key.arn, &[]);
        let inside = Inside { key: &key, network: &network, database: &database, secret: &secret };
        let migrate = self.migrate(&functions, &inside, &migrate_group, &dead_letters);
        let fleet = self.fleet(&scope, shared, &inside, &groups);
        Environment { scope, key, network, database, secret, fleet, migrate, dead_letters, sync_group }
    }

    fn database(
        &self,
        scope: &Scope<'_>,
        shared: &Shared,
        key: &CustomerKey,
        network: &Network,
        clients: &[(&str, &SecurityGroupId)],
    ) -> Database {
        let settings = &self.settings.database;
        let primary = Site {
            key: &key.arn,
            vpc: &network.vpc_id,
            subnets: &network.data_subnet_ids,
            availability_zones: &network.zones,
            clients,
            instances: 1 + settings.readers as usize,
            alerts: Some(&shared.foundation.alerts),
        };
        let password = MasterPassword::Managed { key: key.arn.clone() };
        database(
            scope,
            &DatabaseParams {
                database_name: &settings.name,
                master_username: &settings.master_username,
                min_acu: settings.min_acu,
                max_acu: self.settings.max_acu(),
                backup_retention_days: self.settings.backup_retention_days(),
                deletion_protection: self.common.protection.deletion_protection,
                reader_scaling: Some(ReaderScaling {
                    min: settings.readers,
                    max: self.settings.max_readers(),
                    cpu_percent: settings.reader_cpu_percent,
                }),
                ..DatabaseParams::new(Engine::AuroraPostgresql, &self.facts.engine, &password, &primary)
            },
        )
    }

    /// RDS rotates the master user's password itself; only the schedule is configured.
    fn rotate(&self, scope: &Scope<'_>, database: &Database, secret: &SecretArn) {
        let reason = "the rotation changes the password in the database";
        let scope = database.primary.after_writer(&scope.at("database"), reason);
        let every_days = self.common.secrets.rotation_days;
        let rotation = Rotation { secret: secret.clone(), function: None, every_days, immediately: false };
        scope.add("secret-rotation", rotation);
    }

    fn migrate(
        &self,
        scope: &Scope<'_>,
        inside: &Inside<'_>,
        group: &SecurityGroupId,
        dead_letters: &QueueOutputs,
    ) -> Function {
        let cluster = &inside.database.primary.cluster;
        let settings = &self.settings.functions;
        function(
            scope,
            FunctionParams {
                name: "migrate",
                description: "Brings the database's schema to its newest version",
                package: &self.facts.packages["migrate-postgres"],
                runtime: &settings.runtime,
                memory_mib: 512,
                timeout_seconds: 900,
                reserved_concurrency: None,
                environment: BTreeMap::from([
                    ("DB_ENGINE".to_owned(), "postgres".to_owned()),
                    ("DB_HOST".to_owned(), cluster.endpoint.clone()),
                    ("DB_PORT".to_owned(), cluster.port.clone()),
                    ("DB_NAME".to_owned(), self.settings.database.name.clone()),
                    ("DB_SECRET_ARN".to_owned(), inside.secret.to_string()),
                    ("ENVIRONMENT".to_owned(), scope.environment_name().to_owned()),
                    ("LOG_LEVEL".to_owned(), settings.log_level.clone()),
                ]),
                statements: vec![allow(&["secretsmanager:GetSecretValue"], [inside.secret.to_string()])],
                network: Some(FunctionNetwork {
                    subnets: &inside.network.private_subnet_ids,
                    security_group: group,
                    reaches: &inside.reaches(),
                }),
                key: &inside.key.arn,
                dead_letters: &dead_letters.arn,
            },
        )
    }

    fn fleet(&self, scope: &Scope<'_>, shared: &Shared, inside: &Inside<'_>, groups: &[SecurityGroupId]) -> Fleet {
        let settings = self.settings;
        let (secrets, parameters) = self.variables(scope, shared, inside);
        let mut reaches = inside.reaches();
        // Image layers of ECR are in S3.
        reaches.extend([inside.network.reach_s3(), inside.network.reach_dynamodb()]);
        if settings.network.nat != NatMode::None {
            reaches.push(Reach { what: "internet", port: 443, peer: Peer::Cidr(ipnet::Ipv4Net::default()) });
        }
        let credentials = vec![
            allow(&["secretsmanager:GetSecretValue"], [inside.secret.to_string()]),
            allow(&["kms:Decrypt"], [inside.key.arn.to_string()]),
        ];
        let service = |name: &&'static str| FleetService {
            name,
            paths: paths(name),
            image: settings.services.image(name, scope.environment_name()),
            repository: &shared.images[*name],
            size: settings.service(name),
            statements: [credentials.clone(), shared.storage.statements(name, &shared.foundation.key.arn)].concat(),
            // Reports take long by nature.
            interactive: *name != "reporting",
        };
        fleet(
            scope,
            FleetParams {
                front: front(inside.network, &shared.foundation, self.common),
                health_path: HEALTH_PATH,
                services: SERVICES.iter().map(service).collect(),
                security_groups: groups,
                reaches: &reaches,
                database: &inside.database.primary,
                // After a rotation the service reads the secret again.
                environment: &[("DB_SECRET_ARN", inside.secret.to_string())],
                secrets,
                execution_statements: [vec![allow(&["ssm:GetParameters"], [parameters])], credentials.clone()].concat(),
                scale_at_cpu_percent: settings.scaling.cpu_percent,
                scale_at_memory_percent: settings.scaling.memory_percent,
                key: &inside.key.arn,
            },
        )
    }

    /// Adds the parameters. Returns the environment variables that ECS reads from them and from the database's secret, and an ARN
    /// that matches all parameters.
    fn variables(&self, scope: &Scope<'_>, shared: &Shared, inside: &Inside<'_>) -> (BTreeMap<String, String>, String) {
        let cluster = &inside.database.primary.cluster;
        let storage = &shared.storage;
        let all = [
            ("DB_HOST", "database/endpoint", "Where payments are written", cluster.endpoint.clone()),
            ("DB_READER_HOST", "database/reader-endpoint", "Where payments are read", cluster.reader_endpoint.clone()),
            ("DB_PORT", "database/port", "The database's port", cluster.port.clone()),
            ("DB_NAME", "database/name", "The database of the payments", self.settings.database.name.clone()),
            ("SESSION_TABLE", "tables/sessions", "Sessions", storage.sessions.name.clone()),
            (
                "RATE_LIMIT_TABLE",
                "tables/rate-limits",
                "Requests of clients, counted",
                storage.rate_limits.name.clone(),
            ),
            (
                "TRANSACTION_LOG_BUCKET",
                "buckets/transaction-logs",
                "What happened",
                storage.transaction_logs.name.clone(),
            ),
            ("DOCUMENT_BUCKET", "buckets/documents", "What auditors ask for", storage.documents.name.clone()),
            ("METRICS_NAMESPACE", "metrics/namespace", "Of what services count", metrics_namespace(scope.suffix())),
            ("LOG_LEVEL", "services/log-level", "How much the services log", self.settings.functions.log_level.clone()),
        ];
        let plain = all.clone().map(|(_, name, description, value)| (name, PlainParameter { description, value }));
        let added = parameters(
            scope,
            &ParametersParams {
                key: &inside.key.arn,
                plain: &plain.into_iter().collect(),
                generated: &BTreeMap::new(),
            },
        );
        let variables = all.iter().map(|(variable, name, ..)| ((*variable).to_owned(), added.all[*name].arn.clone()));
        let credentials = [("DB_USERNAME", "username"), ("DB_PASSWORD", "password")];
        let credentials =
            credentials.map(|(variable, key)| (variable.to_owned(), format!("{}:{key}::", inside.secret)));
        (variables.chain(credentials).collect(), added.arns)
    }
}

impl Inside<'_> {
    /// The destinations that all functions and services may connect to.
    fn reaches(&self) -> Vec<Reach<'static>> {
        let database = self.database.primary.reach(Engine::AuroraPostgresql);
        [database].into_iter().chain(self.network.reach_aws_services()).collect()
    }
}

/// The path patterns of a service.
fn paths(service: &str) -> &'static [&'static str] {
    match service {
        "transaction-processor" => &["/transactions", "/transactions/*"],
        "reporting" => &["/reports", "/reports/*"],
        _ => &["/payments", "/payments/*"],
    }
}
