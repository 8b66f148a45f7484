//! The web application firewall in front of every load balancer of a region.

use std::collections::BTreeSet;

use super::{Scope, log_group};
use crate::resources::ids::{KeyArn, LogGroupArn, WebAclArn};
use crate::resources::waf::{LoggingConfiguration, Rule, WebAcl};

/// AWS's managed rule groups against the OWASP top 10, and the IP reputation list.
const MANAGED_GROUPS: [&str; 4] = [
    "AWSManagedRulesAmazonIpReputationList",
    "AWSManagedRulesCommonRuleSet",
    "AWSManagedRulesKnownBadInputsRuleSet",
    "AWSManagedRulesSQLiRuleSet",
];

/// The parameters of a firewall.
#[derive(Clone, Debug)]
pub struct FirewallParams<'a> {
    /// Requests that one client may send per window, 10 to 2,000,000,000.
    pub rate_limit: i64,
    /// The length of a window: 60, 120, 300 or 600 s.
    pub rate_window_seconds: i64,
    /// The key for the log group.
    pub log_key: &'a KeyArn,
}

/// A firewall.
#[derive(Clone, Debug)]
pub struct Firewall {
    /// The web ACL, to associate load balancers with.
    pub web_acl: WebAclArn,
    /// Its name: the dimension `WebACL` of its metrics.
    pub name: String,
    /// Its log group.
    pub log_group: LogGroupArn,
}

/// Adds a firewall for the load balancers of the scope's region.
pub fn firewall(scope: &Scope<'_>, params: &FirewallParams<'_>) -> Firewall {
    let scope = scope.at("firewall");
    let rate = Rule::Rate { limit: params.rate_limit, window_seconds: params.rate_window_seconds };
    let managed = MANAGED_GROUPS.map(|group| Rule::Managed { group: group.to_owned() });
    let rules = [rate].into_iter().chain(managed).collect();
    let acl = scope.add("web-acl", WebAcl { name: scope.name("firewall"), rules, rule_metrics: true });
    // WAF requires this prefix.
    let name = format!("aws-waf-logs-{}", scope.name("firewall"));
    let log_group = log_group(&scope, "log-group", name, params.log_key);
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
