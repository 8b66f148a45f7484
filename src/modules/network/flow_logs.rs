//! VPC flow logs.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::NetworkParams;
use crate::modules::policy::{allow, document, trust_for};
use crate::modules::{Scope, log_group};
use crate::resources::ec2::FlowLog;
use crate::resources::iam::Role;
use crate::resources::ids::VpcId;

/// Logs all traffic of the VPC to an encrypted log group.
pub(super) fn add(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId) {
    let name = format!("/aws/vpc/{}", scope.name("flow-logs"));
    let group_arn = log_group(scope, "flow-logs-log-group", name, &params.key).arn;
    // Role names are global: the networks of two regions need different ones.
    let name = scope.name_within(&format!("flow-logs-{}", scope.region()), 64);
    let write = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"];
    let statements = [
        allow(&write, [format!("{group_arn}:*")]),
        allow(&["logs:DescribeLogGroups"], [scope.arn("logs", "log-group:*")]),
    ];
    let role = Role {
        name,
        description: format!("Writes the VPC flow logs of {}", scope.environment_name()),
        trust: trust_for(
            "vpc-flow-logs.amazonaws.com",
            json!({
                "StringEquals": {"aws:SourceAccount": scope.account()},
                "ArnLike": {"aws:SourceArn": scope.arn("ec2", "vpc-flow-log/*")},
            }),
        ),
        // No logs:CreateLogGroup: the service must not recreate a deleted log group without the key.
        inline_policies: BTreeMap::from([("write-flow-logs".to_owned(), document(statements))]),
        managed_policies: BTreeSet::new(),
        max_session_seconds: 3600,
    };
    let role_arn = scope.add("flow-logs-role", role).arn;
    scope.add("flow-log", FlowLog::of_all_traffic(vpc_id, &group_arn, &role_arn));
}
