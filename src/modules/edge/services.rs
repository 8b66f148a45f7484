//! A load balancer that forwards to the environment's own services by path.

use std::collections::BTreeMap;

use super::{FrontParams, edge_scope, front, health_check};
use crate::modules::Scope;
use crate::resources::ec2::{Peer, SecurityGroupRule};
use crate::resources::elb::{
    Action, ListenerOutputs, ListenerRule, LoadBalancerOutputs, TargetGroup, TargetGroupOutputs, Targets,
};
use crate::resources::ids::SecurityGroupId;

/// The deregistration delay of a task.
const DRAINING_SECONDS: u32 = 60;

/// The parameters of the load balancer and its services.
#[derive(Clone, Debug)]
pub struct ServicesEdgeParams<'a> {
    /// The load balancer.
    pub front: FrontParams<'a>,
    /// The services. The first one gets the requests that no path of another one matches, health checks included.
    pub routes: &'a [Route<'a>],
    /// The path of health checks, `/health`.
    pub health_path: &'a str,
}

/// A service behind the load balancer.
#[derive(Clone, Copy, Debug)]
pub struct Route<'a> {
    /// Its name.
    pub service: &'a str,
    /// Its path patterns: `/payments`, `/payments/*`.
    pub paths: &'a [&'a str],
    /// The port of its tasks.
    pub port: u16,
    /// The security group of its tasks.
    pub security_group: &'a SecurityGroupId,
}

/// The load balancer of an environment's services.
#[derive(Clone, Debug)]
pub struct ServicesEdge {
    /// The load balancer.
    pub load_balancer: LoadBalancerOutputs,
    /// The HTTPS listener.
    pub listener: ListenerOutputs,
    /// The target groups by service.
    pub target_groups: BTreeMap<String, TargetGroupOutputs>,
    /// By service, an output of the listener or rule that uses the target group: ECS needs it before the service.
    pub ready: BTreeMap<String, String>,
}

/// Adds the load balancer of the scope's environment.
///
/// # Panics
/// Without a service.
pub fn services_edge(scope: &Scope<'_>, params: &ServicesEdgeParams<'_>) -> ServicesEdge {
    let scope = &edge_scope(scope, &params.front);
    let front = front(scope, &params.front);
    let mut target_groups = BTreeMap::new();
    for route in params.routes {
        let Route { service, port, .. } = *route;
        let from = format!("{service} from the load balancer");
        let inside = Peer::SecurityGroup(front.security_group.clone());
        scope.add(&format!("to-{service}/in"), SecurityGroupRule::tcp_in(route.security_group, port, inside, from));
        let to = Peer::SecurityGroup(route.security_group.clone());
        let out = SecurityGroupRule::tcp_out(&front.security_group, port, to, format!("to {service}"));
        scope.add(&format!("to-{service}/out"), out);
        let group = TargetGroup {
            name: front.scope.name_within(service, 25),
            targets: Targets::Ip { vpc: params.front.network.vpc_id.clone(), port, protocol: "HTTP".to_owned() },
            health_check: Some(health_check(params.health_path, 15)),
            deregistration_delay_seconds: Some(DRAINING_SECONDS),
            multi_value_headers: false,
        };
        target_groups.insert(service.to_owned(), front.scope.add(&format!("to-{service}/target-group"), group));
    }
    let first = params.routes.first().expect("at least one service");
    let forward = |service: &str| Action::forward(&target_groups[service].arn);
    let listener = front.listener("https", 443, forward(first.service));
    let mut ready = BTreeMap::from([(first.service.to_owned(), listener.arn.to_string())]);
    for (index, route) in params.routes.iter().enumerate().skip(1) {
        let priority = u16::try_from(10 * index).expect("a listener has at most 100 rules");
        let paths = route.paths.iter().copied();
        let rule = ListenerRule::for_paths(&listener.arn, priority, paths, forward(route.service));
        let rule = front.scope.add(&format!("to-{}/rule", route.service), rule);
        ready.insert(route.service.to_owned(), rule.arn.to_string());
    }
    ServicesEdge { load_balancer: front.load_balancer, listener, target_groups, ready }
}
