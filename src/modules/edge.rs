//! An environment's edge: the load balancer through which clients come in, and which forwards to both environments.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::Ipv4Net;
use serde_json::json;

use super::Scope;
use super::bucket::{BucketParams, private_bucket};
use crate::resources::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::elb::{
    AccessLogs, Action, Conditions, HealthCheck, Listener, ListenerOutputs, ListenerRule, LoadBalancer,
    LoadBalancerOutputs, Target, TargetGroup, TargetGroupOutputs, TargetRegistration, Targets, Tls, Weights,
};
use crate::resources::ids::{CertificateArn, FunctionArn, SecurityGroupId, SubnetId, VpcId, WebAclArn};
use crate::resources::lambda::Permission;
use crate::resources::s3::Encryption;
use crate::resources::waf::WebAclAssociation;

/// TLS 1.2 and 1.3, forward secrecy only.
const TLS_POLICY: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";
const ELB: &str = "elasticloadbalancing.amazonaws.com";
/// The port that always leads to green, for trying it out before customers see it.
pub const TEST_PORT: u16 = 8443;

/// What an edge is made of.
#[derive(Clone, Debug)]
pub struct EdgeParams<'a> {
    /// The VPC.
    pub vpc: &'a VpcId,
    /// Its public subnets, in at least two zones.
    pub public_subnets: &'a [SubnetId],
    /// The certificate of both HTTPS listeners.
    pub certificate: &'a CertificateArn,
    /// The firewall.
    pub web_acl: &'a WebAclArn,
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
    /// How long access logs are kept.
    pub log_retention_days: i32,
    /// The bucket that logs the requests for the access log bucket, if there is one.
    pub access_log_target: Option<&'a str>,
    /// Refuse to be deleted.
    pub deletion_protection: bool,
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
    /// The load balancer's security group.
    pub security_group: SecurityGroupId,
    /// The bucket with the access logs.
    pub log_bucket: String,
}

/// The edge of the scope's environment.
pub fn edge(scope: &Scope<'_>, params: &EdgeParams<'_>) -> Edge {
    let scope = &scope.at("edge");
    let security_group = security_group(scope, params);
    let log_bucket = log_bucket(scope, params);
    let load_balancer = scope.add(
        "load-balancer",
        LoadBalancer {
            name: scope.name_within("alb", 32),
            internal: false,
            subnets: params.public_subnets.iter().cloned().collect(),
            security_groups: BTreeSet::from([security_group.clone()]),
            drop_invalid_headers: true,
            desync_mitigation: "defensive".to_owned(),
            access_logs: Some(AccessLogs { bucket: log_bucket.clone(), prefix: String::new() }),
            deletion_protection: params.deletion_protection,
            idle_timeout_seconds: 60,
            http2: true,
        },
    );
    let association = WebAclAssociation { load_balancer: load_balancer.arn.clone(), web_acl: params.web_acl.clone() };
    let guarded = scope.add("firewall", association);
    // No listener before the firewall: nothing comes in unguarded.
    let scope = &scope.after(&guarded.load_balancer, "nothing comes in past the firewall");
    // A target group belongs to one load balancer, so each edge has a pair of its own.
    let blue = target_group(scope, "blue", params.blue, params.health_path);
    let green = target_group(scope, "green", params.green, params.health_path);
    let own = if scope.environment_name() == "green" { &green } else { &blue };

    let tls = Some(Tls { certificate: params.certificate.clone(), policy: TLS_POLICY.to_owned() });
    let listener = scope.add(
        "https",
        Listener {
            load_balancer: load_balancer.arn.clone(),
            port: 443,
            tls: tls.clone(),
            action: Action::WeightedForward {
                blue: blue.arn.clone(),
                green: green.arn.clone(),
                initial: params.initial,
                stickiness_seconds: None,
            },
        },
    );
    scope.add(
        "http",
        Listener {
            load_balancer: load_balancer.arn.clone(),
            port: 80,
            tls: None,
            action: Action::Redirect { port: 443 },
        },
    );
    // What Route 53 probes is this edge's own environment, whatever the weights.
    scope.add(
        "own-health",
        ListenerRule {
            listener: listener.arn.clone(),
            priority: 1,
            conditions: Conditions { paths: BTreeSet::from([params.health_path.to_owned()]), ..Conditions::default() },
            action: Action::Forward { target_group: own.arn.clone() },
        },
    );
    let test_listener = scope.add(
        "test",
        Listener {
            load_balancer: load_balancer.arn.clone(),
            port: TEST_PORT,
            tls,
            action: Action::Forward { target_group: green.arn.clone() },
        },
    );
    Edge { load_balancer, listener, test_listener, blue, green, security_group, log_bucket }
}

/// In: HTTPS, and HTTP to be redirected, from anywhere; the test port from where the configuration says. Out: nothing, as
/// functions aren't reached over the network.
fn security_group(scope: &Scope<'_>, params: &EdgeParams<'_>) -> SecurityGroupId {
    let name = scope.name("alb");
    let group = scope.add("security-group", SecurityGroup::new(name, "Load balancer of clients", params.vpc));
    let group = group.security_group_id;
    let scope = scope.at("security-group");
    for (leaf, port, what) in [("https", 443, "HTTPS from clients"), ("http", 80, "HTTP, redirected to HTTPS")] {
        scope.add(leaf, SecurityGroupRule::tcp_in(&group, port, Peer::Cidr(Ipv4Net::default()), what));
    }
    for cidr in params.test_cidrs {
        let leaf = format!("test-{}", cidr.to_string().replace(['.', '/'], "-"));
        scope.add(&leaf, SecurityGroupRule::tcp_in(&group, TEST_PORT, Peer::Cidr(*cidr), "Tests of green"));
    }
    group
}

/// The bucket for the access logs: with S3's own keys, as Elastic Load Balancing can't use others.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html>
fn log_bucket(scope: &Scope<'_>, params: &EdgeParams<'_>) -> String {
    let params = BucketParams {
        encryption: Encryption::S3,
        keep_days: Some(params.log_retention_days),
        lifecycle: BTreeMap::new(),
        access_logs: params.access_log_target,
        statements: |scope, arn| {
            vec![json!({
                "Sid": "AccessLogs",
                "Effect": "Allow",
                "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
                "Action": "s3:PutObject",
                "Resource": format!("{arn}/AWSLogs/{}/*", scope.account()),
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": scope.account()},
                    "ArnLike": {"aws:SourceArn": scope.arn("elasticloadbalancing", "loadbalancer/*")},
                },
            })]
        },
    };
    private_bucket(scope, "alb-logs", &params).name
}

/// The target group of `color` at this edge, with the function in it.
fn target_group(scope: &Scope<'_>, color: &str, function: &FunctionArn, health_path: &str) -> TargetGroupOutputs {
    let scope = scope.at(&format!("to-{color}"));
    let group = scope.add(
        "target-group",
        TargetGroup {
            name: scope.name_within(&format!("to-{color}"), 25),
            targets: Targets::Function,
            health_check: Some(HealthCheck {
                path: health_path.to_owned(),
                healthy_codes: "200".to_owned(),
                interval_seconds: 30,
                timeout_seconds: 10,
                healthy_threshold: 2,
                unhealthy_threshold: 2,
            }),
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
