//! The role for enhanced monitoring.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use crate::modules::Scope;
use crate::modules::policy::trust_for;
use crate::resources::iam::Role;

/// The role with which enhanced monitoring writes the metrics of these instances only.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/USER_Monitoring.OS.Enabling.html>
pub(super) fn role(scope: &Scope<'_>, instances: &[String]) -> Role {
    let these = json!({
        "StringEquals": {"aws:SourceAccount": scope.account()},
        "ArnEquals": {"aws:SourceArn": instances},
    });
    Role {
        name: scope.name_within("database-monitoring", 64),
        description: "Lets RDS write enhanced monitoring metrics".to_owned(),
        trust: trust_for("monitoring.rds.amazonaws.com", these),
        inline_policies: BTreeMap::new(),
        managed_policies: BTreeSet::from([scope.managed_policy("service-role/AmazonRDSEnhancedMonitoringRole")]),
        max_session_seconds: 3600,
    }
}
