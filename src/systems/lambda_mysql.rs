//! `lambda-mysql`: two environments side by side, Lambda and SQS over Aurora MySQL, replicas in a second region.
//!
//! Each environment has its own network, key, database, queues, functions and load balancer. Each load balancer's listener
//! forwards by weight to both environments' `payment-api`, so the share of the traffic that green serves never depends on
//! DNS caches; Route 53 only decides through which edge a client comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Composed, System};
use crate::aws::{Cloud, Error, Result};
use crate::config::LambdaMysql;
use crate::config::lambda_mysql::SYSTEM;
use crate::engine::Tags;
use crate::modules::alarms::{self, Thresholds, Watched};
use crate::modules::backup::{BackupParams, backup};
use crate::modules::bucket::access_log_bucket;
use crate::modules::certificate::{CertificateSource, certificate};
use crate::modules::compliance::{ComplianceParams, compliance};
use crate::modules::dashboard::{DashboardParams, Panel, dashboard};
use crate::modules::database::{Database, DatabaseParams, Engine, Site, database};
use crate::modules::dns::{DnsRouting, QueryLogs, RoutingParams, Zone, ZoneSource, routing, zone};
use crate::modules::edge::{Edge, EdgeParams, edge};
use crate::modules::failback::{self, FailbackParams, WeightedRecord, WeightedRecords};
use crate::modules::firewall::{Firewall, FirewallParams, firewall};
use crate::modules::function::{
    Function, FunctionNetwork, FunctionParams, Reach, callable_by, function, function_security_group,
};
use crate::modules::key::{CustomerKey, KeyParams, KeyUser, key};
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{GeneratedParameter, ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::{Queue, QueueParams, queue};
use crate::modules::secrets::{RotationParams, Secrets, SecretsParams, rotation, secrets};
use crate::modules::topic::{TopicParams, topic};
use crate::modules::transit::{Side, transit};
use crate::modules::{Identity, Scope, Stack};
use crate::package::{self, Package};
use crate::resources::config::existing_recorder;
use crate::resources::ec2::{Peer, availability_zones};
use crate::resources::elb::Weights;
use crate::resources::ids::{CertificateArn, SecurityGroupId, TopicArn};
use crate::resources::lambda::EventSourceMapping;
use crate::resources::rds::engine_version::{EngineVersion, offered};

/// The only region where Route 53 has metrics and query logs.
const ROUTE53_REGION: &str = "us-east-1";
/// What the functions need without leaving Amazon's network.
const ENDPOINTS: [&str; 5] = ["secretsmanager", "ssm", "kms", "sqs", "logs"];
/// What load balancers and Route 53 ask for.
const HEALTH_PATH: &str = "/health";
const BLUE: &str = "blue";
const GREEN: &str = "green";

#[async_trait]
impl System for LambdaMysql {
    fn name(&self) -> &'static str {
        SYSTEM
    }

    fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn tags(&self) -> Tags {
        self.tags.clone()
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed> {
        let facts = Facts::ask(self, cloud).await?;
        let stack = Stack::new(identity);
        let (outputs, notes) = Composition { config: self, facts: &facts, root: stack.root() }.compose();
        Ok(Composed { steps: stack.into_steps(), outputs, notes })
    }
}

/// What AWS and the source of the functions say before anything is composed.
struct Facts {
    zones: Vec<String>,
    dr_zones: Vec<String>,
    engine: EngineVersion,
    recorder: Option<String>,
    packages: BTreeMap<&'static str, Arc<Package>>,
}

impl Facts {
    async fn ask(config: &LambdaMysql, cloud: &Cloud) -> Result<Self> {
        let (here, there) = (cloud.region(&config.region), cloud.region(&config.dr_region));
        let wanted = config.database.engine_version.as_deref().unwrap_or("8.0");
        let regions = [&*here, &*there];
        let (zones, dr_zones, engine, recorder, packages) = tokio::try_join!(
            availability_zones(&here, config.network.zones),
            availability_zones(&there, config.network.zones),
            offered(&regions, Engine::AuroraMysql.name(), wanted),
            existing_recorder(&here),
            packages(),
        )?;
        Ok(Facts { zones, dr_zones, engine, recorder, packages })
    }
}

async fn packages() -> Result<BTreeMap<&'static str, Arc<Package>>> {
    let names = ["payment-api", "payment-processor", "migrate", "rotate-secret", "failback"];
    let build = |name| async move {
        let package = package::build(name).await;
        package.map(|package| (name, package)).map_err(|error| Error::local(error.to_string()))
    };
    Ok(futures::future::try_join_all(names.map(build)).await?.into_iter().collect())
}

/// What both environments share.
struct Shared {
    key: CustomerKey,
    alerts: TopicArn,
    dr_alerts: TopicArn,
    events: TopicArn,
    firewall: Firewall,
    zone: Zone,
    certificate: CertificateArn,
    access_logs: String,
}

/// An environment behind its edge.
struct Environment<'a> {
    scope: Scope<'a>,
    network: Network,
    database: Database,
    queue: Queue,
    functions: Functions,
}

/// An environment's functions.
struct Functions {
    api: Function,
    processor: Function,
    migrate: Function,
    rotate: Function,
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

struct Composition<'a> {
    config: &'a LambdaMysql,
    facts: &'a Facts,
    root: Scope<'a>,
}

impl<'a> Composition<'a> {
    fn compose(&self) -> (BTreeMap<String, String>, Vec<String>) {
        let shared = self.shared();
        let blue = self.environment(BLUE, &shared);
        let green = self.environment(GREEN, &shared);
        let sides = [&blue, &green].map(|side| Side { scope: &side.scope, network: &side.network });
        transit(&self.root.at("transit"), &sides);
        let blue_edge = self.edge(&blue, &shared, [&blue, &green]);
        let green_edge = self.edge(&green, &shared, [&blue, &green]);
        let routing = routing(
            &self.root,
            &RoutingParams {
                zone: &shared.zone,
                blue: &blue_edge.load_balancer,
                green: &green_edge.load_balancer,
                health_path: HEALTH_PATH,
                initial: (100, 0),
            },
        );
        let dashboard_url = self.watch(&shared, [(&blue, &blue_edge), (&green, &green_edge)], &routing);
        let clusters: BTreeSet<String> =
            [&blue, &green].iter().map(|side| side.database.primary.cluster.arn.to_string()).collect();
        backup(
            &self.root,
            &BackupParams {
                key: &shared.key.arn,
                resources: clusters,
                schedule: "cron(0 5 ? * * *)",
                retention_days: self.config.database.backup_retention_days.into(),
            },
        );
        if self.config.compliance.config {
            let existing_recorder = self.facts.recorder.as_deref();
            compliance(
                &self.root,
                &ComplianceParams { existing_recorder, retention_days: self.config.logs.retention_days },
            );
        }
        let mut outputs = BTreeMap::from([
            ("dashboard_url".to_owned(), dashboard_url),
            ("live_name".to_owned(), routing.live),
            ("payment_name".to_owned(), routing.pay),
        ]);
        for (side, edge) in [(&blue, &blue_edge), (&green, &green_edge)] {
            side.outputs(edge, &mut outputs);
        }
        if let Some(name_servers) = &shared.zone.name_servers {
            outputs.insert("zone_name_servers".to_owned(), name_servers.clone());
        }
        (outputs, self.notes())
    }

    fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = self.facts.engine.note.iter().cloned().collect();
        if self.config.certificate.arn.is_none() && !self.config.certificate.request {
            notes.push(
                "the HTTPS certificate is self-signed, so clients can't tell whom they talk to: give certificate.arn, or \
                 certificate.request with dns.zone_id"
                    .to_owned(),
            );
        }
        if self.config.notifications.emails.is_empty() {
            notes.push("nobody is told of alarms: give notifications.emails".to_owned());
        }
        if let Some(recorder) = self.facts.recorder.as_ref().filter(|_| self.config.compliance.config) {
            notes.push(format!("AWS Config records already ({recorder}): its recorder is used and left as it is"));
        }
        if !self.config.protection.deletion_protection {
            notes.push(
                "deletion protection is off, as everything must be destroyable after testing: set \
                 protection.deletion_protection for a system with customers"
                    .to_owned(),
            );
        }
        if self.route53_key().is_none() {
            notes
                .push(format!("Route 53 logs queries and measures health in {ROUTE53_REGION} only: both are left out"));
        }
        notes
    }

    /// The region among ours where Route 53 has metrics and logs, and whether it is the recovery region.
    fn route53_key(&self) -> Option<bool> {
        match ROUTE53_REGION {
            region if region == self.config.region => Some(false),
            region if region == self.config.dr_region => Some(true),
            _ => None,
        }
    }

    fn shared(&self) -> Shared {
        let (config, root) = (self.config, &self.root);
        let retention_days = config.logs.retention_days;
        let key = key(
            &root.at("key"),
            &KeyParams {
                description: "What both environments share",
                through: &["sns", "sqs", "lambda", "backup"],
                users: &[
                    KeyUser::Logs,
                    KeyUser::Alarms,
                    KeyUser::EventBridge,
                    KeyUser::DatabaseEvents,
                    KeyUser::Topics,
                ],
                replica_region: Some(&config.dr_region),
            },
        );
        let dr_key = key.replica.clone().unwrap_or_default();
        let topics = root.at("topics");
        let alerts = TopicParams {
            name: "alerts",
            display_name: "Payment alerts",
            key: &key.arn,
            publishers: &["cloudwatch.amazonaws.com", "events.rds.amazonaws.com"],
            emails: &config.notifications.emails,
            log_retention_days: retention_days,
        };
        let dr_alerts = topic(
            &topics.at("recovery").in_region(&config.dr_region),
            &TopicParams { name: "alerts-dr", key: &dr_key, ..alerts },
        );
        let events = TopicParams {
            name: "migration-events",
            display_name: "Payment migration",
            publishers: &["cloudwatch.amazonaws.com"],
            ..alerts
        };
        let (alerts, events) = (topic(&topics, &alerts), topic(&topics, &events));
        let firewall = firewall(
            root,
            &FirewallParams {
                rate_limit: i64::try_from(config.firewall.requests_per_5_minutes).unwrap_or(i64::MAX),
                rate_window_seconds: 300,
                log_key: &key.arn,
                log_retention_days: retention_days,
            },
        );
        let zone = self.zone(&key);
        let source = match &config.certificate {
            given if given.arn.is_some() => CertificateSource::Given { arn: given.arn.as_deref().unwrap_or_default() },
            asked if asked.request => {
                CertificateSource::Requested { domain: &zone.domain, hosted_zone: &zone.hosted_zone_id }
            }
            _ => CertificateSource::SelfSigned {
                domains: BTreeSet::from([zone.domain.clone(), format!("*.{}", zone.domain)]),
            },
        };
        let certificate = certificate(root, source);
        let access_logs = access_log_bucket(root, "s3-access-logs", retention_days).name;
        Shared { alerts, dr_alerts, events, firewall, certificate, access_logs, zone, key }
    }

    fn zone(&self, key: &CustomerKey) -> Zone {
        let config = self.config;
        let suffix = self.root.suffix();
        let name = config.dns.zone.clone().unwrap_or_else(|| "payments-{suffix}.internal".to_owned());
        let domain = name.replace("{suffix}", suffix);
        let source = match &config.dns.zone_id {
            Some(id) => ZoneSource::Given { domain: &domain, hosted_zone_id: id },
            None => ZoneSource::Created { domain: &domain },
        };
        let key = self.route53_key().and_then(|recovery| if recovery { key.replica.as_ref() } else { Some(&key.arn) });
        // A given zone may have a log of its own, and it can have only one.
        let key = key.filter(|_| config.dns.zone_id.is_none());
        let logs = key.map(|key| QueryLogs { key, retention_days: config.logs.retention_days });
        zone(&self.root, &source, logs.as_ref())
    }

    fn environment(&self, name: &'static str, shared: &Shared) -> Environment<'a> {
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
        let group = |name: &str| function_security_group(&functions, name, &here.vpc_id);
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
                environment: connect.clone(),
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

    /// The environment's edge, in front of both environments.
    fn edge(&self, side: &Environment<'_>, shared: &Shared, [blue, green]: [&Environment<'_>; 2]) -> Edge {
        let scope = match &side.network.internet_gateway_id {
            Some(gateway) => side.scope.after(gateway, "a load balancer of the internet needs the VPC's way there"),
            None => side.scope.clone(),
        };
        edge(
            &scope,
            &EdgeParams {
                vpc: &side.network.vpc_id,
                public_subnets: &side.network.public_subnet_ids,
                certificate: &shared.certificate,
                web_acl: &shared.firewall.web_acl,
                blue: &blue.functions.api.arn,
                green: &green.functions.api.arn,
                initial: Weights { blue: 100, green: 0 },
                test_cidrs: &self.config.network.test_cidrs,
                health_path: HEALTH_PATH,
                log_retention_days: self.config.logs.retention_days,
                access_log_target: Some(&shared.access_logs),
                deletion_protection: self.config.protection.deletion_protection,
            },
        )
    }

    /// Alarms, the failback that they set off, and the dashboard, whose URL it gives.
    fn watch(&self, shared: &Shared, sides: [(&Environment<'_>, &Edge); 2], routing: &DnsRouting) -> String {
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

    fn database(
        &self,
        scope: &Scope<'_>,
        shared: &Shared,
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
                master_secret: &secrets.database.arn,
                min_acu: settings.min_acu,
                max_acu: settings.max_acu,
                backup_retention_days: settings.backup_retention_days,
                backup_window: "03:00-04:00",
                maintenance_window: "sun:05:00-sun:06:00",
                log_retention_days: self.config.logs.retention_days,
                parameters: &BTreeMap::new(),
                deletion_protection: self.config.protection.deletion_protection,
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
                        alerts: Some(&shared.dr_alerts),
                    },
                )),
            },
        )
    }
}

impl Environment<'_> {
    /// The identifiers of its database instances.
    fn instances(&self) -> Vec<&str> {
        self.database.primary.instances.iter().map(|instance| instance.identifier.as_str()).collect()
    }

    /// What people need to know of it.
    fn outputs(&self, edge: &Edge, outputs: &mut BTreeMap<String, String>) {
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
