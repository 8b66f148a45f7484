//! Scheduled backups in an encrypted vault.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::Scope;
use super::policy::{document, trust};
use crate::resources::backup::{Plan, PlanOutputs, PlanRule, Selection, Vault, VaultOutputs};
use crate::resources::document::Document;
use crate::resources::iam::Role;
use crate::resources::ids::KeyArn;

/// The parameters of the backups.
#[derive(Clone, Debug)]
pub struct BackupParams<'a> {
    /// The key that encrypts the vault.
    pub key: &'a KeyArn,
    /// The ARNs of the clusters, tables ... to back up.
    pub resources: BTreeSet<String>,
    /// The schedule, in UTC: `cron(0 5 ? * * *)`.
    pub schedule: &'a str,
    /// Days that each backup is kept.
    pub retention_days: i64,
}

/// A vault and its backup plan.
#[derive(Clone, Debug)]
pub struct Backup {
    /// The vault.
    pub vault: VaultOutputs,
    /// The plan.
    pub plan: PlanOutputs,
}

/// Adds a vault, a plan, a role and a selection.
pub fn backup(scope: &Scope<'_>, params: &BackupParams<'_>) -> Backup {
    let scope = scope.at("backup");
    let vault = scope.add(
        "vault",
        Vault {
            name: scope.name_within("backup-vault", 50),
            kms_key: Some(params.key.clone()),
            policy: vault_policy(),
        },
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

/// Nobody may delete backups before they expire. `destroy` removes this policy first.
fn vault_policy() -> Document {
    document([json!({
        "Sid": "NoDeletionByHand",
        "Effect": "Deny",
        "Principal": "*",
        "Action": ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
        "Resource": "*",
    })])
}

fn role(scope: &Scope<'_>) -> Role {
    Role {
        name: scope.name_within("backup", 64),
        description: "Lets AWS Backup make backups".to_owned(),
        trust: trust(scope, "backup.amazonaws.com"),
        inline_policies: BTreeMap::new(),
        managed_policies: BTreeSet::from([scope.managed_policy("service-role/AWSBackupServiceRolePolicyForBackup")]),
        max_session_seconds: 3600,
    }
}
