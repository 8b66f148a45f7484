//! `fargate-mysql`: two environments side by side, two Fargate services each over Aurora MySQL, with replicas in a second region.
//! A skeleton: it shows what a third system has to define.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::blue_green::{
    Extras, HEALTH_PATH, Side, environment_key, finish, front, metrics_namespace, shared_resources,
};
use super::facts::{FactParams, Facts};
use super::{Blueprint, Composition};
use crate::aws::{Cloud, Result};
use crate::config::services::{Capacity, Scaling, Services};
use crate::config::{Common, Config, ConfigError, Defaults, Source};
use crate::modules::alarms::{Thresholds, migrate_alarm};
use crate::modules::compliance::{COMMON, CONTAINERS};
use crate::modules::database::{Database, DatabaseParams, Engine, Site, database};
use crate::modules::dns::Answers;
use crate::modules::fleet::{Fleet, FleetParams, FleetService, fleet, service_groups};
use crate::modules::foundation::{Foundation, SecondRegion};
use crate::modules::function::{Function, FunctionNetwork, FunctionParams, function};
use crate::modules::images::images;
use crate::modules::network::{NatMode, Network, NetworkParams, network};
use crate::modules::parameters::{ParametersParams, PlainParameter, parameters};
use crate::modules::policy::allow;
use crate::modules::queue::dead_letter_queue;
use crate::modules::reach::{Reach, client_group};
use crate::modules::secrets::{Secrets, SecretsParams, secrets};
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::ec2::Peer;
use crate::resources::ecr::RepositoryOutputs;
use crate::resources::rds::MasterPassword;
use crate::resources::sqs::QueueOutputs;
use crate::traffic::bound::Bound;

const SERVICES: [&str; 2] = ["payment-api", "reporting"];
const ENDPOINTS: [&str; 6] = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "kms"];
const PACKAGES: [&str; 2] = ["migrate", "failback"];

/// The system's own settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The region of the disaster recovery replicas.
    pub dr_region: String,
    /// The size of everything that isn't set explicitly.
    pub capacity: Capacity,
    /// `[network]`
    pub network: NetworkSettings,
    /// `[database]`
    pub database: DatabaseSettings,
    /// `[services.payment-api]`, `[services.reporting]`
    pub services: Services,
    /// `[scaling]`
    pub scaling: Scaling,
    /// `[alarms]`
    pub alarms: Alarms,
}

/// Networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkSettings {
    /// Blue's CIDR block.
    pub blue_cidr: Ipv4Net,
    /// Green's CIDR block.
    pub green_cidr: Ipv4Net,
    /// The CIDR block of blue's replica.
    pub blue_dr_cidr: Ipv4Net,
    /// The CIDR block of green's replica.
    pub green_dr_cidr: Ipv4Net,
    /// NAT gateways.
    pub nat: NatMode,
}

/// Aurora.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseSettings {
    /// The engine version.
    pub engine_version: String,
    /// Instances of each environment's primary cluster.
    pub instances: u32,
    /// Instances of each environment's secondary cluster.
    pub dr_instances: u32,
    /// Maximum capacity in ACU.
    pub max_acu: f64,
}

/// Alarm thresholds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Alarms {
    /// Evaluation periods (minutes) of the alarms that trigger the automatic failback.
    pub evaluation_minutes: u32,
    /// Failed requests, percent.
    pub error_percent: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            dr_region: "us-west-2".to_owned(),
            capacity: Capacity::default(),
            network: NetworkSettings::default(),
            database: DatabaseSettings::default(),
            services: Services::default(),
            scaling: Scaling::default(),
            alarms: Alarms::default(),
        }
    }
}

impl Default for NetworkSettings {
    fn default() -> Self {
        let [blue_cidr, green_cidr, blue_dr_cidr, green_dr_cidr] =
            ["10.70.0.0/16", "10.80.0.0/16", "10.71.0.0/16", "10.81.0.0/16"].map(|cidr| cidr.parse().expect("a CIDR"));
        NetworkSettings { blue_cidr, green_cidr, blue_dr_cidr, green_dr_cidr, nat: NatMode::None }
    }
}

impl Default for DatabaseSettings {
    fn default() -> Self {
        DatabaseSettings { engine_version: "8.0".to_owned(), instances: 2, dr_instances: 1, max_acu: 16.0 }
    }
}

impl Default for Alarms {
    fn default() -> Self {
        Alarms { evaluation_minutes: 1, error_percent: 1.0 }
    }
}

/// The system `fargate-mysql`.
#[derive(Clone, Copy, Debug)]
pub struct FargateMysql;

impl Blueprint for FargateMysql {
    type Settings = Settings;
    type Facts = Facts;

    fn name(&self) -> &'static str {
        "fargate-mysql"
    }

    fn example(&self) -> &'static str {
        "system = \"fargate-mysql\"\n"
    }

    fn defaults(&self) -> Defaults {
        Defaults::new("us-east-1", &[("Service", "payment-processing")], 90)
    }

    fn validate(
        &self,
        Config { common, settings }: &Config<Settings>,
        source: &Source,
    ) -> std::result::Result<(), ConfigError> {
        let network = &settings.network;
        settings.services.check(source, &SERVICES, settings.capacity, &common.region, network.nat)?;
        source.check_networks(&[
            ("network.blue_cidr", network.blue_cidr),
            ("network.green_cidr", network.green_cidr),
            ("network.blue_dr_cidr", network.blue_dr_cidr),
            ("network.green_dr_cidr", network.green_dr_cidr),
        ])?;
        source.check_range("database.instances", settings.database.instances, 1.0, 15.0, "")?;
        source.check_range("database.dr_instances", settings.database.dr_instances, 0.0, 15.0, "")?;
        source.check_range("database.max_acu", settings.database.max_acu, 1.0, 256.0, " ACU")?;
        source.check_range("alarms.error_percent", settings.alarms.error_percent, 0.0, 100.0, " %")
    }

    async fn discover(&self, Config { common, settings }: &Config<Settings>, cloud: &Cloud) -> Result<Facts> {
        let params = FactParams {
            region: &common.region,
            dr_region: Some(&settings.dr_region),
            zones: 3,
            engine: Engine::AuroraMysql,
            engine_version: &settings.database.engine_version,
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
        Some(Bound::of_dns(config.settings.alarms.evaluation_minutes, 20))
    }
}

struct Composer<'a> {
    settings: &'a Settings,
    common: &'a Common,
    facts: &'a Facts,
    root: Scope<'a>,
}

/// An environment.
struct Environment<'a> {
    scope: Scope<'a>,
    network: Network,
    database: Database,
    fleet: Fleet,
    migrate: Function,
    dead_letters: QueueOutputs,
}

impl<'a> Composer<'a> {
    fn compose(&self) -> Composition {
        let settings = self.settings;
        let second_region = SecondRegion { region: &settings.dr_region, purpose: "recovery", alerts: "alerts-dr" };
        let through = ["sns", "sqs", "lambda", "backup", "ecr"];
        let foundation = shared_resources(&self.root, self.common, &through, Some(second_region));
        let images = images(&self.root, &SERVICES, &foundation.key.arn);
        let environments = [BLUE, GREEN].map(|name| self.environment(name, &foundation, &images));
        let mut sides = environments.each_ref().map(|environment| self.side(environment, &foundation));
        sides[1].targets = environments[1].fleet.target_groups();
        let repositories = images.iter();
        let extras = Extras {
            runtime: "nodejs24.x",
            reserve_failback: true,
            thresholds: Thresholds {
                evaluation_minutes: settings.alarms.evaluation_minutes,
                error_percent: settings.alarms.error_percent,
                ..Thresholds::default()
            },
            answers: Answers::Name { ttl_seconds: 20 },
            initial_green_percent: 0,
            backup_retention_days: 35,
            backup: Vec::new(),
            rules: &[COMMON, CONTAINERS],
            dashboard_text: "# Payments",
            sync_namespace: None,
            green_writes: None,
            alarms: Vec::new(),
            notes: settings.services.notes(&SERVICES),
            outputs: repositories.map(|(name, images)| (format!("{name}_repository"), images.uri.clone())).collect(),
        };
        finish(&self.root, self.common, self.facts, &foundation, &sides, extras)
    }

    fn environment(
        &self,
        name: &'static str,
        foundation: &Foundation,
        images: &BTreeMap<String, RepositoryOutputs>,
    ) -> Environment<'a> {
        let settings = self.settings;
        let scope = self.root.environment(name);
        let key = environment_key(&scope, Some(&settings.dr_region));
        let dr_key = key.replica.clone().unwrap_or_default();
        let blocks = &settings.network;
        let (cidr, peer, dr_cidr) = match name {
            BLUE => (blocks.blue_cidr, blocks.green_cidr, blocks.blue_dr_cidr),
            _ => (blocks.green_cidr, blocks.blue_cidr, blocks.green_dr_cidr),
        };
        let here = NetworkParams {
            cidr,
            zones: self.facts.zones.clone(),
            public_subnets: true,
            data_subnets: true,
            nat: blocks.nat,
            peers: vec![peer],
            endpoints: ENDPOINTS.map(str::to_owned).to_vec(),
            key: key.arn.clone(),
        };
        let there = NetworkParams {
            cidr: dr_cidr,
            zones: self.facts.dr_zones.clone(),
            public_subnets: false,
            nat: NatMode::None,
            peers: Vec::new(),
            endpoints: Vec::new(),
            key: dr_key.clone(),
            ..here.clone()
        };
        let here = network(&scope.at("network"), &here);
        let there = network(&scope.at("recovery-network").in_region(&settings.dr_region), &there);
        let secrets = secrets(
            &scope.at("secrets"),
            &SecretsParams {
                key: &key.arn,
                engine: Engine::AuroraMysql,
                master_username: "payadmin",
                replica: Some((&settings.dr_region, &dr_key)),
            },
        );
        let functions = scope.at("functions");
        let groups = service_groups(&scope, &SERVICES, &here);
        let migrate_group = client_group(&functions, "migrate", "function", &here.vpc_id);
        let mut clients: Vec<_> = SERVICES.into_iter().zip(&groups).collect();
        clients.push(("migrate", &migrate_group));
        let primary = Site {
            key: &key.arn,
            vpc: &here.vpc_id,
            subnets: &here.data_subnet_ids,
            availability_zones: &here.zones,
            clients: &clients,
            instances: settings.database.instances as usize,
            alerts: Some(&foundation.alerts),
        };
        let recovery = Site {
            key: &dr_key,
            vpc: &there.vpc_id,
            subnets: &there.data_subnet_ids,
            availability_zones: &there.zones,
            clients: &[],
            instances: settings.database.dr_instances as usize,
            alerts: foundation.second_alerts.as_ref(),
        };
        let password = MasterPassword::Secret(secrets.database.arn.clone());
        let database = database(
            &scope,
            &DatabaseParams {
                max_acu: settings.database.max_acu,
                deletion_protection: self.common.protection.deletion_protection,
                recovery: Some((&settings.dr_region, &recovery)),
                ..DatabaseParams::new(Engine::AuroraMysql, &self.facts.engine, &password, &primary)
            },
        );
        let dead_letters = dead_letter_queue(&scope.at("queues"), "function-dead-letters", &key.arn, &[]);
        let cluster = &database.primary.cluster;
        let mut reaches = vec![database.primary.reach(Engine::AuroraMysql)];
        reaches.extend(here.reach_aws_services());
        let read_secret = allow(&["secretsmanager:GetSecretValue"], [secrets.database.arn.to_string()]);
        let variables = [
            ("DB_HOST", cluster.endpoint.clone()),
            ("DB_PORT", cluster.port.clone()),
            ("DB_NAME", "payments".to_owned()),
            ("DB_SECRET_ARN", secrets.database.arn.to_string()),
        ];
        let migrate = function(
            &functions,
            FunctionParams {
                name: "migrate",
                description: "Migrates the database's schema",
                package: &self.facts.packages["migrate"],
                runtime: "nodejs24.x",
                memory_mib: 512,
                timeout_seconds: 900,
                reserved_concurrency: None,
                environment: variables.clone().map(|(name, value)| (name.to_owned(), value)).into(),
                statements: vec![read_secret.clone()],
                network: Some(FunctionNetwork {
                    subnets: &here.private_subnet_ids,
                    security_group: &migrate_group,
                    reaches: &reaches,
                }),
                key: &key.arn,
                dead_letters: &dead_letters.arn,
            },
        );
        reaches.push(here.reach_s3());
        if blocks.nat != NatMode::None {
            reaches.push(Reach { what: "internet", port: 443, peer: Peer::Cidr(Ipv4Net::default()) });
        }
        let (from_parameters, parameters) = self.variables(&scope, &secrets, &key.arn);
        let credentials = vec![read_secret, allow(&["kms:Decrypt"], [key.arn.to_string()])];
        let service = |name: &&'static str| FleetService {
            name,
            paths: if *name == "reporting" { &["/reports/*"] } else { &["/payments/*"] },
            image: settings.services.image(name, scope.environment_name()),
            repository: &images[*name],
            size: settings.services.size(name, settings.capacity),
            statements: credentials.clone(),
            interactive: *name != "reporting",
        };
        let fleet = fleet(
            &scope,
            FleetParams {
                front: front(&here, foundation, self.common),
                health_path: HEALTH_PATH,
                services: SERVICES.iter().map(service).collect(),
                security_groups: &groups,
                reaches: &reaches,
                database: &database.primary,
                environment: &variables,
                secrets: from_parameters,
                execution_statements: [vec![allow(&["ssm:GetParameters"], [parameters])], credentials.clone()].concat(),
                scale_at_cpu_percent: settings.scaling.cpu_percent,
                scale_at_memory_percent: settings.scaling.memory_percent,
                key: &key.arn,
            },
        );
        Environment { scope, network: here, database, fleet, migrate, dead_letters }
    }

    fn variables(
        &self,
        scope: &Scope<'_>,
        secrets: &Secrets,
        key: &crate::resources::ids::KeyArn,
    ) -> (BTreeMap<String, String>, String) {
        let namespace = PlainParameter { description: "Metrics", value: metrics_namespace(scope.suffix()) };
        let params =
            ParametersParams { key, plain: &[("metrics/namespace", namespace)].into(), generated: &BTreeMap::new() };
        let added = parameters(scope, &params);
        let variables = [
            ("METRICS_NAMESPACE", added.all["metrics/namespace"].arn.clone()),
            ("DB_USERNAME", format!("{}:username::", secrets.database.arn)),
            ("DB_PASSWORD", format!("{}:password::", secrets.database.arn)),
        ];
        (variables.map(|(name, arn)| (name.to_owned(), arn)).into(), added.arns)
    }

    fn side<'e>(&self, environment: &'e Environment<'e>, foundation: &Foundation) -> Side<'e> {
        let Environment { scope, network, database, fleet, migrate, dead_letters } = environment;
        let mut side = Side::new(scope, network, database, &fleet.edge.load_balancer);
        side.monitored.dedicated_load_balancer = true;
        side.monitored.services = fleet.monitored();
        side.monitored.other_functions = vec![migrate.name.clone()];
        side.monitored.dead_letter_queues = vec![dead_letters.name.clone()];
        side.signals = fleet.signals();
        side.alarms = vec![migrate_alarm(scope, &migrate.name, &foundation.alerts)];
        side.responds = self.settings.services.image(SERVICES[0], scope.environment_name()).is_some();
        side.outputs.extend([("cluster", fleet.cluster.clone()), ("migrate_function", migrate.name.clone())]);
        side
    }
}
