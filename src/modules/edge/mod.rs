//! The load balancer of an environment. It forwards to both environments by weight ([`edge()`]), or to the environment's own
//! services by path ([`services_edge`]).

mod services;
mod weighted;

use std::collections::BTreeSet;

use ipnet::Ipv4Net;
use serde_json::json;

use super::Scope;
use super::bucket::{BucketParams, private_bucket};
use super::network::Network;
use crate::resources::ec2::{Peer, SecurityGroup, SecurityGroupRule};
use crate::resources::elb::{
    AccessLogs, Action, HealthCheck, Listener, ListenerOutputs, LoadBalancer, LoadBalancerOutputs, Tls,
};
use crate::resources::ids::{CertificateArn, SecurityGroupId, WebAclArn};
use crate::resources::waf::WebAclAssociation;

pub use services::{Route, ServicesEdge, ServicesEdgeParams, services_edge};
pub use weighted::{Edge, EdgeParams, TEST_PORT, edge};

/// The maximum duration of a client's connection: AWS's minimum, as a connection stays with its environment while traffic moves.
const CLIENT_KEEP_ALIVE_SECONDS: u32 = 60;

/// The parameters of a load balancer.
#[derive(Clone, Copy, Debug)]
pub struct FrontParams<'a> {
    /// The network, with public subnets in at least two zones.
    pub network: &'a Network,
    /// The certificate of the HTTPS listeners.
    pub certificate: &'a CertificateArn,
    /// The firewall.
    pub web_acl: &'a WebAclArn,
    /// The bucket for the access logs of the load balancer's log bucket.
    pub access_log_target: Option<&'a str>,
    /// Deletion protection.
    pub deletion_protection: bool,
}

/// A load balancer with its firewall.
struct Front<'a> {
    /// The scope of listeners: after the firewall.
    scope: Scope<'a>,
    load_balancer: LoadBalancerOutputs,
    security_group: SecurityGroupId,
    log_bucket: String,
    tls: Tls,
}

/// The scope of everything that belongs to an environment's load balancer.
fn edge_scope<'a>(scope: &Scope<'a>, params: &FrontParams<'_>) -> Scope<'a> {
    let scope = scope.at("edge");
    match &params.network.internet_gateway_id {
        Some(gateway) => scope.after(gateway, "an internet-facing load balancer needs an internet gateway"),
        None => scope,
    }
}

/// Adds a load balancer whose port 80 redirects to HTTPS.
fn front<'a>(scope: &Scope<'a>, params: &FrontParams<'_>) -> Front<'a> {
    let security_group = security_group(scope, params);
    let log_bucket = log_bucket(scope, params);
    let load_balancer = scope.add(
        "load-balancer",
        LoadBalancer {
            name: scope.name_within("alb", 32),
            internal: false,
            subnets: params.network.public_subnet_ids.iter().cloned().collect(),
            security_groups: BTreeSet::from([security_group.clone()]),
            drop_invalid_headers: true,
            desync_mitigation: "defensive".to_owned(),
            access_logs: Some(AccessLogs { bucket: log_bucket.clone(), prefix: String::new() }),
            deletion_protection: params.deletion_protection,
            idle_timeout_seconds: 60,
            client_keep_alive_seconds: CLIENT_KEEP_ALIVE_SECONDS,
            http2: true,
        },
    );
    let association = WebAclAssociation { load_balancer: load_balancer.arn.clone(), web_acl: params.web_acl.clone() };
    let guarded = scope.add("firewall", association);
    let scope = scope.after(&guarded.load_balancer, "no listener accepts requests before the firewall filters them");
    scope.add(
        "http",
        Listener {
            load_balancer: load_balancer.arn.clone(),
            port: 80,
            tls: None,
            action: Action::Redirect { port: 443 },
        },
    );
    let tls = Tls::recommended(params.certificate);
    Front { scope, load_balancer, security_group, log_bucket, tls }
}

impl Front<'_> {
    /// Adds an HTTPS listener.
    fn listener(&self, leaf: &str, port: u16, action: Action) -> ListenerOutputs {
        self.scope.add(leaf, Listener::https(&self.load_balancer.arn, port, self.tls.clone(), action))
    }
}

/// The health check of a target group.
fn health_check(path: &str, interval_seconds: u32) -> HealthCheck {
    HealthCheck {
        path: path.to_owned(),
        healthy_codes: "200".to_owned(),
        interval_seconds,
        timeout_seconds: interval_seconds.div_ceil(3),
        healthy_threshold: 2,
        unhealthy_threshold: 2,
    }
}

/// Adds the security group: HTTPS, and HTTP to be redirected, from anywhere.
fn security_group(scope: &Scope<'_>, params: &FrontParams<'_>) -> SecurityGroupId {
    let name = scope.name("alb");
    let group =
        scope.add("security-group", SecurityGroup::new(name, "Load balancer of clients", &params.network.vpc_id));
    let group = group.security_group_id;
    let scope = scope.at("security-group");
    for (leaf, port, what) in [("https", 443, "HTTPS from clients"), ("http", 80, "HTTP, redirected to HTTPS")] {
        scope.add(leaf, SecurityGroupRule::tcp_in(&group, port, Peer::Cidr(Ipv4Net::default()), what));
    }
    group
}

/// Adds the bucket for the access logs. Elastic Load Balancing supports SSE-S3 only.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html>
fn log_bucket(scope: &Scope<'_>, params: &FrontParams<'_>) -> String {
    let params = BucketParams {
        keep_days: Some(scope.log_retention_days()),
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
        ..BucketParams::default()
    };
    private_bucket(scope, "alb-logs", &params).name
}
