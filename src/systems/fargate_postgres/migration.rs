//! The data sync, and the role by which another account runs the migration.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::environment::Environment;
use super::{Composer, Shared, metrics_namespace};
use crate::modules::alarms::{MonitoredSync, sync_alarms};
use crate::modules::database::Engine;
use crate::modules::policy::{allow, document};
use crate::modules::sync::{Database, Sync, SyncParams, sync};
use crate::resources::cloudwatch::AlarmOutputs;
use crate::resources::iam::Role;
use crate::resources::ids::RoleArn;

/// The data sync with its alarms and the role for another account.
pub(super) struct Migration {
    pub sync: Sync,
    pub role: Option<RoleArn>,
    pub alarms: Vec<AlarmOutputs>,
}

impl Composer<'_> {
    pub(super) fn migration(&self, shared: &Shared, blue: &Environment<'_>, green: &Environment<'_>) -> Migration {
        let settings = self.settings;
        let namespace = metrics_namespace(self.root.suffix());
        let security_group = green.sync_group.as_ref().expect("the sync runs in green");
        let sync = sync(
            &green.scope,
            &blue.scope,
            &SyncParams {
                package: &self.facts.packages["data-sync"],
                runtime: &settings.functions.runtime,
                memory_mib: settings.functions.memory_mb,
                log_level: &settings.functions.log_level,
                metrics_namespace: &namespace,
                checkpoints: &shared.storage.checkpoints,
                shared_key: &shared.foundation.key.arn,
                blue: self.synced(blue),
                green: self.synced(green),
                security_group,
                key: &green.key.arn,
            },
        );
        let role = self.role(&[&sync.function.arn, &blue.migrate.arn, &green.migrate.arn].map(ToString::to_string));
        let alarms = sync_alarms(
            &self.root.at("migration"),
            &MonitoredSync {
                function: &sync.function.name,
                namespace: &namespace,
                dead_letters: &sync.dead_letters.name,
                lag_seconds: settings.alarms.sync_lag_seconds,
                topic: &shared.foundation.alerts,
            },
        );
        Migration { sync, role, alarms }
    }

    fn synced<'s>(&'s self, side: &'s Environment<'_>) -> Database<'s> {
        Database {
            network: &side.network,
            security_group: &side.database.primary.security_group,
            endpoint: &side.database.primary.cluster.endpoint,
            port: Engine::AuroraPostgresql.port(),
            name: &self.settings.database.name,
            secret: &side.secret,
            key: &side.key.arn,
        }
    }

    /// Adds the role: it may call the functions of the migration and read metrics and alarms.
    fn role(&self, functions: &[String]) -> Option<RoleArn> {
        let given = self.settings.migration_role.as_ref()?;
        let scope = &self.root;
        let trust = document([json!({
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", scope.partition(), given.trusted_account)},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"sts:ExternalId": given.external_id}},
        })]);
        let statements = [
            allow(&["lambda:InvokeFunction"], functions.iter().cloned()),
            // Metrics don't support resource-level permissions, and composite alarms need permission for all alarms.
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
    /// Adds the outputs for users.
    pub fn outputs(&self, outputs: &mut BTreeMap<String, String>) {
        outputs.insert("sync_function".to_owned(), self.sync.function.name.clone());
        if let Some(role) = &self.role {
            outputs.insert("migration_role_arn".to_owned(), role.to_string());
        }
    }
}
