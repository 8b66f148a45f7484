//! A Lambda function with all that is its own: role, log group, security group's rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::Scope;
use super::policy::{allow, document, trust};
use super::reach::{Reach, let_out};
use crate::package::Package;
use crate::resources::ids::{FunctionArn, KeyArn, QueueArn, RoleArn, SecurityGroupId, SubnetId};
use crate::resources::{iam, lambda, logs};

/// What a function needs.
#[derive(Clone, Debug)]
pub struct FunctionParams<'a> {
    /// What it is called here: `payment-api`.
    pub name: &'a str,
    /// What it is for, in a sentence.
    pub description: &'a str,
    /// Its code.
    pub package: &'a Package,
    /// For example `nodejs24.x`.
    pub runtime: &'a str,
    /// 128 to 10,240 MiB.
    pub memory_mib: i32,
    /// 1 to 900 s.
    pub timeout_seconds: i32,
    /// How many calls may run at once; as many as the account has left without.
    pub reserved_concurrency: Option<i32>,
    /// Environment variables; never a secret.
    pub environment: BTreeMap<String, String>,
    /// What it may do beside writing its log and traces.
    pub statements: Vec<Value>,
    /// The network it reaches, if any of ours.
    pub network: Option<FunctionNetwork<'a>>,
    /// The key that encrypts environment, log group and dead letters.
    pub key: &'a KeyArn,
    /// Where events go that were called asynchronously and failed to the end.
    pub dead_letters: &'a QueueArn,
    /// How long its log is kept, in days.
    pub log_retention_days: i32,
}

/// The network that a function reaches.
#[derive(Clone, Copy, Debug)]
pub struct FunctionNetwork<'a> {
    /// Private subnets.
    pub subnets: &'a [SubnetId],
    /// Its own group: [`client_group`](super::reach::client_group).
    pub security_group: &'a SecurityGroupId,
    /// All that it may connect to.
    pub reaches: &'a [Reach<'a>],
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its ARN.
    pub arn: FunctionArn,
    /// Its name in the account: the dimension `FunctionName` of its metrics.
    pub name: String,
    /// What it runs as.
    pub role: RoleArn,
    /// Its log group's name.
    pub log_group: String,
}

/// Puts a function here, below its name.
pub fn function(scope: &Scope<'_>, params: FunctionParams<'_>) -> Function {
    let scope = scope.at(params.name);
    let name = scope.name_within(params.name, 64);
    let log_group = scope.add(
        "log-group",
        logs::LogGroup {
            name: format!("/aws/lambda/{name}"),
            kms_key: params.key.clone(),
            retention_days: Some(params.log_retention_days),
        },
    );
    let mut statements = vec![
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [format!("{}:*", log_group.arn)]),
        // X-Ray knows no resources.
        allow(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"], ["*"]),
        allow(&["kms:Decrypt", "kms:GenerateDataKey"], [params.key.to_string()]),
        allow(&["sqs:SendMessage"], [params.dead_letters.to_string()]),
    ];
    if params.network.is_some() {
        statements.extend(interfaces(&scope, &name));
    }
    statements.extend(params.statements);
    let role = scope.add(
        "role",
        iam::Role {
            name: scope.name_within(&format!("{}-role", params.name), 64),
            description: format!("The function {name}"),
            trust: trust(&scope, "lambda.amazonaws.com"),
            inline_policies: BTreeMap::from([("function".to_owned(), document(statements))]),
            managed_policies: BTreeSet::new(),
            max_session_seconds: 3600,
        },
    );
    let vpc = params.network.map(|network| {
        let_out(&scope, network.security_group, network.reaches);
        lambda::VpcAccess {
            subnets: network.subnets.iter().cloned().collect(),
            security_groups: BTreeSet::from([network.security_group.clone()]),
        }
    });
    let function = scope.add(
        "function",
        lambda::Function {
            name,
            description: params.description.to_owned(),
            role: role.arn.clone(),
            runtime: params.runtime.to_owned(),
            handler: params.package.handler.clone(),
            memory_mib: params.memory_mib,
            timeout_seconds: params.timeout_seconds,
            ephemeral_storage_mib: 512,
            architecture: "arm64".to_owned(),
            environment: params.environment,
            vpc,
            kms_key: params.key.clone(),
            dead_letters: Some(params.dead_letters.clone()),
            tracing: true,
            logging: lambda::Logging { log_group: log_group.name.clone(), format: "JSON".to_owned() },
            reserved_concurrency: params.reserved_concurrency,
            package: lambda::CodePackage {
                source: params.package.name.clone(),
                sha256: params.package.sha256_base64.clone(),
            },
        },
    );
    Function { arn: function.arn, name: function.name, role: role.arn, log_group: log_group.name }
}

/// Lets a service call a function for one of its resources. It is put below the function.
pub fn callable_by(
    scope: &Scope<'_>,
    name: &str,
    function: &FunctionArn,
    service: &str,
    source_arn: &str,
    leaf: &str,
) -> String {
    let scope = scope.at(name);
    let permission = scope.add(
        leaf,
        lambda::Permission {
            function: function.clone(),
            statement_id: leaf.to_owned(),
            principal: service.to_owned(),
            source_arn: Some(source_arn.to_owned()),
            source_account: Some(scope.account().to_owned()),
        },
    );
    permission.statement_id
}

/// Lets Lambda keep network interfaces for the function, and denies the function's own code the same.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
fn interfaces(scope: &Scope<'_>, name: &str) -> [Value; 3] {
    const WRITES: [&str; 4] = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    ];
    // These know no resources.
    const READS: [&str; 2] = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];
    let function = scope.arn("lambda", &format!("function:{name}"));
    let all = [WRITES.as_slice(), &READS].concat();
    [
        // Lambda asks for all interfaces: narrower ones it refuses.
        allow(&WRITES, [scope.arn("ec2", "*/*")]),
        allow(&READS, ["*"]),
        json!({
            "Effect": "Deny",
            "Action": all,
            "Resource": "*",
            "Condition": {"ArnEquals": {"lambda:SourceFunctionArn": function}},
        }),
    ]
}
