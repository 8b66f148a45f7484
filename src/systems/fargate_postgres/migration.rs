//! The migration: the sync of the data, and who from another account may run it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::environment::Environment;
use super::{Composition, Shared, metrics_namespace};
use crate::modules::database::Engine;
use crate::modules::policy::{allow, document};
use crate::modules::sync::{Database, Sync, SyncParams, sync};
use crate::resources::iam::Role;
use crate::resources::ids::RoleArn;

/// What moves the data.
pub(super) struct Migration {
    pub sync: Sync,
    /// What another account's tooling takes on.
    pub role: Option<RoleArn>,
}

impl Composition<'_> {
    pub(super) fn migration(&self, shared: &Shared, blue: &Environment<'_>, green: &Environment<'_>) -> Migration {
        let config = self.config;
        let security_group = green.sync_group.as_ref().expect("the sync lives in green");
        let sync = sync(
            &green.scope,
            &blue.scope,
            &SyncParams {
                package: &self.facts.packages["data-sync"],
                runtime: &config.functions.runtime,
                memory_mib: config.functions.memory_mb,
                log_level: &config.functions.log_level,
                metrics_namespace: &metrics_namespace(self.root.suffix()),
                checkpoints: &shared.storage.checkpoints,
                shared_key: &shared.foundation.key.arn,
                blue: self.synced(blue),
                green: self.synced(green),
                security_group,
                key: &green.key.arn,
                log_retention_days: config.logs.retention_days,
            },
        );
        let role = self.role(&[&sync.function.arn, &blue.migrate.arn, &green.migrate.arn].map(ToString::to_string));
        Migration { sync, role }
    }

    fn synced<'s>(&'s self, side: &'s Environment<'_>) -> Database<'s> {
        Database {
            network: &side.network,
            security_group: &side.database.primary.security_group,
            endpoint: &side.database.primary.cluster.endpoint,
            port: Engine::AuroraPostgresql.port(),
            name: &self.config.database.name,
            secret: &side.secret,
            key: &side.key.arn,
        }
    }

    /// Calls the functions of the migration, and sees how it goes; for an account that knows what was agreed on.
    fn role(&self, functions: &[String]) -> Option<RoleArn> {
        let given = self.config.migration_role.as_ref()?;
        let scope = &self.root;
        let trust = document([json!({
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", scope.partition(), given.trusted_account)},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": given.external_id}},
        })]);
        let statements = [
            allow(&["lambda:InvokeFunction"], functions.iter().cloned()),
            // Metrics know no resources, and composite alarms are only told to who may see all.
            allow(&["cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData"], ["*"]),
        ];
        let role = Role {
            name: scope.name_within("migration-role", 64),
            description: "What tooling in another account runs the migration as".to_owned(),
            trust,
            inline_policies: BTreeMap::from([("migration".to_owned(), document(statements))]),
            managed_policies: BTreeSet::new(),
            max_session_seconds: 3600,
        };
        Some(scope.at("migration").add("role", role).arn)
    }
}

impl Migration {
    /// What people need to know of it.
    pub fn outputs(&self, outputs: &mut BTreeMap<String, String>) {
        outputs.insert("sync_function".to_owned(), self.sync.function.name.clone());
        if let Some(role) = &self.role {
            outputs.insert("migration_role_arn".to_owned(), role.to_string());
        }
    }
}
