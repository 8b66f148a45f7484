use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::modules::Scope;
use crate::resources::document::Document;
use crate::resources::iam::Role;

/// The role by which enhanced monitoring writes the metrics of these instances, and of no others.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html>
pub(super) fn role(scope: &Scope<'_>, instances: &[String]) -> Role {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "monitoring.rds.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": scope.account()},
                "ArnEquals": {"aws:SourceArn": instances},
            },
        }],
    });
    let managed = format!("arn:{}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole", scope.partition());
    Role {
        name: scope.name_within("database-monitoring", 64),
        description: "Lets RDS write enhanced monitoring metrics".to_owned(),
        trust: Document::new(trust),
        inline_policies: BTreeMap::new(),
        managed_policies: BTreeSet::from([managed]),
        max_session_seconds: 3600,
    }
}
