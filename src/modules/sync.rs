//! The data sync: a function that copies changes from blue's database to green's every minute.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Scope;
use super::function::{Function, FunctionNetwork, FunctionParams, callable_by, function};
use super::network::Network;
use super::policy::allow;
use super::queue::{Sender, dead_letter_queue};
use super::reach::{Reach, client_group};
use crate::package::Package;
use crate::resources::dynamodb::TableOutputs;
use crate::resources::ec2::{Peer, SecurityGroupRule};
use crate::resources::events;
use crate::resources::ids::{KeyArn, SecretArn, SecurityGroupId};
use crate::resources::sqs::QueueOutputs;

const NAME: &str = "data-sync";

/// The parameters of the data sync.
#[derive(Clone, Copy, Debug)]
pub struct SyncParams<'a> {
    /// The code of `data-sync`.
    pub package: &'a Package,
    /// The runtime, for example `nodejs24.x`.
    pub runtime: &'a str,
    /// Memory, 128 to 10,240 MiB.
    pub memory_mib: i32,
    /// `DEBUG`, `INFO`, `WARN`, `ERROR`.
    pub log_level: &'a str,
    /// The namespace of its metrics.
    pub metrics_namespace: &'a str,
    /// The table of its checkpoints and its lease.
    pub checkpoints: &'a TableOutputs,
    /// The key of the checkpoints and the dead letters. EventBridge must be allowed to use it.
    pub shared_key: &'a KeyArn,
    /// The source.
    pub blue: Database<'a>,
    /// The target. The function runs in its network.
    pub green: Database<'a>,
    /// The function's security group, from [`sync_group`].
    pub security_group: &'a SecurityGroupId,
    /// The key of the function and its log.
    pub key: &'a KeyArn,
}

/// A database of the sync.
#[derive(Clone, Copy, Debug)]
pub struct Database<'a> {
    /// Its network.
    pub network: &'a Network,
    /// Its security group.
    pub security_group: &'a SecurityGroupId,
    /// The writer's endpoint.
    pub endpoint: &'a str,
    /// The port.
    pub port: u16,
    /// The database's name.
    pub name: &'a str,
    /// The secret with `username` and `password`.
    pub secret: &'a SecretArn,
    /// The key of the secret.
    pub key: &'a KeyArn,
}

/// The data sync.
#[derive(Clone, Debug)]
pub struct Sync {
    /// The function.
    pub function: Function,
    /// The queue for failed invocations.
    pub dead_letters: QueueOutputs,
}

/// Adds the function's security group. It is separate, as green's database refers to it.
pub fn sync_group(scope: &Scope<'_>, network: &Network) -> SecurityGroupId {
    client_group(&scope.at("sync"), NAME, "function", &network.vpc_id)
}

/// Adds the function and its schedule. In the scope `blue` it adds rules that admit the function to blue's database: by subnets, as
/// rules can't refer to security groups across a transit gateway.
pub fn sync(scope: &Scope<'_>, blue: &Scope<'_>, params: &SyncParams<'_>) -> Sync {
    let scope = &scope.at("sync");
    let zones = params.green.network.zones.iter();
    for (zone, cidr) in zones.zip(&params.green.network.private_cidrs) {
        let from = Peer::Cidr(*cidr);
        let what = "the data sync, from green";
        let rule = SecurityGroupRule::tcp_in(params.blue.security_group, params.blue.port, from, what);
        blue.at("database").add(&format!("from-{NAME}-{}", super::network::letter(zone)), rule);
    }
    let rule = scope.add(
        "schedule",
        events::Rule {
            name: scope.name_within(NAME, 64),
            description: "Every minute: what changed in blue's database goes to green's".to_owned(),
            pattern: None,
            schedule: Some("rate(1 minute)".to_owned()),
            enabled: true,
        },
    );
    let senders = [Sender { service: "events.amazonaws.com", source_arn: &rule.arn }];
    let dead_letters = dead_letter_queue(scope, "sync-dead-letters", params.shared_key, &senders);
    let network = params.green.network;
    let mut reaches = vec![
        network.reach_dynamodb(),
        Reach {
            what: "green-database",
            port: params.green.port,
            peer: Peer::SecurityGroup(params.green.security_group.clone()),
        },
        Reach { what: "blue-database", port: params.blue.port, peer: Peer::Cidr(params.blue.network.cidr) },
    ];
    reaches.extend(network.reach_aws_services());
    let function = function(
        scope,
        FunctionParams {
            name: NAME,
            description: "Takes over what changes in blue's database into green's",
            package: params.package,
            runtime: params.runtime,
            memory_mib: params.memory_mib,
            timeout_seconds: 900,
            reserved_concurrency: None,
            environment: environment(params),
            statements: statements(params),
            network: Some(FunctionNetwork {
                subnets: &network.private_subnet_ids,
                security_group: params.security_group,
                reaches: &reaches,
            }),
            key: params.key,
            dead_letters: &dead_letters.arn,
        },
    );
    let allowed = callable_by(scope, NAME, &function.arn, "events.amazonaws.com", &rule.arn, "by-schedule");
    scope.after(&allowed, "the rule calls the function as soon as it has a target").add(
        "target",
        events::Target {
            rule: rule.name,
            id: NAME.to_owned(),
            arn: function.arn.to_string(),
            role: None,
            input: None,
            dead_letters: Some(dead_letters.arn.clone()),
            // No retry: the next run continues.
            retry: events::RetryPolicy { maximum_attempts: 0, maximum_age_seconds: 60 },
        },
    );
    Sync { function, dead_letters }
}

fn environment(params: &SyncParams<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::from([
        ("CHECKPOINT_TABLE".to_owned(), params.checkpoints.name.clone()),
        ("LOG_LEVEL".to_owned(), params.log_level.to_owned()),
        ("METRICS_NAMESPACE".to_owned(), params.metrics_namespace.to_owned()),
    ]);
    for (prefix, database) in [("BLUE", &params.blue), ("GREEN", &params.green)] {
        for (name, value) in [
            ("HOST", database.endpoint.to_owned()),
            ("PORT", database.port.to_string()),
            ("NAME", database.name.to_owned()),
            ("SECRET_ARN", database.secret.to_string()),
        ] {
            environment.insert(format!("{prefix}_DB_{name}"), value);
        }
    }
    environment
}

fn statements(params: &SyncParams<'_>) -> Vec<Value> {
    let databases = [&params.blue, &params.green];
    let items = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];
    vec![
        allow(&["secretsmanager:GetSecretValue"], databases.map(|database| database.secret.to_string())),
        allow(&["kms:Decrypt"], databases.map(|database| database.key.to_string())),
        allow(&items, [params.checkpoints.arn.to_string()]),
        allow(&["kms:Decrypt", "kms:GenerateDataKey"], [params.shared_key.to_string()]),
    ]
}
