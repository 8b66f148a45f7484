//! The storage that both environments share: buckets for transaction logs and documents, tables for sessions, rate limits and the
//! checkpoints of the data sync.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Composer;
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

impl Composer<'_> {
    pub(super) fn storage(&self, foundation: &Foundation) -> Storage {
        let settings = &self.settings.storage;
        let buckets = self.root.at("buckets");
        let bucket = |leaf: &str, keep_days: i32| {
            let to_glacier = LifecycleRule {
                transitions: BTreeMap::from([("GLACIER".to_owned(), settings.glacier_after_days)]),
                ..LifecycleRule::default()
            };
            let params = BucketParams {
                // The requirement asks for SSE-S3.
                encryption: Encryption::S3,
                keep_days: Some(keep_days),
                lifecycle: BTreeMap::from([("to-glacier".to_owned(), to_glacier)]),
                access_logs: Some(&foundation.access_logs),
                ..BucketParams::default()
            };
            private_bucket(&buckets, leaf, &params)
        };
        let transaction_logs = bucket("transaction-logs", settings.transaction_log_days);
        let documents = bucket("compliance-documents", settings.document_days);
        let tables = Tables { scope: self.root.at("tables"), composer: self, key: &foundation.key.arn };
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
    composer: &'a Composer<'a>,
    key: &'a KeyArn,
}

impl Tables<'_> {
    /// Sessions, with indexes by user and by merchant, and a stream of changes.
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

    /// Requests per client and window. Items expire.
    fn rate_limits(&self) -> TableOutputs {
        self.scope.add(
            "rate-limits",
            Table {
                // All clients write the same routes: sharded keys (`/payments#7`) avoid hot partitions.
                global_indexes: BTreeMap::from([("by-route".to_owned(), index("route_shard", "window"))]),
                stream: Some(StreamView::NewAndOldImages),
                time_to_live: Some("expires_at".to_owned()),
                ..self.table("rate-limits", text("client_id"), Some(text("window")))
            },
        )
    }

    /// The checkpoints and the lease of the data sync.
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
            kms_key: Some(self.key.clone()),
            point_in_time_recovery: true,
            time_to_live: None,
            deletion_protection: self.composer.common.protection.deletion_protection,
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

    /// Policy statements for the tasks of a service.
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
