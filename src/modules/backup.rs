//! Daily backups in a vault with our key.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Scope;
use crate::resources::backup::{Plan, PlanOutputs, PlanRule, Selection, Vault, VaultOutputs};
use crate::resources::document::Document;
use crate::resources::iam::Role;
use crate::resources::ids::KeyArn;

/// What is backed up, and how.
#[derive(Clone, Debug)]
pub struct BackupParams<'a> {
    /// The key that encrypts the vault.
    pub key: &'a KeyArn,
    /// The ARNs of clusters, tables ...
    pub resources: BTreeSet<String>,
    /// When, in UTC: `cron(0 5 ? * * *)`.
    pub schedule: &'a str,
    /// How long each backup is kept, in days.
    pub retention_days: i64,
}

/// A vault and the plan that fills it.
#[derive(Clone, Debug)]
pub struct Backup {
    /// Where the backups are.
    pub vault: VaultOutputs,
    /// When they are made.
    pub plan: PlanOutputs,
}

/// Puts a vault, a plan, a role and a selection here.
pub fn backup(scope: &Scope<'_>, params: &BackupParams<'_>) -> Backup {
    let scope = scope.at("backup");
    let vault = scope.add(
        "vault",
        Vault { name: scope.name_within("backup-vault", 50), kms_key: params.key.clone(), policy: vault_policy() },
    );
    let plan = scope.add(
        "plan",
        Plan {
            name: scope.name_within("backup-plan", 50),
            rules: vec![PlanRule {
                name: "scheduled".to_owned(),
                vault: vault.name.clone(),
                schedule: params.schedule.to_owned(),
                start_window_minutes: 60,
                completion_window_minutes: 180,
                delete_after_days: params.retention_days,
            }],
        },
    );
    let role = scope.add("role", role(&scope));
    scope.add(
        "selection",
        Selection {
            name: scope.name_within("backup-selection", 50),
            plan: plan.plan_id.clone(),
            role: role.arn,
            resources: params.resources.clone(),
        },
    );
    Backup { vault, plan }
}

/// Backups go when their time is over, and by nobody's hand before. Destroying the system lifts this first.
fn vault_policy() -> Document {
    Document::new(json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "NoDeletionByHand",
            "Effect": "Deny",
            "Principal": "*",
            "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
            "Resource": "*",
        }],
    }))
}

fn role(scope: &Scope<'_>) -> Role {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "backup.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": scope.account()}},
        }],
    });
    let managed = "iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup";
    Role {
        name: scope.name_within("backup", 64),
        description: "Lets AWS Backup make backups".to_owned(),
        trust: Document::new(trust),
        inline_policies: BTreeMap::new(),
        managed_policies: BTreeSet::from([format!("arn:{}:{managed}", scope.partition())]),
        max_session_seconds: 3600,
    }
}
