use std::collections::{BTreeMap, BTreeSet};

use provisioner::modules::Scope;
use provisioner::modules::policy::document;
use provisioner::resources::acm::ImportedCertificate;
use provisioner::resources::ec2::InternetGateway;
use provisioner::resources::elb::{
    AccessLogs, Action, Conditions, HealthCheck, Listener, ListenerRule, LoadBalancer, Target, TargetGroup,
    TargetRegistration, Targets, Tls, WeightedTargetGroup, Weights,
};
use provisioner::resources::ids::{CertificateArn, ListenerArn, LoadBalancerArn, TargetGroupArn, VpcId};
use provisioner::resources::s3::BucketPolicy;
use serde_json::json;

use super::s3::bucket;
use super::{security_group, subnet, vpc};
use crate::types::{Sample, Samples};

/// What serves the addresses of a network.
fn targets(vpc: &VpcId, port: u16, protocol: &str) -> Targets {
    Targets::Ip { vpc: vpc.clone(), port, protocol: protocol.to_owned() }
}

fn group_of(scope: &Scope<'_>, name: &str, targets: Targets) -> TargetGroup {
    let is_function = targets == Targets::Function;
    TargetGroup {
        name: scope.name(name),
        targets,
        health_check: (!is_function).then(health_check),
        deregistration_delay_seconds: (!is_function).then_some(60),
        multi_value_headers: false,
    }
}

fn health_check() -> HealthCheck {
    HealthCheck {
        path: "/health".to_owned(),
        healthy_codes: "200".to_owned(),
        interval_seconds: 30,
        timeout_seconds: 5,
        healthy_threshold: 2,
        unhealthy_threshold: 3,
    }
}

pub(super) fn target_group(scope: &Scope<'_>, name: &str, vpc: &VpcId) -> TargetGroupArn {
    let group = group_of(scope, name, targets(vpc, 80, "HTTP"));
    scope.add(&format!("target-group-{name}"), group).arn
}

/// One that is reached from inside the network `number` only.
pub(super) fn balancer_of(scope: &Scope<'_>, name: &str, vpc: &VpcId, number: u8) -> LoadBalancer {
    LoadBalancer {
        name: scope.name(name),
        internal: true,
        subnets: ['a', 'b'].map(|zone| subnet(scope, vpc, number, zone)).into(),
        security_groups: [security_group(scope, vpc, name)].into(),
        drop_invalid_headers: true,
        desync_mitigation: "defensive".to_owned(),
        access_logs: None,
        deletion_protection: false,
        idle_timeout_seconds: 60,
        client_keep_alive_seconds: 3600,
        http2: true,
    }
}

/// Two load balancers, each in a network of its own.
fn load_balancers(scope: &Scope<'_>, [one, other]: [&VpcId; 2]) -> [LoadBalancerArn; 2] {
    [("one", one, 1), ("other", other, 2)].map(|(name, vpc, number)| {
        let balancer = balancer_of(scope, name, vpc, number);
        scope.add(&format!("load-balancer-{name}"), balancer).arn
    })
}

fn listener(scope: &Scope<'_>, name: &str, load_balancer: LoadBalancerArn) -> ListenerArn {
    let listener = Listener { load_balancer, port: 80, tls: None, action: Action::Redirect { port: 443 } };
    scope.add(&format!("listener-{name}"), listener).arn
}

fn certificate(scope: &Scope<'_>, name: &str) -> CertificateArn {
    let domains = [format!("{name}.example.com")].into();
    scope.add(&format!("certificate-{name}"), ImportedCertificate { domains, min_valid_days: 30 }).arn
}

/// A bucket that load balancers may write to.
fn log_bucket(scope: &Scope<'_>, name: &str) -> String {
    let bucket = scope.add(&format!("log-bucket-{name}"), bucket(scope, &format!("{name}-logs")));
    let policy = document([json!({
        "Effect": "Allow",
        "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": format!("{}/*", bucket.arn),
    })]);
    scope.add(&format!("log-bucket-policy-{name}"), BucketPolicy { bucket: bucket.name, policy }).bucket
}

/// Every kind of action but the first, which redirects.
fn other_actions(scope: &Scope<'_>, vpc: &VpcId) -> [Action; 12] {
    let [blue, green, teal] = ["blue", "green", "teal"].map(|color| target_group(scope, color, vpc));
    let forward = |target_group: &TargetGroupArn| Action::Forward { target_group: target_group.clone() };
    let weighted = |blue: &TargetGroupArn, green: &TargetGroupArn, stickiness_seconds| Action::WeightedForward {
        blue: blue.clone(),
        green: green.clone(),
        initial: Weights { blue: 100, green: 0 },
        stickiness_seconds,
    };
    let fixed = |weights: [(&TargetGroupArn, u32); 2], stickiness_seconds| {
        let group = |(target_group, weight): (&TargetGroupArn, u32)| WeightedTargetGroup {
            target_group: target_group.clone(),
            weight,
        };
        Action::FixedWeights { target_groups: weights.map(group).to_vec(), stickiness_seconds }
    };
    [
        Action::Redirect { port: 8444 },
        forward(&blue),
        forward(&green),
        weighted(&blue, &green, None),
        weighted(&blue, &green, Some(3600)),
        weighted(&teal, &green, Some(3600)),
        weighted(&teal, &blue, Some(3600)),
        Action::Redirect { port: 8443 },
        fixed([(&green, 30), (&blue, 70)], None),
        fixed([(&green, 40), (&blue, 70)], None),
        fixed([(&green, 40), (&teal, 70)], None),
        fixed([(&green, 40), (&teal, 70)], Some(3600)),
    ]
}

/// Why no sample changes them.
const INITIAL: &str = "they are written once: from then on the weights are what AWS has, and never compared";

impl Sample for Listener {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpcs = [vpc(scope, 1), vpc(scope, 2)];
        let [load_balancer, other_load_balancer] = load_balancers(scope, vpcs.each_ref());
        let (one, other) = (certificate(scope, "one"), certificate(scope, "other"));
        let tls = |certificate: &CertificateArn, policy: &str| {
            Some(Tls { certificate: certificate.clone(), policy: policy.to_owned() })
        };
        let policy = "ELBSecurityPolicy-TLS13-1-2-2021-06";
        let first =
            Listener { load_balancer, port: 443, tls: tls(&one, policy), action: Action::Redirect { port: 443 } };
        let samples = Samples::of(first)
            .changing(|listener| listener.port = 444)
            .changing(|listener| listener.tls = tls(&other, policy))
            .changing(|listener| listener.tls = tls(&one, "ELBSecurityPolicy-TLS13-1-3-2021-06"))
            .changing(|listener| listener.tls = None)
            .changing(|listener| listener.load_balancer = other_load_balancer)
            .without_change_of("action.weighted_forward.initial", INITIAL);
        let actions = other_actions(scope, &vpcs[0]).into_iter();
        actions.fold(samples, |samples, action| samples.changing(|listener| listener.action = action))
    }
}

impl Sample for ListenerRule {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpcs = [vpc(scope, 1), vpc(scope, 2)];
        let [one, other] = load_balancers(scope, vpcs.each_ref());
        let (listener, other) = (listener(scope, "one", one), listener(scope, "other", other));
        let values = |values: &[&str]| -> BTreeSet<String> { values.iter().copied().map(str::to_owned).collect() };
        let paths = Conditions { paths: values(&["/orders/*", "/refunds/*"]), ..Conditions::default() };
        let first =
            ListenerRule { listener, priority: 10, conditions: paths.clone(), action: Action::Redirect { port: 443 } };
        let headers = BTreeMap::from([("X-Color".to_owned(), values(&["green", "teal"]))]);
        let samples = Samples::of(first)
            .changing(|rule| rule.priority = 20)
            .changing(|rule| rule.conditions.paths = values(&["/orders/*"]))
            .changing(|rule| rule.conditions.hosts = values(&["*.example.com"]))
            .changing(|rule| rule.conditions = Conditions { headers, ..Conditions::default() })
            .changing(|rule| rule.listener = other)
            .without_change_of("conditions.others", "none are asked for")
            .without_change_of("action.weighted_forward.initial", INITIAL);
        let actions = other_actions(scope, &vpcs[0]).into_iter();
        actions.fold(samples, |samples, action| samples.changing(|rule| rule.action = action))
    }
}

impl Sample for LoadBalancer {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc_id = vpc(scope, 1);
        let gateway = scope.add("internet-gateway", InternetGateway::of(&vpc_id));
        let first = balancer_of(scope, "orders", &gateway.vpc_id, 1);
        let c = subnet(scope, &vpc_id, 1, 'c');
        let group = security_group(scope, &vpc_id, "other");
        let [bucket, other_bucket] = ["one", "other"].map(|name| log_bucket(scope, name));
        let logs =
            |bucket: &str, prefix: &str| Some(AccessLogs { bucket: bucket.to_owned(), prefix: prefix.to_owned() });
        Samples::of(first)
            .changing(|balancer| _ = balancer.subnets.insert(c))
            .changing(|balancer| balancer.security_groups = [group].into())
            .changing(|balancer| balancer.deletion_protection = true)
            .changing(|balancer| balancer.drop_invalid_headers = false)
            .changing(|balancer| balancer.desync_mitigation = "strictest".to_owned())
            .changing(|balancer| balancer.access_logs = logs(&bucket, ""))
            .changing(|balancer| balancer.access_logs = logs(&bucket, "orders"))
            .changing(|balancer| balancer.access_logs = logs(&other_bucket, "orders"))
            .changing(|balancer| balancer.idle_timeout_seconds = 120)
            .changing(|balancer| balancer.client_keep_alive_seconds = 60)
            .changing(|balancer| balancer.http2 = false)
            .changing(|balancer| balancer.name = scope.name("refunds"))
            .changing(|balancer| balancer.internal = false)
    }
}

impl Sample for TargetGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let function = |check: Option<HealthCheck>, multi_value_headers| {
            let group = group_of(scope, "orders", Targets::Function);
            TargetGroup { health_check: check, multi_value_headers, ..group }
        };
        let check = |change: fn(&mut HealthCheck)| {
            let mut check = health_check();
            change(&mut check);
            Some(check)
        };
        Samples::of(group_of(scope, "orders", targets(&one, 80, "HTTP")))
            .changing(|group| group.health_check = check(|check| check.path = "/".to_owned()))
            .changing(|group| group.health_check = check(|check| check.healthy_codes = "200-299".to_owned()))
            .changing(|group| group.health_check = check(|check| check.interval_seconds = 60))
            .changing(|group| group.health_check = check(|check| check.timeout_seconds = 10))
            .changing(|group| group.health_check = check(|check| check.healthy_threshold = 5))
            .changing(|group| group.health_check = check(|check| check.unhealthy_threshold = 10))
            .changing(|group| group.deregistration_delay_seconds = Some(0))
            .changing(|group| group.deregistration_delay_seconds = None)
            .changing(|group| group.targets = targets(&one, 8080, "HTTP"))
            .changing(|group| group.targets = targets(&one, 80, "HTTPS"))
            .changing(|group| group.targets = targets(&other, 80, "HTTP"))
            .changing(|group| group.name = scope.name("refunds"))
            .changing(|group| *group = function(None, false))
            .changing(|group| *group = function(None, true))
            .changing(|group| *group = function(Some(health_check()), true))
    }
}

impl Sample for TargetRegistration {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc_id = vpc(scope, 1);
        let ip = |address: &str, port| Target::Ip { address: address.to_owned(), port };
        let first =
            TargetRegistration { target_group: target_group(scope, "one", &vpc_id), target: ip("10.1.0.10", 80) };
        Samples::of(first)
            .changing(|registration| registration.target = ip("10.1.0.10", 8080))
            .changing(|registration| registration.target = ip("10.1.0.11", 80))
            .changing(|registration| registration.target_group = target_group(scope, "other", &vpc_id))
    }
}
