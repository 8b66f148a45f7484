//! A load balancer that forwards to both environments' functions by weight.

use ipnet::Ipv4Net;

use super::{FrontParams, edge_scope, front, health_check};
use crate::modules::{BLUE, GREEN, Scope};
use crate::resources::ec2::{Peer, SecurityGroupRule};
use crate::resources::elb::{
    Action, ListenerOutputs, ListenerRule, LoadBalancerOutputs, Target, TargetGroup, TargetGroupOutputs,
    TargetRegistration, Targets, Weights,
};
use crate::resources::ids::{FunctionArn, SecurityGroupId};
use crate::resources::lambda::Permission;

const ELB: &str = "elasticloadbalancing.amazonaws.com";
/// The port of the test listener, which always forwards to green.
pub const TEST_PORT: u16 = 8443;

/// The parameters of the load balancer and its targets.
#[derive(Clone, Debug)]
pub struct EdgeParams<'a> {
    /// The load balancer.
    pub front: FrontParams<'a>,
    /// Blue's function.
    pub blue: &'a FunctionArn,
    /// Green's function.
    pub green: &'a FunctionArn,
    /// The weights when the listener is created.
    pub initial: Weights,
    /// The CIDR blocks that may reach the test listener.
    pub test_cidrs: &'a [Ipv4Net],
    /// The path of health checks, `/health`.
    pub health_path: &'a str,
}

/// The load balancer of an environment that forwards to both environments.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The load balancer.
    pub load_balancer: LoadBalancerOutputs,
    /// The HTTPS listener. A shift changes its weights.
    pub listener: ListenerOutputs,
    /// The test listener.
    pub test_listener: ListenerOutputs,
    /// The target group of blue's function.
    pub blue: TargetGroupOutputs,
    /// The target group of green's function.
    pub green: TargetGroupOutputs,
    /// The load balancer's security group. It needs no outbound rules to call functions.
    pub security_group: SecurityGroupId,
    /// The name of the access log bucket.
    pub log_bucket: String,
}

/// Adds the load balancer of the scope's environment.
pub fn edge(scope: &Scope<'_>, params: &EdgeParams<'_>) -> Edge {
    let scope = &edge_scope(scope, &params.front);
    let front = front(scope, &params.front);
    for cidr in params.test_cidrs {
        let leaf = format!("test-{}", cidr.to_string().replace(['.', '/'], "-"));
        let rule = SecurityGroupRule::tcp_in(&front.security_group, TEST_PORT, Peer::Cidr(*cidr), "Tests of green");
        scope.at("security-group").add(&leaf, rule);
    }
    // A target group belongs to one load balancer: each load balancer has its own pair.
    let blue = target_group(&front.scope, BLUE, params.blue, params.health_path);
    let green = target_group(&front.scope, GREEN, params.green, params.health_path);
    let own = if scope.environment_name() == GREEN { &green } else { &blue };
    let by_weight = Action::WeightedForward {
        blue: blue.arn.clone(),
        green: green.arn.clone(),
        initial: params.initial,
        stickiness_seconds: None,
    };
    let listener = front.listener("https", 443, by_weight);
    // The health checks of Route 53 reach the load balancer's own environment, whatever the weights.
    front
        .scope
        .add("own-health", ListenerRule::for_paths(&listener.arn, 1, [params.health_path], Action::forward(&own.arn)));
    let test_listener = front.listener("test", TEST_PORT, Action::forward(&green.arn));
    Edge {
        load_balancer: front.load_balancer,
        listener,
        test_listener,
        blue,
        green,
        security_group: front.security_group,
        log_bucket: front.log_bucket,
    }
}

/// Adds the target group of an environment's function.
fn target_group(scope: &Scope<'_>, environment: &str, function: &FunctionArn, health_path: &str) -> TargetGroupOutputs {
    let scope = scope.at(&format!("to-{environment}"));
    let group = scope.add(
        "target-group",
        TargetGroup {
            name: scope.name_within(&format!("to-{environment}"), 25),
            targets: Targets::Function,
            health_check: Some(health_check(health_path, 30)),
            deregistration_delay_seconds: None,
            multi_value_headers: true,
        },
    );
    let permission = scope.add(
        "permission",
        Permission {
            function: function.clone(),
            statement_id: format!("edge-of-{}", scope.environment_name()),
            principal: ELB.to_owned(),
            source_arn: Some(group.arn.to_string()),
            source_account: None,
        },
    );
    let scope = scope.after(&permission.statement_id, "registering a function needs the permission to invoke it");
    let target = Target::Function(function.clone());
    scope.add("registration", TargetRegistration { target_group: group.arn.clone(), target });
    group
}
