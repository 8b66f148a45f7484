//! The Fargate services of an environment: cluster, load balancer, tasks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::database::DatabaseSite;
use super::edge::{FrontParams, Route, ServicesEdge, ServicesEdgeParams, services_edge};
use super::monitored::MonitoredService;
use super::network::Network;
use super::reach::{Reach, client_group};
use super::service::{ServiceParams, ServiceSize, service};
use super::{Scope, log_group};
use crate::resources::ecr::RepositoryOutputs;
use crate::resources::ecs::{Cluster, ContainerInsights, ServiceOutputs};
use crate::resources::ids::{KeyArn, SecurityGroupId, TargetGroupArn};
use crate::traffic::levers::Signals;

/// The parameters of the services.
#[derive(Clone, Debug)]
pub struct FleetParams<'a> {
    /// The load balancer.
    pub front: FrontParams<'a>,
    /// The path of health checks, `/health`.
    pub health_path: &'a str,
    /// The services. The first one gets the requests that no path of another one matches.
    pub services: Vec<FleetService<'a>>,
    /// The services' security groups, from [`service_groups`].
    pub security_groups: &'a [SecurityGroupId],
    /// The destinations that the services may connect to.
    pub reaches: &'a [Reach<'a>],
    /// The database. Its writer is created before the services.
    pub database: &'a DatabaseSite,
    /// Environment variables beside `ENVIRONMENT`, `PORT` and `SERVICE`. No secrets.
    pub environment: &'a [(&'a str, String)],
    /// Environment variables that ECS reads when a task starts: see [`ServiceParams::secrets`].
    pub secrets: BTreeMap<String, String>,
    /// Statements of the execution roles that allow to read `secrets`.
    pub execution_statements: Vec<Value>,
    /// Target CPU utilization, percent.
    pub scale_at_cpu_percent: f64,
    /// Target memory utilization, percent.
    pub scale_at_memory_percent: f64,
    /// The key that encrypts the log groups.
    pub key: &'a KeyArn,
}

/// A service of the fleet.
#[derive(Clone, Debug)]
pub struct FleetService<'a> {
    /// Its name in the system: `payment-api`.
    pub name: &'static str,
    /// Its path patterns: `/payments`, `/payments/*`.
    pub paths: &'a [&'a str],
    /// The container image. Without an image the service has no tasks.
    pub image: Option<&'a str>,
    /// Its repository.
    pub repository: &'a RepositoryOutputs,
    /// Its size.
    pub size: ServiceSize,
    /// Statements of its task role.
    pub statements: Vec<Value>,
    /// Customers wait for its responses.
    pub interactive: bool,
}

/// The services of an environment.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The load balancer.
    pub edge: ServicesEdge,
    /// The name of the cluster.
    pub cluster: String,
    /// The services, in the order of the parameters.
    pub services: Vec<FleetMember>,
}

/// A service that was added.
#[derive(Clone, Debug)]
pub struct FleetMember {
    /// Its name in the system.
    pub name: &'static str,
    /// Customers wait for its responses.
    pub interactive: bool,
    /// The service.
    pub outputs: ServiceOutputs,
}

/// Adds a security group for each service. They are added before the services, since the database's rules refer to them.
pub fn service_groups(scope: &Scope<'_>, names: &[&str], network: &Network) -> Vec<SecurityGroupId> {
    let scope = scope.at("services");
    names.iter().map(|name| client_group(&scope, name, "service", &network.vpc_id)).collect()
}

/// Adds the services of the scope's environment.
///
/// # Panics
/// Without a service.
pub fn fleet(scope: &Scope<'_>, params: FleetParams<'_>) -> Fleet {
    let members = || params.services.iter().zip(params.security_groups);
    let routes: Vec<_> = members()
        .map(|(one, security_group)| Route { service: one.name, paths: one.paths, port: one.size.port, security_group })
        .collect();
    let edge = services_edge(
        scope,
        &ServicesEdgeParams { front: params.front, routes: &routes, health_path: params.health_path },
    );
    let scope = scope.at("services");
    let cluster = cluster(&scope, params.key);
    let add = |(one, security_group): (&FleetService<'_>, &SecurityGroupId)| {
        let scope = scope.after(&edge.ready[one.name], "ECS accepts only target groups that a load balancer uses");
        let scope = params.database.after_writer(&scope, "tasks without a database fail, and ECS then rolls back");
        let own = [("ENVIRONMENT", scope.environment_name()), ("SERVICE", one.name)];
        let own = own.map(|(name, value)| (name, value.to_owned()));
        let port = [("PORT", one.size.port.to_string())];
        let variables = params.environment.iter().chain(&own).chain(&port);
        let outputs = service(
            &scope,
            &ServiceParams {
                name: one.name,
                cluster: &cluster,
                image: one.image,
                repository: one.repository,
                size: one.size,
                scale_at_cpu_percent: params.scale_at_cpu_percent,
                scale_at_memory_percent: params.scale_at_memory_percent,
                subnets: &params.front.network.private_subnet_ids,
                security_group,
                reaches: params.reaches,
                environment: variables.map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
                secrets: params.secrets.clone(),
                execution_statements: params.execution_statements.clone(),
                statements: one.statements.clone(),
                target_group: &edge.target_groups[one.name],
                key: params.key,
            },
        );
        FleetMember { name: one.name, interactive: one.interactive, outputs }
    };
    let services = members().map(add).collect();
    Fleet { edge, cluster, services }
}

/// Adds the cluster. ECS would create the log group of Container Insights without a key and without a retention.
fn cluster(scope: &Scope<'_>, key: &KeyArn) -> String {
    let name = scope.name("ecs");
    let insights = format!("/aws/ecs/containerinsights/{name}/performance");
    let insights = log_group(scope, "cluster-insights-log", insights, key).arn;
    let scope = scope.after(&insights, "ECS would create this log group without a key");
    scope.add("cluster", Cluster { name, container_insights: ContainerInsights::Enabled }).name
}

impl Fleet {
    /// The services for alarms and the dashboard.
    pub fn monitored(&self) -> Vec<MonitoredService> {
        let one = |member: &FleetMember| MonitoredService {
            label: member.name,
            cluster: self.cluster.clone(),
            service: member.outputs.name.clone(),
            target_group: self.group(member),
            interactive: member.interactive,
        };
        self.services.iter().map(one).collect()
    }

    /// The metrics by which a shift compares environments.
    pub fn signals(&self) -> Signals {
        let groups: Vec<_> = self.services.iter().map(|member| self.group(member)).collect();
        Signals::of_tasks(&self.edge.load_balancer.full_name, &groups)
    }

    /// The target groups with the names of their services.
    pub fn target_groups(&self) -> Vec<(String, TargetGroupArn)> {
        let one = |member: &FleetMember| (member.name.to_owned(), self.edge.target_groups[member.name].arn.clone());
        self.services.iter().map(one).collect()
    }

    fn group(&self, member: &FleetMember) -> (String, String) {
        (self.edge.load_balancer.full_name.clone(), self.edge.target_groups[member.name].full_name.clone())
    }
}
