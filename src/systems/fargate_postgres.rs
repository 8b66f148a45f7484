//! `fargate-postgres`: two environments side by side, three Fargate services each over Aurora PostgreSQL, and a data sync
//! from blue to green.
//!
//! Each environment has its own network, key, database, cluster of services and load balancer, which serves that environment
//! alone: tasks can't be targets of the other network's load balancer. So the name in front of the two is all that splits
//! the traffic, and its answers live for seconds only.

mod environment;
mod migration;
mod storage;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use self::storage::Storage;
use super::{BLUE, Composed, GREEN, HEALTH_PATH, System, metrics_namespace};
use crate::aws::{Cloud, Error, Result};
use crate::config::FargatePostgres;
use crate::config::fargate_postgres::{SERVICES, SYSTEM};
use crate::config::shift::Shift;
use crate::engine::Tags;
use crate::modules::backup::{BackupParams, backup};
use crate::modules::compliance::{COMMON, CONTAINERS, ComplianceParams, TABLES, compliance};
use crate::modules::database::Engine;
use crate::modules::dns::{Answers, RoutingParams, routing};
use crate::modules::foundation::{Foundation, FoundationParams, ROUTE53_REGION, SecondRegion, foundation};
use crate::modules::images::images;
use crate::modules::transit::{Side, transit};
use crate::modules::{Identity, Scope, Stack};
use crate::package::{self, Package};
use crate::resources::config::existing_recorder;
use crate::resources::ec2::availability_zones;
use crate::resources::ecr::RepositoryOutputs;
use crate::resources::rds::engine_version::{EngineVersion, offered};
use crate::traffic::bound::Bound;

/// What Fargate and the functions need without leaving Amazon's network.
const ENDPOINTS: [&str; 7] = ["ecr.api", "ecr.dkr", "logs", "secretsmanager", "ssm", "kms", "sts"];
/// The schema and the sync between the two.
const PACKAGES: [&str; 3] = ["migrate-postgres", "data-sync", "failback"];

#[async_trait]
impl System for FargatePostgres {
    fn name(&self) -> &'static str {
        SYSTEM
    }

    fn suffix(&self) -> Option<&str> {
        self.suffix.as_deref()
    }

    fn region(&self) -> &str {
        &self.region
    }

    fn regions(&self) -> Vec<&str> {
        // Route 53 logs and measures in one region only.
        if self.region == ROUTE53_REGION { vec![&self.region] } else { vec![&self.region, ROUTE53_REGION] }
    }

    fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    fn tags(&self) -> Tags {
        self.tags.clone()
    }

    fn shift(&self) -> &Shift {
        &self.shift
    }

    fn failback_bound(&self) -> Option<Bound> {
        Some(self.bound())
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed> {
        let facts = Facts::ask(self, cloud).await?;
        let stack = Stack::new(identity);
        let parts = Composition { config: self, facts: &facts, root: stack.root() }.compose();
        Ok(Composed { steps: stack.into_steps(), ..parts })
    }
}

/// What AWS and the source of the functions say before anything is composed.
#[derive(Debug)]
struct Facts {
    zones: Vec<String>,
    engine: EngineVersion,
    /// The recorder of AWS Config that stands already.
    recorder: Option<String>,
    packages: BTreeMap<&'static str, Arc<Package>>,
}

impl Facts {
    async fn ask(config: &FargatePostgres, cloud: &Cloud) -> Result<Self> {
        let here = cloud.region(&config.region);
        let regions = [&*here];
        let packages = async { package::all(&PACKAGES).await.map_err(|error| Error::local(error.to_string())) };
        let (zones, engine, recorder, packages) = tokio::try_join!(
            availability_zones(&here, config.network.zones),
            offered(&regions, Engine::AuroraPostgresql.name(), &config.database.engine_version),
            existing_recorder(&here),
            packages,
        )?;
        Ok(Facts { zones, engine, recorder, packages })
    }
}

struct Composition<'a> {
    config: &'a FargatePostgres,
    facts: &'a Facts,
    root: Scope<'a>,
}

/// What both environments share.
struct Shared {
    foundation: Foundation,
    storage: Storage,
    images: BTreeMap<String, RepositoryOutputs>,
}

impl Composition<'_> {
    /// All but the steps, which are in the stack then.
    fn compose(&self) -> Composed {
        let foundation = self.foundation();
        let storage = self.storage(&foundation);
        let images = images(&self.root, &SERVICES, &foundation.key.arn);
        let shared = Shared { foundation, storage, images };
        let blue = self.environment(BLUE, &shared);
        let green = self.environment(GREEN, &shared);
        let sides = [&blue, &green].map(|side| Side { scope: &side.scope, network: &side.network });
        transit(&self.root.at("transit"), &sides);
        let migration = self.migration(&shared, &blue, &green);
        let green_percent = self.config.traffic.initial_green_percent;
        let routing = routing(
            &self.root,
            &RoutingParams {
                zone: &shared.foundation.zone,
                blue: &blue.edge.load_balancer,
                green: &green.edge.load_balancer,
                health_path: HEALTH_PATH,
                initial: (100 - green_percent, green_percent),
                answers: Answers::Name { ttl_seconds: self.config.traffic.ttl_seconds },
            },
        );
        let (levers, dashboard_url) = self.watch(&shared, &migration, [&blue, &green], &routing);
        let databases = [&blue, &green].map(|side| side.database.primary.cluster.arn.to_string());
        let tables = shared.storage.tables().map(|table| table.arn.to_string());
        backup(
            &self.root,
            &BackupParams {
                key: &shared.foundation.key.arn,
                resources: databases.into_iter().chain(tables).collect::<BTreeSet<_>>(),
                schedule: "cron(0 5 ? * * *)",
                retention_days: self.config.backup_retention_days().into(),
            },
        );
        if self.config.compliance.config {
            let existing_recorder = self.facts.recorder.as_deref();
            compliance(
                &self.root,
                &ComplianceParams {
                    existing_recorder,
                    rules: &[COMMON, CONTAINERS, TABLES],
                    log_retention_days: self.config.logs.retention_days,
                },
            );
        }
        let mut outputs = BTreeMap::from([
            ("dashboard_url".to_owned(), dashboard_url),
            ("payment_name".to_owned(), routing.pay),
            ("transaction_log_bucket".to_owned(), shared.storage.transaction_logs.name.clone()),
            ("document_bucket".to_owned(), shared.storage.documents.name.clone()),
        ]);
        for side in [&blue, &green] {
            side.outputs(self.config, &mut outputs);
        }
        migration.outputs(&mut outputs);
        for (service, repository) in &shared.images {
            outputs.insert(format!("{service}_repository"), repository.uri.clone());
        }
        if let Some(name_servers) = &shared.foundation.zone.name_servers {
            outputs.insert("zone_name_servers".to_owned(), name_servers.clone());
        }
        Composed { outputs, levers: Some(levers), notes: self.notes(), steps: Vec::new() }
    }

    fn notes(&self) -> Vec<String> {
        let config = self.config;
        let mut notes: Vec<String> = self.facts.engine.note.iter().cloned().collect();
        let without = |environment: &str| -> Vec<&str> {
            SERVICES.into_iter().filter(|service| config.image(service, environment).is_none()).collect()
        };
        let (blue, green) = (without(BLUE), without(GREEN));
        let lacking = match blue == green {
            true => vec![("both environments", blue)],
            false => vec![(BLUE, blue), (GREEN, green)],
        };
        for (place, services) in lacking.into_iter().filter(|(_, services)| !services.is_empty()) {
            notes.push(format!(
                "no image is configured for {}: {} with no task, in {place}. Push images to the repositories \
                 (`provisioner output`), name them in [services.…] image, and apply again",
                services.join(", "),
                if services.len() == 1 { "it stands" } else { "they stand" },
            ));
        }
        notes.extend(config.certificate.note());
        notes.extend(config.notifications.note());
        if config.migration_role.is_none() {
            notes.push(
                "no other account can run the migration: give [migration_role] trusted_account and external_id if one \
                 should"
                    .to_owned(),
            );
        }
        if let Some(recorder) = self.facts.recorder.as_ref().filter(|_| config.compliance.config) {
            notes.push(format!("AWS Config records already ({recorder}): its recorder is used and left as it is"));
        }
        notes.extend(config.protection.note());
        notes
    }

    fn foundation(&self) -> Foundation {
        let config = self.config;
        foundation(
            &self.root,
            &FoundationParams {
                key_through: &["sns", "sqs", "lambda", "backup", "dynamodb", "ecr"],
                second_region: (config.region != ROUTE53_REGION).then_some(SecondRegion {
                    region: ROUTE53_REGION,
                    purpose: "route53",
                    alerts: "alerts-route53",
                }),
                emails: &config.notifications.emails,
                requests_per_5_minutes: config.firewall.requests_per_5_minutes,
                domain: &config.dns.domain(self.root.suffix()),
                zone_id: config.dns.zone_id.as_deref(),
                certificate: config.certificate.arn.as_deref(),
                request_certificate: config.certificate.request,
                log_retention_days: config.logs.retention_days,
            },
        )
    }
}
