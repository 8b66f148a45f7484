//! The web application firewall in front of every load balancer of a region.

use std::collections::BTreeSet;

use super::Scope;
use crate::resources::ids::{KeyArn, LogGroupArn, WebAclArn};
use crate::resources::logs::LogGroup;
use crate::resources::waf::{LoggingConfiguration, Rule, WebAcl};

/// AWS's rule groups against the OWASP top 10, the clients of bad reputation first.
const MANAGED_GROUPS: [&str; 4] = [
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
];

/// What a firewall lets through and where it logs.
#[derive(Clone, Debug)]
pub struct FirewallParams<'a> {
    /// How many requests of one client are let through in a window, 10 to 2,000,000,000.
    pub rate_limit: i64,
    /// How long a window is: 60, 120, 300 or 600 s.
    pub rate_window_seconds: i64,
    /// The key for the log group.
    pub log_key: &'a KeyArn,
    /// How long logs are kept.
    pub log_retention_days: i32,
}

/// A firewall.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// What load balancers are associated with.
    pub web_acl: WebAclArn,
    /// The dimension `WebACL` of its metrics.
    pub name: String,
    /// Where it logs.
    pub log_group: LogGroupArn,
}

/// A firewall for the load balancers of the scope's region.
pub fn firewall(scope: &Scope<'_>, params: &FirewallParams<'_>) -> Firewall {
    let scope = scope.at("firewall");
    let rate = Rule::Rate { limit: params.rate_limit, window_seconds: params.rate_window_seconds };
    let managed = MANAGED_GROUPS.map(|group| Rule::Managed { group: group.to_owned() });
    let rules = [rate].into_iter().chain(managed).collect();
    let acl = scope.add("web-acl", WebAcl { name: scope.name("firewall"), rules, rule_metrics: true });
    let log_group = scope.add(
        "log-group",
        LogGroup {
            // WAF takes no other beginning.
            name: format!("aws-waf-logs-{}", scope.name("firewall")),
            kms_key: params.log_key.clone(),
            retention_days: Some(params.log_retention_days),
        },
    );
    scope.add(
        "logging",
        LoggingConfiguration {
            web_acl: acl.arn.clone(),
            log_group: log_group.arn.clone(),
            redacted_headers: BTreeSet::from(["authorization".to_owned()]),
        },
    );
    Firewall { web_acl: acl.arn, name: acl.name, log_group: log_group.arn }
}
