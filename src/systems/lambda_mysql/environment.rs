//! One environment: network, key, secrets, database, queue, parameters, functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{BLUE, Composition, ENDPOINTS, metrics_namespace};
use crate::config::LambdaMysql;
use crate::modules::Scope;
use crate::modules::database::{Database, DatabaseParams, Engine, Site, database};
use crate::modules::edge::Edge;
use crate::modules::foundation::Foundation;
use crate::modules::function::{Function, FunctionNetwork, FunctionParams, callable_by, function};
use crate::modules::key::{CustomerKey, KeyParams, KeyUser, key};
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{GeneratedParameter, ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::{Queue, QueueParams, queue};
use crate::modules::reach::{Reach, client_group};
use crate::modules::secrets::{RotationParams, Secrets, SecretsParams, rotation, secrets};
use crate::resources::ec2::Peer;
use crate::resources::ids::SecurityGroupId;
use crate::resources::lambda::EventSourceMapping;
use crate::resources::rds::MasterPassword;

/// An environment behind its edge.
pub(super) struct Environment<'a> {
    pub scope: Scope<'a>,
    pub network: Network,
    pub database: Database,
    pub queue: Queue,
    pub functions: Functions,
}

/// An environment's functions.
pub(super) struct Functions {
    pub api: Function,
    pub processor: Function,
    pub migrate: Function,
    pub rotate: Function,
}

/// What an environment's functions live among.
struct Inside<'a> {
    key: &'a CustomerKey,
    network: &'a Network,
    database: &'a Database,
    queue: &'a Queue,
    secrets: &'a Secrets,
}

/// What tells one function of an environment from the others.
struct Purpose<'a> {
    name: &'static str,
    description: &'static str,
    timeout_seconds: i32,
    group: &'a SecurityGroupId,
    /// It connects to the database.
    database: bool,
    environment: BTreeMap<&'static str, String>,
    statements: Vec<Value>,
}

/// The security groups of an environment's functions: they stand before the functions, as the database lets them in.
struct Groups {
    api: SecurityGroupId,
    processor: SecurityGroupId,
    migrate: SecurityGroupId,
    rotate: SecurityGroupId,
}

impl<'a> Composition<'a> {
    pub(super) fn environment(&self, name: &'static str, shared: &Foundation) -> Environment<'a> {
        let config = self.config;
        let scope = self.root.environment(name);
        let retention_days = config.logs.retention_days;
        let key = key(
            &scope.at("key"),
            &KeyParams {
                description: "Everything of one environment",
                through: &["rds", "secretsmanager", "ssm", "sqs", "lambda"],
                users: &[KeyUser::Logs],
                replica_region: Some(&config.dr_region),
            },
        );
        let dr_key = key.replica.clone().unwrap_or_default();
        let networks = &config.network;
        let (cidr, peer, dr_cidr) = match name {
            BLUE => (networks.blue_cidr, networks.green_cidr, networks.blue_dr_cidr),
            _ => (networks.green_cidr, networks.blue_cidr, networks.green_dr_cidr),
        };
        let params = NetworkParams {
            cidr,
            zones: self.facts.zones.clone(),
            public_subnets: true,
            data_subnets: false,
            nat: networks.nat,
            peers: vec![peer],
            endpoints: ENDPOINTS.map(str::to_owned).to_vec(),
            flow_log_retention_days: retention_days,
            key: key.arn.clone(),
        };
        let here = network(&scope.at("network"), &params);
        let there = NetworkParams {
            cidr: dr_cidr,
            zones: self.facts.dr_zones.clone(),
            public_subnets: false,
            nat: NatMode::None,
            peers: Vec::new(),
            endpoints: Vec::new(),
            key: dr_key.clone(),
            ..params
        };
        let there = network(&scope.at("recovery-network").in_region(&config.dr_region), &there);

        let secrets = secrets(
            &scope.at("secrets"),
            &SecretsParams {
                key: &key.arn,
                engine: Engine::AuroraMysql,
                master_username: &config.database.master_username,
                replica: Some((&config.dr_region, &dr_key)),
            },
        );
        let functions = scope.at("functions");
        let group = |name: &str| client_group(&functions, name, "function", &here.vpc_id);
        let groups = Groups {
            api: group("payment-api"),
            processor: group("payment-processor"),
            migrate: group("migrate"),
            rotate: group("rotate-secret"),
        };
        let database = self.database(&scope, shared, &secrets, &groups, (&here, &key), (&there, &dr_key));
        let queue = queue(
            &scope.at("queues"),
            &QueueParams {
                name: "payments",
                key: &key.arn,
                retention_days: config.queues.retention_days,
                // AWS wants six times the function's timeout.
                visibility_timeout_seconds: 360,
                max_receives: config.queues.max_receives,
            },
        );
        parameters(
            &scope,
            &ParametersParams {
                key: &key.arn,
                plain: &plain_parameters(&database, &queue, config),
                generated: &BTreeMap::from([
                    (
                        "api/webhook-signing-key",
                        GeneratedParameter { description: "Signs what partners are told", length: 48 },
                    ),
                    (
                        "tokens/pepper",
                        GeneratedParameter { description: "Goes into the hashes of payment tokens", length: 64 },
                    ),
                ]),
            },
        );
        let inside = Inside { key: &key, network: &here, database: &database, queue: &queue, secrets: &secrets };
        let functions = self.functions(&functions, &inside, &groups);
        Environment { scope, network: here, database, queue, functions }
    }

    fn database(
        &self,
        scope: &Scope<'_>,
        shared: &Foundation,
        secrets: &Secrets,
        groups: &Groups,
        (here, key): (&Network, &CustomerKey),
        (there, dr_key): (&Network, &crate::resources::ids::KeyArn),
    ) -> Database {
        let settings = &self.config.database;
        database(
            scope,
            &DatabaseParams {
                engine: Engine::AuroraMysql,
                version: &self.facts.engine,
                database_name: &settings.name,
                master_username: &settings.master_username,
                master_password: &MasterPassword::Secret(secrets.database.arn.clone()),
                min_acu: settings.min_acu,
                max_acu: settings.max_acu,
                backup_retention_days: settings.backup_retention_days,
                backup_window: "03:00-04:00",
                maintenance_window: "sun:05:00-sun:06:00",
                log_retention_days: self.config.logs.retention_days,
                parameters: &BTreeMap::new(),
                deletion_protection: self.config.protection.deletion_protection,
                reader_scaling: None,
                primary: &Site {
                    key: &key.arn,
                    vpc: &here.vpc_id,
                    subnets: &here.private_subnet_ids,
                    availability_zones: &here.zones,
                    clients: &[
                        ("payment-processor", &groups.processor),
                        ("migrate", &groups.migrate),
                        ("rotate-secret", &groups.rotate),
                    ],
                    instances: settings.instances as usize,
                    alerts: Some(&shared.alerts),
                },
                recovery: Some((
                    &self.config.dr_region,
                    &Site {
                        key: dr_key,
                        vpc: &there.vpc_id,
                        subnets: &there.private_subnet_ids,
                        availability_zones: &there.zones,
                        clients: &[],
                        instances: settings.dr_instances as usize,
                        alerts: shared.second_alerts.as_ref(),
                    },
                )),
            },
        )
    }

    fn functions(&self, scope: &Scope<'_>, inside: &Inside<'_>, groups: &Groups) -> Functions {
        let api = self.function(
            scope,
            inside,
            Purpose {
                name: "payment-api",
                description: "Takes payments in",
                timeout_seconds: 10,
                group: &groups.api,
                database: false,
                environment: [("QUEUE_URL", inside.queue.main.url.clone())].into(),
                statements: vec![allow(&["sqs:SendMessage"], [inside.queue.main.arn.to_string()])],
            },
        );
        let mut connect = BTreeMap::from([
            ("DB_HOST", inside.database.primary.cluster.endpoint.clone()),
            ("DB_PORT", inside.database.primary.cluster.port.clone()),
            ("DB_NAME", self.config.database.name.clone()),
        ]);
        let rotate_environment = connect.clone();
        connect.insert("DB_SECRET_ARN", inside.secrets.database.arn.to_string());
        let read_secret = allow(&["secretsmanager:GetSecretValue"], [inside.secrets.database.arn.to_string()]);
        let receive =
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"];
        let processor = self.function(
            scope,
            inside,
            Purpose {
                name: "payment-processor",
                description: "Writes payments into the database, each exactly once",
                timeout_seconds: 60,
                group: &groups.processor,
                database: true,
                environment: {
                    let mut environment = connect.clone();
                    environment.insert("METRICS_NAMESPACE", metrics_namespace(scope.suffix()));
                    environment
                },
                statements: vec![allow(&receive, [inside.queue.main.arn.to_string()]), read_secret.clone()],
            },
        );
        scope.at("payment-processor").add(
            "source",
            EventSourceMapping {
                function: processor.arn.clone(),
                source: inside.queue.main.arn.clone(),
                enabled: true,
                batch_size: 10,
                window_seconds: 0,
                report_batch_item_failures: true,
                maximum_concurrency: Some(self.config.functions.processor_concurrency),
            },
        );
        let migrate = self.function(
            scope,
            inside,
            Purpose {
                name: "migrate",
                description: "Brings the database's schema to its newest version",
                timeout_seconds: 900,
                group: &groups.migrate,
                database: true,
                environment: connect,
                statements: vec![read_secret],
            },
        );
        let rotate = self.function(
            scope,
            inside,
            Purpose {
                name: "rotate-secret",
                description: "Renews secrets",
                timeout_seconds: 60,
                group: &groups.rotate,
                database: true,
                environment: rotate_environment,
                statements: rotation_statements(inside.secrets),
            },
        );
        self.rotate(scope, inside, &rotate);
        Functions { api, processor, migrate, rotate }
    }

    fn function(&self, scope: &Scope<'_>, inside: &Inside<'_>, purpose: Purpose<'_>) -> Function {
        let network = inside.network;
        let mut reaches = Vec::new();
        if let Some(endpoints) = &network.endpoint_security_group_id {
            let peer = Peer::SecurityGroup(endpoints.clone());
            reaches.push(Reach { what: "aws-services", port: 443, peer });
        }
        if purpose.database {
            let peer = Peer::SecurityGroup(inside.database.primary.security_group.clone());
            reaches.push(Reach { what: "database", port: Engine::AuroraMysql.port(), peer });
        }
        let settings = &self.config.functions;
        let mut environment: BTreeMap<String, String> =
            purpose.environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        environment.insert("ENVIRONMENT".to_owned(), scope.environment_name().to_owned());
        environment.insert("LOG_LEVEL".to_owned(), settings.log_level.clone());
        function(
            scope,
            FunctionParams {
                name: purpose.name,
                description: purpose.description,
                package: &self.facts.packages[purpose.name],
                runtime: &settings.runtime,
                memory_mib: settings.memory_mb,
                timeout_seconds: purpose.timeout_seconds,
                reserved_concurrency: None,
                environment,
                statements: purpose.statements,
                network: Some(FunctionNetwork {
                    subnets: &network.private_subnet_ids,
                    security_group: purpose.group,
                    reaches: &reaches,
                }),
                key: &inside.key.arn,
                dead_letters: &inside.queue.dead_letters.arn,
                log_retention_days: self.config.logs.retention_days,
            },
        )
    }

    /// Secrets Manager may call the function, and does so for each secret.
    fn rotate(&self, scope: &Scope<'_>, inside: &Inside<'_>, function: &Function) {
        let secrets = [
            ("database-secret", &inside.secrets.database),
            ("api-key-secret", &inside.secrets.api_key),
            ("encryption-key-secret", &inside.secrets.encryption_key),
        ];
        let service = "secretsmanager.amazonaws.com";
        let mut after = scope.at("rotation");
        for (leaf, secret) in secrets {
            let allowed = callable_by(scope, "rotate-secret", &function.arn, service, &secret.arn, leaf);
            after = after.after(&allowed, "Secrets Manager tries the function at once");
        }
        if let Some(writer) = inside.database.primary.instances.first() {
            after = after.after(&writer.arn, "the password is tried on the database");
        }
        let every_days = self.config.secrets.rotation_days;
        rotation(&after, inside.secrets, &RotationParams { function: &function.arn, every_days, immediately: false });
    }
}

impl Environment<'_> {
    /// The identifiers of its database instances.
    pub fn instances(&self) -> Vec<&str> {
        self.database.primary.instances.iter().map(|instance| instance.identifier.as_str()).collect()
    }

    /// What people need to know of it.
    pub fn outputs(&self, edge: &Edge, outputs: &mut BTreeMap<String, String>) {
        let name = self.scope.environment_name();
        let mut add = |what: &str, value: &str| outputs.insert(format!("{name}_{what}"), value.to_owned());
        add("alb_dns_name", &edge.load_balancer.dns_name);
        add("database_writer_endpoint", &self.database.primary.cluster.endpoint);
        add("database_reader_endpoint", &self.database.primary.cluster.reader_endpoint);
        if let Some(recovery) = &self.database.recovery {
            add("dr_database_endpoint", &recovery.cluster.endpoint);
            add("dr_database_reader_endpoint", &recovery.cluster.reader_endpoint);
        }
        add("queue_url", &self.queue.main.url);
        add("migrate_function", &self.functions.migrate.name);
        add("rotation_function", &self.functions.rotate.name);
    }
}

/// What the functions and people look up by name.
fn plain_parameters<'a>(database: &Database, queue: &Queue, config: &LambdaMysql) -> BTreeMap<&'a str, PlainParameter> {
    let cluster = &database.primary.cluster;
    let parameters = [
        ("database/endpoint", "Where payments are written", cluster.endpoint.clone()),
        ("database/reader-endpoint", "Where payments are read", cluster.reader_endpoint.clone()),
        ("database/name", "The database of the payments", config.database.name.clone()),
        ("queue/url", "Where accepted payments wait", queue.main.url.clone()),
        ("functions/log-level", "How much the functions log", config.functions.log_level.clone()),
    ];
    parameters.into_iter().map(|(name, description, value)| (name, PlainParameter { description, value })).collect()
}

fn rotation_statements(secrets: &Secrets) -> Vec<Value> {
    let arns = [&secrets.database, &secrets.api_key, &secrets.encryption_key].map(|secret| secret.arn.to_string());
    let actions = [
        "secretsmanager:DescribeSecret",
        "secretsmanager:GetSecretValue",
        "secretsmanager:PutSecretValue",
        "secretsmanager:UpdateSecretVersionStage",
    ];
    // Random passwords know no resource.
    vec![allow(&actions, arns), allow(&["secretsmanager:GetRandomPassword"], ["*"])]
}
