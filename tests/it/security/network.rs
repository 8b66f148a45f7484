//! "Security and Compliance Constraints": networks, firewalls, security groups.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::engine::{Step, reference};

use super::system;
use crate::support::composition::{ENVIRONMENTS, environment, texts};
use crate::support::compositions::{every, lambda_mysql};

#[tokio::test]
async fn network_isolation_with_separate_vpcs_for_blue_and_green() {
    for system in every().await {
        for environment in ENVIRONMENTS {
            let vpc = system.step(&format!("{environment}/network/vpc"));
            assert!(vpc.spec["cidr"].as_str().unwrap().ends_with("/16"), "{}", vpc.spec);
        }
        let blocks: BTreeSet<_> = system.of("ec2.vpc").iter().map(|vpc| vpc.spec["cidr"].to_string()).collect();
        assert_eq!(blocks.len(), system.count("ec2.vpc"), "each VPC has addresses of its own: {blocks:?}");

        // Everything in an environment's network belongs to that environment, down to the last rule.
        let inside = ["vpc_id", "security_group_id", "security_groups", "subnets", "subnet_ids", "vpc"];
        for step in &system.steps {
            for field in inside {
                for found in reference::find(&step.spec[field]) {
                    let other = environment(system.find(&found.step).expect("a step of the system"));
                    assert_eq!(environment(step), other, "{}: {field} is in {other}'s network", step.id);
                }
            }
        }
        let environments = |rule: &Step| -> BTreeSet<String> {
            let groups = reference::find(&rule.spec).into_iter().filter_map(|found| system.find(&found.step));
            groups.map(environment).map(str::to_owned).collect()
        };
        for rule in system.of("ec2.security_group_rule") {
            assert_eq!(environments(rule).len(), 1, "{} joins two environments", rule.id);
        }

        // The transit gateway is the only connection between the two, and attaches nothing automatically.
        let gateway = &system.of("ec2.transit_gateway")[0].spec;
        for automatic in
            ["auto_accept_shared_attachments", "default_route_table_association", "default_route_table_propagation"]
        {
            assert_eq!(gateway[automatic], false, "{automatic}");
        }
        for route in system.of("ec2.route") {
            let target = route.spec["target"].as_object().expect("a route has a target");
            let kind = target.keys().next().map(String::as_str);
            let elsewhere = system.source(&target[kind.unwrap()]);
            assert!(kind == Some("transit_gateway") || environment(elsewhere) == environment(route), "{}", route.id);
        }
    }
}

#[tokio::test]
async fn aws_waf_on_alb_to_block_owasp_top_10_vulnerabilities() {
    for system in every().await {
        let acl = system.of("waf.web_acl")[0];
        let rules = acl.spec["rules"].as_array().unwrap();
        let managed: BTreeSet<_> = rules.iter().filter_map(|rule| rule["managed"]["group"].as_str()).collect();
        // AWS's own mapping of the OWASP top 10: injection, cross-site scripting, known bad inputs, bad clients.
        let owasp = ["CommonRuleSet", "IpReputationList", "KnownBadInputsRuleSet", "SQLiRuleSet"];
        let owasp: Vec<_> =
            owasp.iter().map(|group| format!("AWSManagedRules{}", group.replace("IpRep", "AmazonIpRep"))).collect();
        for group in &owasp {
            assert!(managed.contains(group.as_str()), "no {group} among {managed:?}");
        }
        let limit = rules.iter().find_map(|rule| rule["rate"]["limit"].as_i64()).expect("a rate rule");
        assert!((10..=2_000_000_000).contains(&limit));
        assert_eq!(acl.spec["rule_metrics"], true);

        let guarded: BTreeSet<_> = system
            .of("waf.web_acl_association")
            .into_iter()
            .map(|association| {
                assert_eq!(system.source(&association.spec["web_acl"]).id, acl.id);
                system.source(&association.spec["load_balancer"]).id.clone()
            })
            .collect();
        let all: BTreeSet<_> = system.of("elb.load_balancer").iter().map(|balancer| balancer.id.clone()).collect();
        assert_eq!(guarded, all, "the firewall covers every load balancer");
        for listener in system.of("elb.listener") {
            let firewall = format!("{}/edge/firewall", environment(listener));
            assert!(listener.dependencies().contains(&firewall.as_str().into()), "{} opens unguarded", listener.id);
        }
        let logging = system.of("waf.logging_configuration")[0];
        assert_eq!(system.source(&logging.spec["web_acl"]).id, acl.id);
        assert!(texts(&logging.spec["redacted_headers"]).contains(&"authorization"));
    }
}

#[tokio::test]
async fn vpc_flow_logs_enabled_for_audit_trail() {
    for system in every().await {
        for vpc in system.of("ec2.vpc") {
            let logs = system.of("ec2.flow_log");
            let log = logs.iter().find(|log| system.source(&log.spec["vpc_id"]).id == vpc.id);
            let log = log.unwrap_or_else(|| panic!("{} has no flow log", vpc.id));
            assert_eq!(log.spec["traffic"], "ALL", "{}", log.id);
            let group = system.source(&log.spec["log_group"]);
            assert_eq!((group.kind, &group.region), ("logs.log_group", &vpc.region));
        }
    }
}

fn is_anywhere(rule: &Step) -> bool {
    ["0.0.0.0/0", "::/0"].iter().any(|all| rule.spec["peer"]["cidr"] == *all || rule.spec["peer"]["other"] == *all)
}

#[tokio::test]
async fn security_groups_minimal_access_no_0_0_0_0_0_except_alb() {
    for system in every().await {
        let edges: BTreeSet<_> = system
            .of("elb.load_balancer")
            .into_iter()
            .flat_map(|balancer| balancer.spec["security_groups"].as_array().unwrap())
            .map(|group| system.source(group).id.clone())
            .collect();
        let mut open = BTreeMap::<_, BTreeSet<u64>>::new();
        for rule in system.of("ec2.security_group_rule") {
            let (spec, group) = (&rule.spec, system.source(&rule.spec["security_group_id"]));
            assert!(!spec["description"].as_str().unwrap().is_empty(), "{} says not what it is for", rule.id);
            assert_eq!(spec["protocol"], "tcp", "{}", rule.id);
            assert_eq!(spec["ports"]["from"], spec["ports"]["to"], "{} opens more than a port", rule.id);
            if is_anywhere(rule) {
                assert_eq!(spec["direction"], "ingress", "{} lets everything out", rule.id);
                assert!(edges.contains(&group.id), "{} is open to the world", rule.id);
                open.entry(group.id.clone()).or_default().insert(spec["ports"]["from"].as_u64().unwrap());
            } else if spec["direction"] == "egress" {
                let known = system.differs().egress_by_address.iter().any(|(start, _)| rule.id.0.starts_with(start));
                assert!(known || spec["peer"].get("cidr").is_none(), "{} goes by addresses, not by group", rule.id);
            }
        }
        assert_eq!(open.keys().cloned().collect::<BTreeSet<_>>(), edges);
        assert!(open.values().all(|ports| *ports == BTreeSet::from([80, 443])), "{open:?}");
        for group in system.of("ec2.security_group") {
            assert_eq!(group.spec["other_rules"], serde_json::json!([]), "{}", group.id);
        }
    }
}

#[tokio::test]
async fn test_cidrs_reach_only_the_test_port() {
    let system = system().await;
    let protected = &lambda_mysql().await.protected;
    let tests: Vec<_> =
        protected.of("ec2.security_group_rule").into_iter().filter(|rule| rule.spec["ports"]["from"] == 8443).collect();
    assert_eq!(tests.len(), 2);
    assert!(tests.iter().all(|rule| rule.spec["peer"]["cidr"] == "198.51.100.0/24"));
    assert!(!system.of("ec2.security_group_rule").iter().any(|rule| rule.spec["ports"]["from"] == 8443));
}
