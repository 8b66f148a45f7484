use provisioner::modules::Scope;
use provisioner::resources::elb::LoadBalancer;
use provisioner::resources::ids::{LogGroupArn, WebAclArn};
use provisioner::resources::logs::LogGroup;
use provisioner::resources::waf::{LoggingConfiguration, Rule, WebAcl, WebAclAssociation};

use super::{key, security_group, subnet, vpc};
use crate::types::{Sample, Samples};

fn managed(group: &str) -> Rule {
    Rule::Managed { group: group.to_owned() }
}

fn web_acl(scope: &Scope<'_>, name: &str) -> WebAcl {
    let rules = vec![Rule::Rate { limit: 1000, window_seconds: 300 }, managed("AWSManagedRulesCommonRuleSet")];
    WebAcl { name: scope.name(name), rules, rule_metrics: true }
}

fn standing(scope: &Scope<'_>, name: &str) -> WebAclArn {
    scope.add(&format!("web-acl-{name}"), web_acl(scope, name)).arn
}

impl Sample for LoggingConfiguration {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let kms_key = key(scope, "logs");
        let log_group = |name: &str| -> LogGroupArn {
            let group = LogGroup {
                name: format!("aws-waf-logs-{}", scope.name(name)),
                kms_key: Some(kms_key.clone()),
                retention_days: Some(7),
            };
            scope.add(&format!("log-group-{name}"), group).arn
        };
        let first = LoggingConfiguration {
            web_acl: standing(scope, "one"),
            log_group: log_group("one"),
            redacted_headers: ["authorization".to_owned()].into(),
        };
        let (other_acl, other_group) = (standing(scope, "other"), log_group("other"));
        Samples::of(first)
            .changing(|logging| logging.log_group = other_group)
            .changing(|logging| logging.redacted_headers = ["cookie".to_owned(), "x-api-key".to_owned()].into())
            .changing(|logging| logging.redacted_headers.clear())
            .changing(|logging| logging.web_acl = other_acl)
    }
}

impl Sample for WebAcl {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(web_acl(scope, "orders"))
            .changing(|acl| {
                let rate = Rule::Rate { limit: 2000, window_seconds: 60 };
                acl.rules = vec![rate, managed("AWSManagedRulesSQLiRuleSet")];
            })
            .changing(|acl| acl.rules.reverse())
            .changing(|acl| acl.rules = vec![managed("AWSManagedRulesSQLiRuleSet")])
            .changing(|acl| acl.rule_metrics = false)
            .changing(|acl| acl.name = scope.name("refunds"))
    }
}

impl Sample for WebAclAssociation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc = vpc(scope, 1);
        let group = security_group(scope, &vpc, "edge");
        let subnets = ['a', 'b'].map(|zone| subnet(scope, &vpc, 1, zone));
        let load_balancer = |name: &str| {
            let load_balancer = LoadBalancer {
                name: scope.name(name),
                internal: true,
                subnets: subnets.clone().into(),
                security_groups: [group.clone()].into(),
                drop_invalid_headers: true,
                desync_mitigation: "defensive".to_owned(),
                access_logs: None,
                deletion_protection: false,
                idle_timeout_seconds: 60,
                client_keep_alive_seconds: 3600,
                http2: true,
            };
            scope.add(&format!("load-balancer-{name}"), load_balancer).arn
        };
        let first = WebAclAssociation { load_balancer: load_balancer("one"), web_acl: standing(scope, "one") };
        let (other_balancer, other_acl) = (load_balancer("other"), standing(scope, "other"));
        Samples::of(first)
            .changing(|association| association.web_acl = other_acl)
            .changing(|association| association.load_balancer = other_balancer)
    }
}
