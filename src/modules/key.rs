//! A customer-managed key with a policy that names the services that may use it.

use serde_json::{Value, json};

use super::Scope;
use super::policy::document;
use crate::resources::document::Document;
use crate::resources::ids::KeyArn;
use crate::resources::kms;

/// A service that uses a key directly, not on behalf of an IAM identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUser {
    /// CloudWatch Logs, for its log groups.
    Logs,
    /// CloudWatch, whose alarms publish to encrypted topics.
    Alarms,
    /// EventBridge, whose rules send to encrypted topics and queues.
    EventBridge,
    /// RDS, whose event subscriptions publish to encrypted topics.
    DatabaseEvents,
    /// SNS, which delivers to encrypted queues.
    Topics,
}

/// The parameters of a key.
#[derive(Clone, Copy, Debug)]
pub struct KeyParams<'a> {
    /// A sentence about its purpose.
    pub description: &'a str,
    /// The services through which IAM identities may use the key (`rds`, `sqs`, `secretsmanager`, `lambda` ...), if their own
    /// policies allow it. Direct use isn't allowed.
    pub through: &'a [&'a str],
    /// The services that use the key directly.
    pub users: &'a [KeyUser],
    /// The region of a replica with the same key material.
    pub replica_region: Option<&'a str>,
}

impl<'a> KeyParams<'a> {
    /// A key in one region that no service uses yet.
    pub fn new(description: &'a str) -> Self {
        KeyParams { description, through: &[], users: &[], replica_region: None }
    }
}

/// A key with its alias.
#[derive(Clone, Debug)]
pub struct CustomerKey {
    /// The key in the scope's region.
    pub arn: KeyArn,
    /// The key's id.
    pub key_id: String,
    /// The alias, `alias/…`, the same in both regions.
    pub alias: String,
    /// The replica.
    pub replica: Option<KeyArn>,
}

/// Adds a key with yearly rotation and an alias, and a replica in the other region if one is configured.
pub fn key(scope: &Scope<'_>, params: &KeyParams<'_>) -> CustomerKey {
    let alias = format!("alias/{}", scope.name("key"));
    let description = params.description.to_owned();
    let key = scope.add(
        "key",
        kms::Key {
            description: description.clone(),
            policy: policy(scope, params),
            rotation: true,
            multi_region: params.replica_region.is_some(),
        },
    );
    scope.add("key-alias", kms::Alias { name: alias.clone(), target: key.arn.clone() });
    let replica = params.replica_region.map(|region| {
        let there = scope.in_region(region);
        let policy = policy(&there, params);
        let replica = there.add("key-replica", kms::ReplicaKey { primary: key.arn.clone(), description, policy });
        there.add("key-replica-alias", kms::Alias { name: alias.clone(), target: replica.arn.clone() });
        replica.arn
    });
    CustomerKey { arn: key.arn, key_id: key.key_id, alias, replica }
}

/// The actions that manage a key. The account has them, so that IAM policies decide who may; without this statement the key
/// could never be changed again.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
const ADMINISTRATION: &[&str] = &[
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RetireGrant",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
];

/// The actions that encrypt and decrypt.
const USE: &[&str] = &[
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// The key policy in the scope's region: service principals have regional names.
fn policy(scope: &Scope<'_>, params: &KeyParams<'_>) -> Document {
    let account = scope.arn("iam", "root");
    let through: Vec<_> =
        params.through.iter().map(|name| format!("{name}.{}.amazonaws.com", scope.region())).collect();
    let mut statements = vec![allow("Administration", json!({"AWS": account}), ADMINISTRATION, json!({}))];
    if !through.is_empty() {
        let through = json!({"kms:CallerAccount": scope.account(), "kms:ViaService": through});
        let condition = json!({"StringEquals": through});
        statements.push(allow("UseThroughServices", json!({"AWS": account}), USE, condition));
        // Services that use the key in the background (RDS, Backup, Lambda) need grants.
        let condition = json!({"StringEquals": through, "Bool": {"kms:GrantIsForAWSResource": "true"}});
        statements.push(allow("GrantsForServices", json!({"AWS": account}), &["kms:CreateGrant"], condition));
    }
    statements.extend(params.users.iter().map(|user| user.statement(scope)));
    document(statements)
}

fn allow(sid: &str, principal: Value, actions: &[&str], condition: Value) -> Value {
    let mut statement =
        json!({"Sid": sid, "Effect": "Allow", "Principal": principal, "Action": actions, "Resource": "*"});
    if condition.as_object().is_some_and(|condition| !condition.is_empty()) {
        statement["Condition"] = condition;
    }
    statement
}

impl KeyUser {
    fn statement(self, scope: &Scope<'_>) -> Value {
        let publish: &[&str] = &["kms:Decrypt", "kms:GenerateDataKey"];
        let of_account = json!({"StringEquals": {"aws:SourceAccount": scope.account()}});
        let service = |name: &str| json!({"Service": name});
        match self {
            // CloudWatch Logs puts the log group's ARN into the encryption context.
            // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html>
            KeyUser::Logs => {
                let groups = scope.arn("logs", "log-group:*");
                let condition = json!({"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}});
                allow("Logs", service(&format!("logs.{}.amazonaws.com", scope.region())), USE, condition)
            }
            KeyUser::Alarms => allow("Alarms", service("cloudwatch.amazonaws.com"), publish, of_account),
            // EventBridge passes no source to KMS: a condition on it would deny every call.
            // <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-troubleshooting.html>
            KeyUser::EventBridge => allow("EventBridge", service("events.amazonaws.com"), publish, json!({})),
            KeyUser::DatabaseEvents => {
                allow("DatabaseEvents", service("events.rds.amazonaws.com"), publish, of_account)
            }
            KeyUser::Topics => allow("Topics", service("sns.amazonaws.com"), publish, of_account),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::Tags;
    use crate::engine::ownership::Owner;
    use crate::modules::{Identity, Stack};

    /// An empty stack.
    pub(in crate::modules) fn stack() -> Stack {
        Stack::new(Identity {
            owner: Owner { system: "lambda-mysql".to_owned(), suffix: "dev1".to_owned() },
            account: "123456789012".to_owned(),
            partition: "aws".to_owned(),
            region: "us-east-1".to_owned(),
            tags: Tags::new(),
        })
    }

    fn steps(replica_region: Option<&str>) -> Vec<crate::engine::Step> {
        let stack = stack();
        let users = [KeyUser::Logs, KeyUser::Alarms, KeyUser::EventBridge, KeyUser::DatabaseEvents, KeyUser::Topics];
        let params = KeyParams { description: "test", through: &["rds", "sqs"], users: &users, replica_region };
        key(&stack.root().environment("blue"), &params);
        stack.into_steps()
    }

    #[test]
    fn no_statement_allows_all_and_account_can_change_the_policy() {
        let policy = &steps(None)[0].spec["policy"];
        let statements = policy["Statement"].as_array().unwrap();
        let actions = |statement: &Value| match &statement["Action"] {
            Value::Array(actions) => actions.iter().map(|action| action.as_str().unwrap().to_owned()).collect(),
            one => vec![one.as_str().unwrap().to_owned()],
        };
        assert!(statements.iter().flat_map(actions).all(|action| !action.contains('*')));
        assert_eq!(statements[0]["Principal"]["AWS"], "arn:aws:iam::123456789012:root");
        assert!(actions(&statements[0]).contains(&"kms:PutKeyPolicy".to_owned()));
        assert!(!actions(&statements[0]).contains(&"kms:Decrypt".to_owned()));
        let unconditional = statements.iter().filter(|statement| statement.get("Condition").is_none());
        let unconditional: Vec<_> = unconditional.map(|statement| statement["Sid"].as_str().unwrap()).collect();
        assert_eq!(unconditional, ["Administration", "EventBridge"]);
    }

    #[test]
    fn replica_policy_names_the_services_of_its_region() {
        let steps = steps(Some("us-east-2"));
        let replica = steps.iter().find(|step| step.kind == "kms.replica_key").unwrap();
        assert_eq!(replica.region, "us-east-2");
        let text = replica.spec["policy"].to_string();
        assert!(text.contains("rds.us-east-2.amazonaws.com") && !text.contains("us-east-1"));
    }
}
