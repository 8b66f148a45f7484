//! One environment: network, key, database, parameters, services behind their load balancer, the function for its schema.

use std::collections::BTreeMap;

use super::{BLUE, Composition, ENDPOINTS, GREEN, HEALTH_PATH, Shared, metrics_namespace};
use crate::config::FargatePostgres;
use crate::config::fargate_postgres::SERVICES;
use crate::modules::Scope;
use crate::modules::database::{Database, DatabaseParams, Engine, ReaderScaling, Site, database};
use crate::modules::edge::{FrontParams, Route, ServicesEdge, ServicesEdgeParams, services_edge};
use crate::modules::function::{Function, FunctionNetwork, FunctionParams, function};
use crate::modules::key::{CustomerKey, KeyParams, KeyUser, key};
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::dead_letter_queue;
use crate::modules::reach::{Reach, client_group};
use crate::modules::service::{ServiceParams, service};
use crate::modules::sync::sync_group;
use crate::resources::ec2::Peer;
use crate::resources::ecs::{Cluster, ContainerInsights, ServiceOutputs, TaskCount};
use crate::resources::ids::{SecretArn, SecurityGroupId};
use crate::resources::logs::LogGroup;
use crate::resources::rds::MasterPassword;
use crate::resources::secrets::Rotation;
use crate::resources::sqs::QueueOutputs;

/// An environment.
pub(super) struct Environment<'a> {
    pub scope: Scope<'a>,
    pub key: CustomerKey,
    pub network: Network,
    pub database: Database,
    /// The secret that RDS keeps the administrator's password in.
    pub secret: SecretArn,
    pub edge: ServicesEdge,
    /// The name of the cluster of the services.
    pub cluster: String,
    /// In the order of [`SERVICES`].
    pub services: Vec<ServiceOutputs>,
    pub migrate: Function,
    pub dead_letters: QueueOutputs,
    /// The group of the data sync, which lives in green.
    pub sync_group: Option<SecurityGroupId>,
}

/// What an environment's services and functions live among.
struct Inside<'a> {
    key: &'a CustomerKey,
    network: &'a Network,
    database: &'a Database,
    secret: &'a SecretArn,
}

impl<'a> Composition<'a> {
    pub(super) fn environment(&self, name: &'static str, shared: &Shared) -> Environment<'a> {
        let config = self.config;
        let scope = self.root.environment(name);
        let key = key(
            &scope.at("key"),
            &KeyParams {
                description: "Everything of one environment",
                through: &["rds", "secretsmanager", "ssm", "sqs", "lambda"],
                users: &[KeyUser::Logs],
                replica_region: None,
            },
        );
        let (cidr, peer) = match name {
            BLUE => (config.network.blue_cidr, config.network.green_cidr),
            _ => (config.network.green_cidr, config.network.blue_cidr),
        };
        let network = network(
            &scope.at("network"),
            &NetworkParams {
                cidr,
                zones: self.facts.zones.clone(),
                public_subnets: true,
                data_subnets: true,
                nat: config.network.nat,
                peers: vec![peer],
                endpoints: ENDPOINTS.map(str::to_owned).to_vec(),
                flow_log_retention_days: config.logs.retention_days,
                key: key.arn.clone(),
            },
        );
        let (services, functions) = (scope.at("services"), scope.at("functions"));
        let groups: Vec<_> =
            SERVICES.iter().map(|name| client_group(&services, name, "service", &network.vpc_id)).collect();
        let migrate_group = client_group(&functions, "migrate", "function", &network.vpc_id);
        let sync_group = (name == GREEN).then(|| sync_group(&scope, &network));
        let mut clients: Vec<_> = SERVICES.into_iter().zip(&groups).collect();
        clients.push(("migrate", &migrate_group));
        clients.extend(sync_group.iter().map(|group| ("data-sync", group)));
        let database = self.database(&scope, shared, &key, &network, &clients);
        let secret = database.primary.master_secret.clone().expect("RDS keeps the password in one");
        self.rotate(&scope, &database, &secret);

        let dead_letters = dead_letter_queue(&scope.at("queues"), "function-dead-letters", &key.arn, &[]);
        let inside = Inside { key: &key, network: &network, database: &database, secret: &secret };
        let migrate = self.migrate(&functions, &inside, &migrate_group, &dead_letters);
        let edge = self.edge(&scope, shared, &network, &groups);
        let cluster = self.cluster(&services, &key);
        let services = self.services(&services, shared, &inside, &edge, &cluster, &groups);
        Environment {
            scope,
            key,
            network,
            database,
            secret,
            edge,
            cluster,
            services,
            migrate,
            dead_letters,
            sync_group,
        }
    }

    /// The cluster of the services. ECS would make the log group of its metrics itself, without a key and for ever.
    fn cluster(&self, scope: &Scope<'_>, key: &CustomerKey) -> String {
        let name = scope.name("ecs");
        let insights = LogGroup {
            name: format!("/aws/ecs/containerinsights/{name}/performance"),
            kms_key: key.arn.clone(),
            retention_days: Some(self.config.logs.retention_days),
        };
        let insights = scope.add("cluster-insights-log", insights).arn;
        let scope = scope.after(&insights, "ECS would make this log group itself, without a key");
        scope.add("cluster", Cluster { name, container_insights: ContainerInsights::Enabled }).name
    }

    fn database(
        &self,
        scope: &Scope<'_>,
        shared: &Shared,
        key: &CustomerKey,
        network: &Network,
        clients: &[(&str, &SecurityGroupId)],
    ) -> Database {
        let settings = &self.config.database;
        database(
            scope,
            &DatabaseParams {
                engine: Engine::AuroraPostgresql,
                version: &self.facts.engine,
                database_name: &settings.name,
                master_username: &settings.master_username,
                master_password: &MasterPassword::Managed { key: key.arn.clone() },
                min_acu: settings.min_acu,
                max_acu: self.config.max_acu(),
                backup_retention_days: self.config.backup_retention_days(),
                backup_window: "03:00-04:00",
                maintenance_window: "sun:05:00-sun:06:00",
                log_retention_days: self.config.logs.retention_days,
                parameters: &BTreeMap::new(),
                deletion_protection: self.config.protection.deletion_protection,
                reader_scaling: Some(ReaderScaling {
                    least: settings.readers,
                    most: self.config.max_readers(),
                    cpu_percent: settings.reader_cpu_percent,
                }),
                primary: &Site {
                    key: &key.arn,
                    vpc: &network.vpc_id,
                    subnets: &network.data_subnet_ids,
                    availability_zones: &network.zones,
                    clients,
                    instances: 1 + settings.readers as usize,
                    alerts: Some(&shared.foundation.alerts),
                },
                recovery: None,
            },
        )
    }

    /// RDS renews the password of the administrator by itself; the schedule is ours.
    fn rotate(&self, scope: &Scope<'_>, database: &Database, secret: &SecretArn) {
        let scope = scope.at("database");
        let scope = match database.primary.instances.first() {
            Some(writer) => scope.after(&writer.arn, "the password is changed in the database"),
            None => scope,
        };
        let every_days = self.config.secrets.rotation_days;
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
        let settings = &self.config.functions;
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
                    ("DB_NAME".to_owned(), self.config.database.name.clone()),
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
                log_retention_days: self.config.logs.retention_days,
            },
        )
    }

    fn edge(&self, scope: &Scope<'_>, shared: &Shared, network: &Network, groups: &[SecurityGroupId]) -> ServicesEdge {
        let scope = match &network.internet_gateway_id {
            Some(gateway) => scope.after(gateway, "a load balancer of the internet needs the VPC's way there"),
            None => scope.clone(),
        };
        let routes: Vec<_> = SERVICES
            .iter()
            .zip(groups)
            .map(|(service, security_group)| Route {
                service,
                paths: paths(service),
                port: self.config.service(service).port,
                security_group,
            })
            .collect();
        services_edge(
            &scope,
            &ServicesEdgeParams {
                front: FrontParams {
                    vpc: &network.vpc_id,
                    public_subnets: &network.public_subnet_ids,
                    certificate: &shared.foundation.certificate,
                    web_acl: &shared.foundation.firewall.web_acl,
                    log_retention_days: self.config.logs.retention_days,
                    access_log_target: Some(&shared.foundation.access_logs),
                    deletion_protection: self.config.protection.deletion_protection,
                },
                routes: &routes,
                health_path: HEALTH_PATH,
            },
        )
    }

    fn services(
        &self,
        scope: &Scope<'_>,
        shared: &Shared,
        inside: &Inside<'_>,
        edge: &ServicesEdge,
        cluster: &str,
        groups: &[SecurityGroupId],
    ) -> Vec<ServiceOutputs> {
        let environment = scope.environment_name();
        let root = self.root.environment(environment);
        let (secrets, parameters) = self.variables(&root, shared, inside);
        let mut reaches = inside.reaches();
        reaches.extend(inside.stores());
        if self.config.network.nat != NatMode::None {
            reaches.push(Reach { what: "internet", port: 443, peer: Peer::Cidr(ipnet::Ipv4Net::default()) });
        }
        let credentials = vec![
            allow(&["secretsmanager:GetSecretValue"], [inside.secret.to_string()]),
            allow(&["kms:Decrypt"], [inside.key.arn.to_string()]),
        ];
        let start = [vec![allow(&["ssm:GetParameters"], [parameters])], credentials.clone()].concat();
        let one = |(name, group): (&&str, &SecurityGroupId)| {
            let size = self.config.service(name);
            let scope = scope.after(&edge.ready[*name], "ECS takes only target groups that a load balancer uses");
            let scope = match inside.database.primary.instances.first() {
                Some(writer) => {
                    scope.after(&writer.arn, "tasks that find no database end, and too many of them undo it")
                }
                None => scope,
            };
            service(
                &scope,
                &ServiceParams {
                    name,
                    cluster,
                    image: self.config.image(name, environment),
                    repository: &shared.images[*name],
                    port: size.port,
                    architecture: size.architecture.name(),
                    cpu_units: size.cpu,
                    memory_mib: size.memory_mb,
                    tasks: TaskCount { min: size.min_tasks.cast_signed(), max: size.max_tasks.cast_signed() },
                    scale_at_cpu_percent: self.config.scaling.cpu_percent,
                    scale_at_memory_percent: self.config.scaling.memory_percent,
                    subnets: &inside.network.private_subnet_ids,
                    security_group: group,
                    reaches: &reaches,
                    environment: BTreeMap::from([
                        // For whoever is refused after a rotation, to read it anew.
                        ("DB_SECRET_ARN".to_owned(), inside.secret.to_string()),
                        ("ENVIRONMENT".to_owned(), environment.to_owned()),
                        ("PORT".to_owned(), size.port.to_string()),
                        ("SERVICE".to_owned(), (*name).to_owned()),
                    ]),
                    secrets: secrets.clone(),
                    execution_statements: start.clone(),
                    statements: [credentials.clone(), shared.storage.statements(name, &shared.foundation.key.arn)]
                        .concat(),
                    target_group: &edge.target_groups[*name],
                    key: &inside.key.arn,
                    log_retention_days: self.config.logs.retention_days,
                },
            )
        };
        SERVICES.iter().zip(groups).map(one).collect()
    }

    /// What tasks find in their environment, read by ECS when they start: the configuration from Parameter Store, the
    /// database's credentials from Secrets Manager. Also an ARN that matches all the parameters.
    fn variables(&self, scope: &Scope<'_>, shared: &Shared, inside: &Inside<'_>) -> (BTreeMap<String, String>, String) {
        let cluster = &inside.database.primary.cluster;
        let storage = &shared.storage;
        let all = [
            ("DB_HOST", "database/endpoint", "Where payments are written", cluster.endpoint.clone()),
            ("DB_READER_HOST", "database/reader-endpoint", "Where payments are read", cluster.reader_endpoint.clone()),
            ("DB_PORT", "database/port", "The database's port", cluster.port.clone()),
            ("DB_NAME", "database/name", "The database of the payments", self.config.database.name.clone()),
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
            ("LOG_LEVEL", "services/log-level", "How much the services log", self.config.functions.log_level.clone()),
        ];
        let plain = all.clone().map(|(_, name, description, value)| (name, PlainParameter { description, value }));
        let made = parameters(
            scope,
            &ParametersParams {
                key: &inside.key.arn,
                plain: &plain.into_iter().collect(),
                generated: &BTreeMap::new(),
            },
        );
        let variables = all.iter().map(|(variable, name, ..)| ((*variable).to_owned(), made.all[*name].arn.clone()));
        let credentials = [("DB_USERNAME", "username"), ("DB_PASSWORD", "password")];
        let credentials =
            credentials.map(|(variable, key)| (variable.to_owned(), format!("{}:{key}::", inside.secret)));
        (variables.chain(credentials).collect(), made.arns)
    }
}

impl Inside<'_> {
    /// AWS's services and the database.
    fn reaches(&self) -> Vec<Reach<'static>> {
        let database = Peer::SecurityGroup(self.database.primary.security_group.clone());
        let mut reaches = vec![Reach { what: "database", port: Engine::AuroraPostgresql.port(), peer: database }];
        if let Some(endpoints) = &self.network.endpoint_security_group_id {
            let peer = Peer::SecurityGroup(endpoints.clone());
            reaches.push(Reach { what: "aws-services", port: 443, peer });
        }
        reaches
    }

    /// S3, from where image layers come too, and DynamoDB.
    fn stores(&self) -> [Reach<'static>; 2] {
        [("s3", &self.network.s3_prefix_list_id), ("dynamodb", &self.network.dynamodb_prefix_list_id)]
            .map(|(what, list)| Reach { what, port: 443, peer: Peer::PrefixList(list.clone()) })
    }
}

/// What a service serves. What is for none of them is for the first.
fn paths(service: &str) -> &'static [&'static str] {
    match service {
        "transaction-processor" => &["/transactions", "/transactions/*"],
        "reporting" => &["/reports", "/reports/*"],
        _ => &["/payments", "/payments/*"],
    }
}

impl Environment<'_> {
    /// The identifiers of its database instances.
    pub fn instances(&self) -> Vec<&str> {
        self.database.primary.instances.iter().map(|instance| instance.identifier.as_str()).collect()
    }

    /// What people need to know of it.
    pub fn outputs(&self, config: &FargatePostgres, outputs: &mut BTreeMap<String, String>) {
        let name = self.scope.environment_name();
        let cluster = &self.database.primary.cluster;
        let database = &config.database;
        let connection = |host: &str| {
            format!(
                "postgresql://{}@{host}:{}/{}?sslmode=verify-full",
                database.master_username, cluster.port, database.name
            )
        };
        let mut add = |what: &str, value: &str| outputs.insert(format!("{name}_{what}"), value.to_owned());
        add("alb_dns_name", &self.edge.load_balancer.dns_name);
        add("database_writer_endpoint", &cluster.endpoint);
        add("database_reader_endpoint", &cluster.reader_endpoint);
        add("database_connection", &connection(&cluster.endpoint));
        add("database_reader_connection", &connection(&cluster.reader_endpoint));
        add("database_secret_arn", &self.secret);
        add("cluster", &self.cluster);
        add("migrate_function", &self.migrate.name);
    }
}
