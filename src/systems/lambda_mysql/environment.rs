//! One environment: key, networks, secrets, database, queue, parameters, functions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Composer, ENDPOINTS, metrics_namespace};
use crate::config::lambda_mysql::Settings;
use crate::modules::database::{Database, DatabaseParams, Engine, Site, database};
use crate::modules::foundation::Foundation;
use crate::modules::function::{Function, FunctionNetwork, FunctionParams, callable_by, function};
use crate::modules::key::CustomerKey;
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{GeneratedParameter, ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::{Queue, QueueParams, queue};
use crate::modules::reach::client_group;
use crate::modules::secrets::{RotationParams, Secrets, SecretsParams, rotation, secrets};
use crate::modules::{BLUE, Scope};
use crate::resources::ids::{KeyArn, SecurityGroupId};
use crate::resources::lambda::EventSourceMapping;
use crate::resources::rds::MasterPassword;
use crate::systems::blue_green::environment_key;

/// An environment without its load balancer.
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

/// The resources that the functions use.
struct Inside<'a> {
    key: &'a CustomerKey,
    network: &'a Network,
    database: &'a Database,
    queue: &'a Queue,
    secrets: &'a Secrets,
}

/// What differs between functions.
struct Purpose<'a> {
    name: &'static str,
    description: &'static str,
    timeout_seconds: i32,
    group: &'a SecurityGroupId,
    /// The function connects to the database.
    database: bool,
    environment: BTreeMap<&'static str, String>,
    statements: Vec<Value>,
}

/// The security groups of the functions. They are created before the functions, as the database refers to them.
struct Groups {
    api: SecurityGroupId,
    processor: SecurityGroupId,
    migrate: SecurityGroupId,
    rotate: SecurityGroupId,
}

impl<'a> Composer<'a> {
    pub(super) fn environment(&self, name: &'static str, foundation: &Foundation) -> Environment<'a> {
        let settings = self.settings;
        let scope = self.root.environment(name);
        let key = environment_key(&scope, Some(&settings.dr_region));
        let dr_key = key.replica.clone().unwrap_or_default();
        let networks = &settings.network;
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
        let there = network(&scope.at("recovery-network").in_region(&settings.dr_region), &there);

        let secrets = secrets(
            &scope.at("secrets"),
            &SecretsParams {
                key: &key.arn,
                engine: Engine::AuroraMysql,
                master_username: &settings.database.master_username,
                replica: Some((&settings.dr_region, &dr_key)),
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
        let database = self.database(&scope, foundation, &secrets, &groups, (&here, &key), (&there, &dr_key));
        let queue = queue(
            &scope.at("queues"),
            &QueueParams {
                name: "payments",
                key: &key.arn,
                retention_days: settings.queues.retention_days,
                // AWS recommends six times the function's timeout.
                visibility_timeout_seconds: 360,
                max_receives: settings.queues.max_receives,
            },
        );
        parameters(
            &scope,
            &ParametersParams {
                key: &key.arn,
                plain: &plain_parameters(&database, &queue, settings),
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
        foundation: &Foundation,
        secrets: &Secrets,
        groups: &Groups,
        (here, key): (&Network, &CustomerKey),
        (there, dr_key): (&Network, &KeyArn),
    ) -> Database {
        let settings = &self.settings.database;
        let clients =
            [("payment-processor", &groups.processor), ("migrate", &groups.migrate), ("rotate-secret", &groups.rotate)];
        let primary = Site {
            key: &key.arn,
            vpc: &here.vpc_id,
            subnets: &here.private_subnet_ids,
            availability_zones: &here.zones,
            clients: &clients,
            instances: settings.instances as usize,
            alerts: Some(&foundation.alerts),
        };
        let recovery = Site {
            key: dr_key,
            vpc: &there.vpc_id,
            subnets: &there.private_subnet_ids,
            availability_zones: &there.zones,
            clients: &[],
            instances: settings.dr_instances as usize,
            alerts: foundation.second_alerts.as_ref(),
        };
        let password = MasterPassword::Secret(secrets.database.arn.clone());
        database(
            scope,
            &DatabaseParams {
                database_name: &settings.name,
                master_username: &settings.master_username,
                min_acu: settings.min_acu,
                max_acu: settings.max_acu,
                backup_retention_days: settings.backup_retention_days,
                deletion_protection: self.common.protection.deletion_protection,
                recovery: Some((&self.settings.dr_region, &recovery)),
                ..DatabaseParams::new(Engine::AuroraMysql, &self.facts.engine, &password, &primary)
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
            ("DB_NAME", self.settings.database.name.clone()),
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
                maximum_concurrency: Some(self.settings.functions.processor_concurrency),
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
        let database = purpose.database.then(|| inside.database.primary.reach(Engine::AuroraMysql));
        let reaches: Vec<_> = network.reach_aws_services().into_iter().chain(database).collect();
        let settings = &self.settings.functions;
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
            },
        )
    }

    /// Adds the rotation of each secret, and the permission for Secrets Manager to call the function.
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
            after = after.after(&allowed, "Secrets Manager checks the permission when the rotation is created");
        }
        after = inside.database.primary.after_writer(&after, "the rotation changes the password in the database");
        let every_days = self.common.secrets.rotation_days;
        rotation(&after, inside.secrets, &RotationParams { function: &function.arn, every_days, immediately: false });
    }
}

/// The public parameters.
fn plain_parameters<'a>(database: &Database, queue: &Queue, settings: &Settings) -> BTreeMap<&'a str, PlainParameter> {
    let cluster = &database.primary.cluster;
    let parameters = [
        ("database/endpoint", "Where payments are written", cluster.endpoint.clone()),
        ("database/reader-endpoint", "Where payments are read", cluster.reader_endpoint.clone()),
        ("database/name", "The database of the payments", settings.database.name.clone()),
        ("queue/url", "Where accepted payments wait", queue.main.url.clone()),
        ("functions/log-level", "How much the functions log", settings.functions.log_level.clone()),
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
    // GetRandomPassword doesn't support resource-level permissions.
    vec![allow(&actions, arns), allow(&["secretsmanager:GetRandomPassword"], ["*"])]
}
