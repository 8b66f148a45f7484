//! An edge that forwards to both environments' functions by weight.

use std::collections::BTreeSet;

use ipnet::Ipv4Net;

use super::{FrontParams, front, health_check};
use crate::modules::Scope;
use crate::resources::ec2::{Peer, SecurityGroupRule};
use crate::resources::elb::{
    Action, Conditions, ListenerOutputs, ListenerRule, LoadBalancerOutputs, Target, TargetGroup, TargetGroupOutputs,
    TargetRegistration, Targets, Weights,
};
use crate::resources::ids::{FunctionArn, SecurityGroupId};
use crate::resources::lambda::Permission;

const ELB: &str = "elasticloadbalancing.amazonaws.com";
/// The port that always leads to green, for trying it out before customers see it.
pub const TEST_PORT: u16 = 8443;

/// What an edge is made of.
#[derive(Clone, Debug)]
pub struct EdgeParams<'a> {
    /// The load balancer.
    pub front: FrontParams<'a>,
    /// What blue's requests go to.
    pub blue: &'a FunctionArn,
    /// What green's requests go to.
    pub green: &'a FunctionArn,
    /// The shares at the beginning.
    pub initial: Weights,
    /// Who may reach the test listener.
    pub test_cidrs: &'a [Ipv4Net],
    /// Where the environments answer whether they are well, `/health`.
    pub health_path: &'a str,
}

/// An edge.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The load balancer.
    pub load_balancer: LoadBalancerOutputs,
    /// The HTTPS listener: its weights are what a shift changes.
    pub listener: ListenerOutputs,
    /// The listener that leads to green.
    pub test_listener: ListenerOutputs,
    /// This edge's target group of blue.
    pub blue: TargetGroupOutputs,
    /// This edge's target group of green.
    pub green: TargetGroupOutputs,
    /// The load balancer's security group. Nothing goes out of it, as functions aren't reached over the network.
    pub security_group: SecurityGroupId,
    /// The bucket with the access logs.
    pub log_bucket: String,
}

/// The edge of the scope's environment.
pub fn edge(scope: &Scope<'_>, params: &EdgeParams<'_>) -> Edge {
    let scope = &scope.at("edge");
    let front = front(scope, &params.front);
    for cidr in params.test_cidrs {
        let leaf = format!("test-{}", cidr.to_string().replace(['.', '/'], "-"));
        let rule = SecurityGroupRule::tcp_in(&front.security_group, TEST_PORT, Peer::Cidr(*cidr), "Tests of green");
        scope.at("security-group").add(&leaf, rule);
    }
    // A target group belongs to one load balancer, so each edge has a pair of its own.
    let blue = target_group(&front.scope, "blue", params.blue, params.health_path);
    let green = target_group(&front.scope, "green", params.green, params.health_path);
    let own = if scope.environment_name() == "green" { &green } else { &blue };
    let by_weight = Action::WeightedForward {
        blue: blue.arn.clone(),
        green: green.arn.clone(),
        initial: params.initial,
        stickiness_seconds: None,
    };
    let listener = front.listener("https", 443, by_weight);
    // What Route 53 probes is this edge's own environment, whatever the weights.
    front.scope.add(
        "own-health",
        ListenerRule {
            listener: listener.arn.clone(),
            priority: 1,
            conditions: Conditions { paths: BTreeSet::from([params.health_path.to_owned()]), ..Conditions::default() },
            action: Action::Forward { target_group: own.arn.clone() },
        },
    );
    let test_listener = front.listener("test", TEST_PORT, Action::Forward { target_group: green.arn.clone() });
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

/// The target group of `color` at this edge, with the function in it.
fn target_group(scope: &Scope<'_>, color: &str, function: &FunctionArn, health_path: &str) -> TargetGroupOutputs {
    let scope = scope.at(&format!("to-{color}"));
    let group = scope.add(
        "target-group",
        TargetGroup {
            name: scope.name_within(&format!("to-{color}"), 25),
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
    let scope = scope.after(&permission.statement_id, "a function is only registered if it may be invoked");
    let target = Target::Function(function.clone());
    scope.add("registration", TargetRegistration { target_group: group.arn.clone(), target });
    group
}
