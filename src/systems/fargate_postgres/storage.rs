//! What both environments keep beside their databases: buckets for what happened, tables for sessions and rate limits, and
//! how far the data sync is.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Composition;
use crate::modules::Scope;
use crate::modules::bucket::{BucketParams, PrivateBucket, private_bucket};
use crate::modules::foundation::Foundation;
use crate::modules::policy::allow;
use crate::resources::dynamodb::{Attribute, AttributeType, GlobalIndex, Projection, StreamView, Table, TableOutputs};
use crate::resources::ids::KeyArn;
use crate::resources::s3::{Encryption, LifecycleRule};

/// Buckets and tables.
pub(super) struct Storage {
    pub transaction_logs: PrivateBucket,
    pub documents: PrivateBucket,
    pub sessions: TableOutputs,
    pub rate_limits: TableOutputs,
    pub checkpoints: TableOutputs,
}

impl Composition<'_> {
    pub(super) fn storage(&self, foundation: &Foundation) -> Storage {
        let settings = &self.config.storage;
        let buckets = self.root.at("buckets");
        let bucket = |leaf: &str, keep_days: i32| {
            let to_glacier = LifecycleRule {
                transitions: BTreeMap::from([("GLACIER".to_owned(), settings.glacier_after_days)]),
                ..LifecycleRule::default()
            };
            let params = BucketParams {
                // The requirement asks for S3's own keys.
                encryption: Encryption::S3,
                keep_days: Some(keep_days),
                lifecycle: BTreeMap::from([("to-glacier".to_owned(), to_glacier)]),
                access_logs: Some(&foundation.access_logs),
                statements: |_, _| Vec::new(),
            };
            private_bucket(&buckets, leaf, &params)
        };
        let transaction_logs = bucket("transaction-logs", settings.transaction_log_days);
        let documents = bucket("compliance-documents", settings.document_days);
        let tables = Tables { scope: self.root.at("tables"), composition: self, key: &foundation.key.arn };
        Storage {
            transaction_logs,
            documents,
            sessions: tables.sessions(),
            rate_limits: tables.rate_limits(),
            checkpoints: tables.checkpoints(),
        }
    }
}

struct Tables<'a> {
    scope: Scope<'a>,
    composition: &'a Composition<'a>,
    key: &'a KeyArn,
}

impl Tables<'_> {
    /// Who is logged in, found by session, by user and by merchant; every change can be followed.
    fn sessions(&self) -> TableOutputs {
        self.scope.add(
            "sessions",
            Table {
                global_indexes: BTreeMap::from([
                    ("by-user".to_owned(), index("user_id", "created_at")),
                    ("by-merchant".to_owned(), index("merchant_id", "last_seen_at")),
                ]),
                stream: Some(StreamView::NewAndOldImages),
                time_to_live: Some("expires_at".to_owned()),
                ..self.table("sessions", text("session_id"), None)
            },
        )
    }

    /// How often a client called in a window; what is over goes by itself.
    fn rate_limits(&self) -> TableOutputs {
        self.scope.add(
            "rate-limits",
            Table {
                // A route is asked for by all clients: what writes spreads it over shards, `/payments#7`.
                global_indexes: BTreeMap::from([("by-route".to_owned(), index("route_shard", "window"))]),
                stream: Some(StreamView::NewAndOldImages),
                time_to_live: Some("expires_at".to_owned()),
                ..self.table("rate-limits", text("client_id"), Some(text("window")))
            },
        )
    }

    /// How far the data sync is, and who holds its lease.
    fn checkpoints(&self) -> TableOutputs {
        self.scope.add("sync-checkpoints", self.table("sync-checkpoints", text("pk"), None))
    }

    fn table(&self, name: &str, partition_key: Attribute, sort_key: Option<Attribute>) -> Table {
        Table {
            name: self.scope.name(name),
            partition_key,
            sort_key,
            global_indexes: BTreeMap::new(),
            stream: None,
            kms_key: self.key.clone(),
            point_in_time_recovery: true,
            time_to_live: None,
            deletion_protection: self.composition.config.protection.deletion_protection,
        }
    }
}

fn text(name: &str) -> Attribute {
    Attribute { name: name.to_owned(), of: AttributeType::String }
}

fn index(partition_key: &str, sort_key: &str) -> GlobalIndex {
    GlobalIndex { partition_key: text(partition_key), sort_key: Some(text(sort_key)), projection: Projection::All }
}

impl Storage {
    /// All tables.
    pub fn tables(&self) -> [&TableOutputs; 3] {
        [&self.sessions, &self.rate_limits, &self.checkpoints]
    }

    /// What the tasks of a service may do here.
    pub fn statements(&self, service: &str, key: &KeyArn) -> Vec<Value> {
        let objects = |bucket: &PrivateBucket| format!("{}/*", bucket.arn);
        let write_log = allow(&["s3:PutObject"], [objects(&self.transaction_logs)]);
        match service {
            "payment-api" => {
                let tables = [&self.sessions, &self.rate_limits].map(|table| table.arn.to_string());
                let indexes = tables.clone().map(|arn| format!("{arn}/index/*"));
                let items = ["GetItem", "PutItem", "UpdateItem", "DeleteItem"].map(|name| format!("dynamodb:{name}"));
                vec![
                    write_log,
                    allow(&items.each_ref().map(String::as_str), tables.clone()),
                    allow(&["dynamodb:Query"], tables.into_iter().chain(indexes)),
                    allow(&["kms:Decrypt", "kms:GenerateDataKey"], [key.to_string()]),
                ]
            }
            "reporting" => vec![
                allow(&["s3:GetObject"], [objects(&self.transaction_logs), objects(&self.documents)]),
                allow(&["s3:PutObject"], [objects(&self.documents)]),
                allow(&["s3:ListBucket"], [self.transaction_logs.arn.to_string(), self.documents.arn.to_string()]),
            ],
            _ => vec![write_log],
        }
    }
}
