//! Who may do what: roles, resource policies, keys.

use std::collections::{BTreeMap, BTreeSet};

use provisioner::engine::{Step, reference};
use serde_json::Value;

use crate::support::composition::{
    ACCOUNT, Composition, KEYS, SUFFIX, allows, condition_keys, documents, environment, services, texts,
};
use crate::support::compositions::every;

/// AWS managed policies that roles may have, and why they aren't replaced by our own.
const MANAGED: [(&str, &str); 3] = [
    ("service-role/AWS_ConfigRole", "the requirement names it"),
    ("service-role/AWSBackupServiceRolePolicyForBackup", "what backups of each type take is AWS's to know"),
    ("service-role/AmazonRDSEnhancedMonitoringRole", "enhanced monitoring writes to the one log group it has"),
];

/// The actions allowed on `*`: AWS has no resource-level permissions for them.
/// <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>
const WITHOUT_ARN: [(&str, &str); 10] = [
    ("cloudwatch:DescribeAlarms", "composite alarms are only told to who may see all"),
    ("cloudwatch:GetMetricData", "metrics know no resources"),
    ("ec2:DescribeNetworkInterfaces", "reads of EC2 know no resources"),
    ("ec2:DescribeSubnets", "reads of EC2 know no resources"),
    ("ecr:GetAuthorizationToken", "a login to the registry is for no repository"),
    ("elasticloadbalancing:DescribeListeners", "reads of load balancers know no resources"),
    ("elasticloadbalancing:DescribeRules", "reads of load balancers know no resources"),
    ("secretsmanager:GetRandomPassword", "it is about no secret"),
    ("xray:PutTelemetryRecords", "X-Ray's writes know no resources"),
    ("xray:PutTraceSegments", "X-Ray's writes know no resources"),
];

/// The actions allowed on resources of other systems, and why.
const WIDE: [(&str, &str, &str); 6] = [
    ("ec2:AssignPrivateIpAddresses", "*/*", "Lambda refuses narrower ones; the function's own code is denied it"),
    ("ec2:CreateNetworkInterface", "*/*", "Lambda refuses narrower ones; the function's own code is denied it"),
    ("ec2:DeleteNetworkInterface", "*/*", "Lambda refuses narrower ones; the function's own code is denied it"),
    ("ec2:UnassignPrivateIpAddresses", "*/*", "Lambda refuses narrower ones; the function's own code is denied it"),
    ("logs:DescribeLogGroups", "log-group:*", "a list of log groups knows no narrower resource"),
    ("elasticloadbalancing:ModifyRule", "listener-rule/app/*", "a condition asks for this system's tag"),
];

fn is_wildcard(action: &str) -> bool {
    action.contains(['*', '?'])
}

/// The statements by which roles may do something.
async fn role_statements() -> Vec<(&'static Step, &'static Value)> {
    let roles = every().await.into_iter().flat_map(|system| system.of("iam.role"));
    roles.flat_map(|role| documents(&role.spec["inline_policies"]).into_iter().map(move |one| (role, one))).collect()
}

#[tokio::test]
async fn no_role_is_allowed_a_wildcard_action() {
    let statements = role_statements().await;
    let allowing: Vec<_> = statements.into_iter().filter(|(_, statement)| allows(statement)).collect();
    assert!(allowing.len() > 20);
    for (role, statement) in allowing {
        let actions = texts(&statement["Action"]);
        assert!(!actions.is_empty(), "{}: {statement}", role.id);
        assert!(!actions.iter().any(|action| is_wildcard(action)), "{}: {statement}", role.id);
        assert!(statement.get("NotAction").is_none() && statement.get("NotResource").is_none(), "{}", role.id);
    }
    for role in every().await.into_iter().flat_map(|system| system.of("iam.role")) {
        for policy in texts(&role.spec["managed_policies"]) {
            let known = MANAGED.iter().any(|(name, _)| policy == format!("arn:aws:iam::aws:policy/{name}"));
            assert!(known, "{} has {policy}", role.id);
        }
    }
}

#[tokio::test]
async fn wildcard_resources_only_for_actions_without_arns() {
    let mut used = BTreeSet::new();
    for (role, statement) in role_statements().await.into_iter().filter(|(_, statement)| allows(statement)) {
        let resources = texts(&statement["Resource"]);
        assert!(!resources.is_empty(), "{}: {statement}", role.id);
        for (resource, action) in
            resources.iter().flat_map(|r| texts(&statement["Action"]).into_iter().map(move |a| (*r, a)))
        {
            if resource == "*" {
                let known = WITHOUT_ARN.iter().find(|(name, _)| *name == action);
                assert!(known.is_some(), "{} may {action} on everything", role.id);
                used.insert(action);
                continue;
            }
            let end = resource.splitn(6, ':').nth(5).unwrap_or_default();
            if let Some((name, ..)) = WIDE.iter().find(|(name, wide, _)| *name == action && *wide == end) {
                used.insert(*name);
                continue;
            }
            // One of ours: by its name, or by a reference to it.
            let by_name = end.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == SUFFIX);
            let ours = by_name || !reference::find(&Value::from(resource)).is_empty();
            assert!(ours, "{} may {action} on {resource}", role.id);
        }
    }
    // Every exception is needed.
    let named: BTreeSet<_> =
        WITHOUT_ARN.iter().map(|(name, _)| *name).chain(WIDE.iter().map(|(name, ..)| *name)).collect();
    assert_eq!(used, named);
}

#[tokio::test]
async fn function_code_is_denied_network_interface_calls() {
    for system in every().await {
        for function in system.of("lambda.function").into_iter().filter(|function| !function.spec["vpc"].is_null()) {
            let role = system.source(&function.spec["role"]);
            let statements = documents(&role.spec["inline_policies"]);
            let is_deny = |one: &&&Value| one["Effect"] == "Deny";
            let deny = statements.iter().find(is_deny).unwrap_or_else(|| panic!("{} denies nothing", role.id));
            let source = deny["Condition"]["ArnEquals"]["lambda:SourceFunctionArn"].as_str().unwrap();
            assert!(source.ends_with(function.spec["name"].as_str().unwrap()), "{}: {source}", role.id);
            let denied = texts(&deny["Action"]);
            for (action, ..) in WIDE.iter().filter(|(action, ..)| action.starts_with("ec2:")) {
                assert!(denied.contains(action), "{} may {action}", function.id);
            }
        }
    }
}

#[tokio::test]
async fn every_service_trust_policy_has_a_confused_deputy_condition() {
    /// Roles of another account, with an external id.
    const OF_ANOTHER_ACCOUNT: &str = "migration/role";
    for role in every().await.into_iter().flat_map(|system| system.of("iam.role")) {
        let statements = documents(&role.spec["trust"]);
        assert!(!statements.is_empty(), "{}", role.id);
        for statement in statements {
            if role.id.0 == OF_ANOTHER_ACCOUNT {
                let agreed = statement["Condition"]["StringEquals"]["sts:ExternalId"].as_str().unwrap();
                assert!(!agreed.is_empty(), "{}: {statement}", role.id);
                continue;
            }
            assert_eq!(services(statement).len(), 1, "{}: {statement}", role.id);
            assert_eq!(statement["Principal"].as_object().unwrap().len(), 1, "{}: {statement}", role.id);
            assert_eq!(statement["Condition"]["StringEquals"]["aws:SourceAccount"], ACCOUNT, "{}", role.id);
        }
    }
}

#[tokio::test]
async fn resource_policies_admit_services_for_this_account() {
    /// The services without a source in their requests, and AWS's page that says so.
    const SILENT: [(&str, &str); 1] =
        [("events.amazonaws.com", "https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html")];
    for system in every().await {
        let mut seen = 0;
        let resource_policies = system.statements().into_iter().filter(|(step, _)| step.kind != "iam.role");
        for (step, statement) in resource_policies.filter(|(_, statement)| allows(statement)) {
            for service in services(statement) {
                seen += 1;
                let silent = KEYS.contains(&step.kind) && SILENT.iter().any(|(name, _)| *name == service);
                let tells = ["aws:sourceaccount", "aws:sourcearn", "kms:encryptioncontext:aws:logs:arn"];
                let keys = condition_keys(statement);
                assert!(silent || tells.iter().any(|key| keys.contains(*key)), "{}: {statement}", step.id);
            }
        }
        assert!(seen > 15, "only {seen} were looked at");
        for permission in system.of("lambda.permission") {
            assert!(!permission.spec["source_arn"].is_null(), "{} lets the service in for anybody", permission.id);
            assert!(permission.spec["principal"].as_str().unwrap().ends_with(".amazonaws.com"), "{}", permission.id);
        }
    }
}

#[tokio::test]
async fn no_resource_policy_admits_everyone() {
    /// A layer bucket of AWS's own, read by everybody who pulls an image.
    const IMAGE_LAYERS: &str = "arn:aws:s3:::prod-";
    let statements = every().await.into_iter().flat_map(Composition::statements);
    for (step, statement) in statements.filter(|(_, statement)| allows(statement)) {
        let everybody = statement["Principal"] == "*" || statement["Principal"]["AWS"] == "*";
        if !everybody {
            continue;
        }
        // Requests through an endpoint still need permissions of the service.
        assert!(step.kind.ends_with("_endpoint"), "{}: {statement}", step.id);
        let own = condition_keys(statement).contains("aws:principalaccount");
        let layers = texts(&statement["Resource"]).iter().all(|resource| resource.starts_with(IMAGE_LAYERS));
        assert!(own || layers, "{}: {statement}", step.id);
    }
}

#[tokio::test]
async fn every_function_and_environment_has_its_own_role() {
    for system in every().await {
        let mut users: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for step in system.steps.iter().filter(|step| step.kind != "iam.role") {
            for found in reference::find(&step.spec) {
                let role = system.find(&found.step).unwrap();
                if role.kind == "iam.role" {
                    assert_eq!(environment(role), environment(step), "{} uses {}", step.id, role.id);
                    users.entry(role.id.clone()).or_default().insert((step.kind, step.id.clone()));
                }
            }
        }
        for (role, users) in users {
            let kinds: BTreeSet<_> = users.iter().map(|(kind, _)| *kind).collect();
            assert_eq!(kinds.len(), 1, "{role} is for {users:?}");
            assert!(users.len() == 1 || !kinds.contains("lambda.function"), "{role} is for {users:?}");
        }
    }
}

#[tokio::test]
async fn there_are_no_users_and_no_access_keys() {
    for system in every().await {
        let kinds: BTreeSet<_> =
            system.steps.iter().map(|step| step.kind).filter(|kind| kind.starts_with("iam.")).collect();
        assert_eq!(kinds, BTreeSet::from(["iam.role"]));
    }
}

#[tokio::test]
async fn keys_rotate_and_allow_exactly_the_needed_services() {
    for system in every().await {
        assert!(system.of("kms.key").iter().all(|key| key.spec["rotation"] == true));
        assert_eq!(system.count("kms.key"), 3, "one an environment and one that they share");
        for key in KEYS.into_iter().flat_map(|kind| system.any(kind)) {
            for statement in documents(&key.spec) {
                let actions = texts(&statement["Action"]);
                assert!(!actions.iter().any(|action| is_wildcard(action)), "{}: {statement}", key.id);
                let root = format!("arn:aws:iam::{ACCOUNT}:root");
                let own = statement["Principal"]["AWS"] == root.as_str();
                assert!(own || !services(statement).is_empty(), "{}: {statement}", key.id);
                // Identities of the account may use the key only through the services.
                let opens = actions.iter().any(|action| ["kms:Decrypt", "kms:GenerateDataKey"].contains(action));
                assert!(
                    !own || !opens || condition_keys(statement).contains("kms:viaservice"),
                    "{}: {statement}",
                    key.id
                );
            }
            let aliases = system.of("kms.alias");
            assert!(
                aliases.iter().any(|alias| system.source(&alias.spec["target"]).id == key.id),
                "{} has no name",
                key.id
            );
        }
    }
}
