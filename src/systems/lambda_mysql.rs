//! `lambda-mysql`: two environments side by side, Lambda and SQS over Aurora MySQL, replicas in a second region.
//!
//! Each environment has its own network, key, database, queues, functions and load balancer. Each load balancer's listener
//! forwards by weight to both environments' `payment-api`, so the share of the traffic that green serves never depends on
//! DNS caches; Route 53 only decides through which edge a client comes in.

mod environment;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;

use self::environment::Environment;
use super::{BLUE, Composed, GREEN, HEALTH_PATH, System, metrics_namespace};
use crate::aws::{Cloud, Error, Result};
use crate::config::LambdaMysql;
use crate::config::lambda_mysql::SYSTEM;
use crate::config::shift::Shift;
use crate::engine::Tags;
use crate::modules::backup::{BackupParams, backup};
use crate::modules::compliance::{COMMON, ComplianceParams, compliance};
use crate::modules::database::Engine;
use crate::modules::dns::{Answers, RoutingParams, routing};
use crate::modules::edge::{Edge, EdgeParams, FrontParams, edge};
use crate::modules::foundation::{Foundation, FoundationParams, ROUTE53_REGION, SecondRegion, foundation};
use crate::modules::transit::{Side, transit};
use crate::modules::{Identity, Scope, Stack};
use crate::package::{self, Package};
use crate::resources::config::existing_recorder;
use crate::resources::ec2::availability_zones;
use crate::resources::elb::Weights;
use crate::resources::rds::engine_version::{EngineVersion, offered};
use crate::traffic::bound::Bound;

/// What the functions need without leaving Amazon's network.
const ENDPOINTS: [&str; 5] = ["secretsmanager", "ssm", "kms", "sqs", "logs"];
/// The functions.
const PACKAGES: [&str; 5] = ["payment-api", "payment-processor", "migrate", "rotate-secret", "failback"];

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

    fn regions(&self) -> Vec<&str> {
        vec![&self.region, &self.dr_region]
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
        Some(Bound::of_listeners(self.alarms.evaluation_minutes))
    }

    async fn compose(&self, cloud: &Cloud, identity: Identity) -> Result<Composed> {
        let facts = Facts::ask(self, cloud).await?;
        Ok(self.compose_from(&facts, identity))
    }
}

impl LambdaMysql {
    /// [`System::compose`] from facts that are there already: without AWS, for the fuzz targets.
    #[doc(hidden)]
    pub fn compose_from(&self, facts: &Facts, identity: Identity) -> Composed {
        let stack = Stack::new(identity);
        let parts = Composition { config: self, facts, root: stack.root() }.compose();
        Composed { steps: stack.into_steps(), ..parts }
    }
}

/// What AWS and the source of the functions say before anything is composed.
#[doc(hidden)]
#[derive(Debug)]
pub struct Facts {
    /// Availability zones of the primary region.
    pub zones: Vec<String>,
    /// Availability zones of the recovery region.
    pub dr_zones: Vec<String>,
    /// The engine version that both regions offer.
    pub engine: EngineVersion,
    /// The recorder of AWS Config that stands already.
    pub recorder: Option<String>,
    /// The functions' code, by name.
    pub packages: BTreeMap<&'static str, Arc<Package>>,
}

impl Facts {
    async fn ask(config: &LambdaMysql, cloud: &Cloud) -> Result<Self> {
        let (here, there) = (cloud.region(&config.region), cloud.region(&config.dr_region));
        let wanted = config.database.engine_version.as_deref().unwrap_or("8.0");
        let regions = [&*here, &*there];
        let packages = async { package::all(&PACKAGES).await.map_err(|error| Error::local(error.to_string())) };
        let (zones, dr_zones, engine, recorder, packages) = tokio::try_join!(
            availability_zones(&here, config.network.zones),
            availability_zones(&there, config.network.zones),
            offered(&regions, Engine::AuroraMysql.name(), wanted),
            existing_recorder(&here),
            packages,
        )?;
        Ok(Facts { zones, dr_zones, engine, recorder, packages })
    }
}

struct Composition<'a> {
    config: &'a LambdaMysql,
    facts: &'a Facts,
    root: Scope<'a>,
}

impl<'a> Composition<'a> {
    /// All but the steps, which are in the stack then.
    fn compose(&self) -> Composed {
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
                answers: Answers::Addresses,
            },
        );
        let (levers, dashboard_url) = self.watch(&shared, [(&blue, &blue_edge), (&green, &green_edge)], &routing);
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
                &ComplianceParams {
                    existing_recorder,
                    rules: &[COMMON],
                    log_retention_days: self.config.logs.retention_days,
                },
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
        Composed { outputs, levers: Some(levers), notes: self.notes(&shared), steps: Vec::new() }
    }

    fn notes(&self, shared: &Foundation) -> Vec<String> {
        let mut notes: Vec<String> = self.facts.engine.note.iter().cloned().collect();
        notes.extend(self.config.certificate.note());
        notes.extend(self.config.notifications.note());
        if let Some(recorder) = self.facts.recorder.as_ref().filter(|_| self.config.compliance.config) {
            notes.push(format!("AWS Config records already ({recorder}): its recorder is used and left as it is"));
        }
        notes.extend(self.config.protection.note());
        if shared.route53_alerts.is_none() {
            notes
                .push(format!("Route 53 logs queries and measures health in {ROUTE53_REGION} only: both are left out"));
        }
        notes
    }

    /// What both environments share.
    fn shared(&self) -> Foundation {
        let config = self.config;
        foundation(
            &self.root,
            &FoundationParams {
                key_through: &["sns", "sqs", "lambda", "backup"],
                second_region: Some(SecondRegion {
                    region: &config.dr_region,
                    purpose: "recovery",
                    alerts: "alerts-dr",
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

    /// The environment's edge, in front of both environments.
    fn edge(&self, side: &Environment<'_>, shared: &Foundation, [blue, green]: [&Environment<'_>; 2]) -> Edge {
        let scope = match &side.network.internet_gateway_id {
            Some(gateway) => side.scope.after(gateway, "a load balancer of the internet needs the VPC's way there"),
            None => side.scope.clone(),
        };
        edge(
            &scope,
            &EdgeParams {
                front: FrontParams {
                    vpc: &side.network.vpc_id,
                    public_subnets: &side.network.public_subnet_ids,
                    certificate: &shared.certificate,
                    web_acl: &shared.firewall.web_acl,
                    log_retention_days: self.config.logs.retention_days,
                    access_log_target: Some(&shared.access_logs),
                    deletion_protection: self.config.protection.deletion_protection,
                },
                blue: &blue.functions.api.arn,
                green: &green.functions.api.arn,
                initial: Weights { blue: 100, green: 0 },
                test_cidrs: &self.config.network.test_cidrs,
                health_path: HEALTH_PATH,
            },
        )
    }
}
