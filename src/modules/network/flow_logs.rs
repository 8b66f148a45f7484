//! What went in and out of the VPC, for audits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::NetworkParams;
use crate::modules::Scope;
use crate::resources::document::Document;
use crate::resources::ec2::FlowLog;
use crate::resources::iam::Role;
use crate::resources::ids::VpcId;
use crate::resources::logs::LogGroup;

/// Records all traffic of the VPC in an encrypted log group.
pub(super) fn add(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId) {
    let group = LogGroup {
        name: format!("/aws/vpc/{}", scope.name("flow-logs")),
        kms_key: params.key.clone(),
        retention_days: Some(params.flow_log_retention_days),
    };
    let group_arn = scope.add("flow-logs-log-group", group).arn;
    // IAM is global: the networks of two regions must not have one role's name.
    let name = scope.name_within(&format!("flow-logs-{}", scope.region()), 64);
    let role = Role {
        name,
        description: format!("Writes the VPC flow logs of {}", scope.environment_name()),
        trust: Document::new(json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": scope.account()},
                "ArnLike": {"aws:SourceArn": scope.arn("ec2", "vpc-flow-log/*")},
            },
        }]})),
        // No logs:CreateLogGroup: a group that somebody deletes must not come back without its key.
        inline_policies: BTreeMap::from([(
            "write-flow-logs".to_owned(),
            Document::new(json!({"Version": "2012-10-17", "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                    "Resource": format!("{group_arn}:*"),
                },
                {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": scope.arn("logs", "log-group:*")},
            ]})),
        )]),
        managed_policies: BTreeSet::new(),
        max_session_seconds: 3600,
    };
    let role_arn = scope.add("flow-logs-role", role).arn;
    scope.add("flow-log", FlowLog::of_all_traffic(vpc_id, &group_arn, &role_arn));
}
