//! A Lambda function with its role, log group and outbound rules.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::policy::{allow, document, trust};
use super::reach::{Reach, allow_outbound};
use super::{Scope, log_group};
use crate::package::Package;
use crate::resources::ids::{FunctionArn, KeyArn, QueueArn, RoleArn, SecurityGroupId, SubnetId};
use crate::resources::{iam, lambda};

/// The parameters of a function.
#[derive(Clone, Debug)]
pub struct FunctionParams<'a> {
    /// Its name in the system: `payment-api`.
    pub name: &'a str,
    /// A sentence about its purpose.
    pub description: &'a str,
    /// Its code.
    pub package: &'a Package,
    /// The runtime, for example `nodejs24.x`.
    pub runtime: &'a str,
    /// Memory, 128 to 10,240 MiB.
    pub memory_mib: i32,
    /// The timeout, 1 to 900 s.
    pub timeout_seconds: i32,
    /// The reserved concurrency; `None`: the account's unreserved concurrency.
    pub reserved_concurrency: Option<i32>,
    /// Environment variables. No secrets.
    pub environment: BTreeMap<String, String>,
    /// Policy statements beside those for logs and traces.
    pub statements: Vec<Value>,
    /// The VPC that it is attached to, if any.
    pub network: Option<FunctionNetwork<'a>>,
    /// The key that encrypts environment, log group and dead letters.
    pub key: &'a KeyArn,
    /// The queue for asynchronous events that failed after all retries.
    pub dead_letters: &'a QueueArn,
}

/// The VPC access of a function.
#[derive(Clone, Copy, Debug)]
pub struct FunctionNetwork<'a> {
    /// Private subnets.
    pub subnets: &'a [SubnetId],
    /// Its security group, from [`client_group`](super::reach::client_group).
    pub security_group: &'a SecurityGroupId,
    /// The destinations that it may connect to.
    pub reaches: &'a [Reach<'a>],
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// The function's ARN.
    pub arn: FunctionArn,
    /// Its name in AWS: the dimension `FunctionName` of its metrics.
    pub name: String,
    /// Its role.
    pub role: RoleArn,
    /// The name of its log group.
    pub log_group: String,
}

/// Adds a function, below its name.
pub fn function(scope: &Scope<'_>, params: FunctionParams<'_>) -> Function {
    let scope = scope.at(params.name);
    let name = scope.name_within(params.name, 64);
    let log_group = log_group(&scope, "log-group", format!("/aws/lambda/{name}"), params.key);
    let mut statements = vec![
        allow(&["logs:CreateLogStream", "logs:PutLogEvents"], [format!("{}:*", log_group.arn)]),
        // X-Ray doesn't support resource-level permissions.
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
        allow_outbound(&scope, network.security_group, network.reaches);
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
            kms_key: Some(params.key.clone()),
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

/// Allows a service to call a function on behalf of one of its resources. The step is below the function.
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

/// Allows Lambda to manage network interfaces for the function, but not the function's own code.
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html>
fn interfaces(scope: &Scope<'_>, name: &str) -> [Value; 3] {
    const WRITES: [&str; 4] = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:UnassignPrivateIpAddresses",
    ];
    // These don't support resource-level permissions.
    const READS: [&str; 2] = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"];
    let function = scope.arn("lambda", &format!("function:{name}"));
    let all = [WRITES.as_slice(), &READS].concat();
    [
        // Lambda requires permission for all interfaces.
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
