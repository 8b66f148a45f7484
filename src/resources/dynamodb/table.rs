use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeyType, PointInTimeRecoverySpecification, SseDescription, SseSpecification,
    SseStatus, SseType, TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};

use super::attribute::{Key, key_attribute};
use super::global_index::{IndexChange, actual_indexes, deletion, in_progress, index_changes};
use super::stream::specification;
use super::{Attribute, GlobalIndex, StreamView, from_sdk, to_sdk};
use crate::resources::prelude::*;
use crate::resources::tags::{self, Built};

/// A table in on-demand mode.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// 3 to 255 letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// The partition key.
    pub partition_key: Attribute,
    /// The sort key.
    pub sort_key: Option<Attribute>,
    /// Global secondary indexes by name, up to 20. A changed index is deleted and created: to change one without a gap, add
    /// the new one under another name.
    #[serde(default)]
    pub global_indexes: BTreeMap<String, GlobalIndex>,
    /// What its stream contains; without, it has no stream. A changed view is another stream with another ARN.
    #[serde(default)]
    pub stream: Option<StreamView>,
    /// The key that encrypts it; without, a key that AWS owns.
    pub kms_key: Option<KeyArn>,
    /// Whether it can be restored to any second of the last 35 days.
    pub point_in_time_recovery: bool,
    /// The attribute with the time at which an item expires, in seconds since 1970.
    pub time_to_live: Option<String>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
}

/// The outputs of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableOutputs {
    /// Its ARN.
    pub arn: TableArn,
    /// Its name.
    pub name: String,
    /// Its stream, if it has one.
    pub stream_arn: Option<StreamArn>,
}

impl Table {
    /// A table with AWS's defaults.
    pub fn new(name: impl Into<String>, partition_key: Attribute) -> Self {
        Table {
            name: name.into(),
            partition_key,
            sort_key: None,
            global_indexes: BTreeMap::new(),
            stream: None,
            kms_key: None,
            point_in_time_recovery: false,
            time_to_live: None,
            deletion_protection: false,
        }
    }
}

impl Resource for Table {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["name", "partition_key", "sort_key"],
        stateful: true,
        serves_traffic: true,
        ..TypeInfo::new(
            "dynamodb.table",
            seconds(15),
            &[
                "dynamodb:DescribeTable",
                "dynamodb:DescribeContinuousBackups",
                "dynamodb:DescribeTimeToLive",
                "dynamodb:ListTagsOfResource",
                "dynamodb:CreateTable",
                "dynamodb:UpdateTable",
                "dynamodb:UpdateContinuousBackups",
                "dynamodb:UpdateTimeToLive",
                "dynamodb:TagResource",
                "dynamodb:UntagResource",
                "dynamodb:DeleteTable",
                "kms:DescribeKey",
                "kms:CreateGrant",
            ],
        )
    };

    type Outputs = TableOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&TableOutputs>) -> Result<Option<Found<Self>>> {
        let name = known.map_or(&self.name, |known| &known.name);
        let Some(table) = describe(cx, name).await?.filter(|table| !is_deleting(table)) else { return Ok(None) };
        let outputs = outputs(&table)?;
        let (recovery, time_to_live, tags) =
            tokio::try_join!(point_in_time_recovery(cx, name), time_to_live(cx, name), tags_of(cx, &outputs.arn))?;
        let key = |kind: KeyType| key_attribute(&table, table.key_schema(), &kind);
        let spec = Table {
            name: outputs.name.clone(),
            partition_key: key(KeyType::Hash).ok_or(Error::incomplete("dynamodb:DescribeTable", "KeySchema"))?,
            sort_key: key(KeyType::Range),
            global_indexes: actual_indexes(&table),
            stream: StreamView::of_table(&table),
            kms_key: kms_key(&table),
            point_in_time_recovery: recovery,
            time_to_live,
            deletion_protection: table.deletion_protection_enabled().unwrap_or_default(),
        };
        let live = in_progress(&table).map(|index| format!("the index {index} is being created or deleted"));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<TableOutputs> {
        let request = cx.dynamodb.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        let request = request.set_attribute_definitions(Some(self.definitions(&self.global_indexes)));
        let request = request.set_key_schema(Some(self.key().schema()));
        let indexes: Vec<_> = self.global_indexes.iter().map(|(name, index)| index.to_sdk(name)).collect();
        let request = request.set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes));
        let request = request.set_stream_specification(self.stream.map(|view| specification(Some(view))));
        let request = request.set_sse_specification(self.kms_key.is_some().then(|| encryption(self.kms_key.as_ref())));
        let request = request.set_tags(Some(to_sdk(&cx.tags))).deletion_protection_enabled(self.deletion_protection);
        let create = || async {
            let created = request.clone().send().await.map(|_| ()).map_err(Error::from);
            match created {
                // AWS returns this code both for an existing table and for one that is being deleted.
                Err(error) if error.is_code("ResourceInUseException") => {
                    let exists = describe(cx, &self.name).await?.is_some_and(|table| !is_deleting(&table));
                    Err(if exists { Error { class: Class::AlreadyExists, ..error } } else { error })
                }
                created => created,
            }
        };
        cx.retry_while_retryable("the old table of that name to be deleted", create).await?;
        let table = until_active(cx, &self.name).await?;
        let outputs = outputs(&table)?;
        if self.point_in_time_recovery {
            self.set_recovery(cx).await?;
        }
        if let Some(attribute) = &self.time_to_live {
            set_time_to_live(&cx.dynamodb, &self.name, attribute, true).await?;
        }
        Ok(outputs)
    }

    async fn until_ready(&self, cx: &Cx, outputs: &TableOutputs) -> Result<()> {
        until_active(cx, &outputs.name).await.map(drop)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<TableOutputs> {
        // AWS accepts one change of a table at a time.
        if changes.has("kms_key") {
            let key = self.kms_key.as_ref();
            let is_done = |table: &TableDescription| kms_key(table).as_ref() == key;
            change(cx, &self.name, is_done, |request| request.sse_specification(encryption(key))).await?;
        }
        if changes.has("deletion_protection") {
            let desired = self.deletion_protection;
            let is_done = |table: &TableDescription| table.deletion_protection_enabled() == Some(desired);
            change(cx, &self.name, is_done, |request| request.deletion_protection_enabled(desired)).await?;
        }
        if changes.has("stream") {
            // AWS can't change the view of a stream: the old stream is disabled first.
            let views = [found.spec.stream.map(|_| None), self.stream.map(Some)];
            for view in views.into_iter().flatten() {
                let is_done = |table: &TableDescription| StreamView::of_table(table) == view;
                change(cx, &self.name, is_done, |request| request.stream_specification(specification(view))).await?;
            }
        }
        if changes.has("global_indexes") {
            self.change_indexes(cx, &found.spec.global_indexes).await?;
        }
        if changes.has("point_in_time_recovery") {
            self.set_recovery(cx).await?;
        }
        if changes.has("time_to_live") {
            let (before, after) = (found.spec.time_to_live.as_deref(), self.time_to_live.as_deref());
            change_time_to_live(&cx.dynamodb, &self.name, before, after).await?;
        }
        match changes.has("stream") {
            true => outputs(&until_active(cx, &self.name).await?),
            false => Ok(found.outputs.clone()),
        }
    }

    async fn tag(cx: &Cx, outputs: &TableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        let add = |set: &Tags| cx.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send();
        let delete = |keys| cx.dynamodb.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        tags::change(set, remove, add, delete).await
    }

    async fn delete(cx: &Cx, outputs: &TableOutputs) -> Result<()> {
        let name = &outputs.name;
        let delete = || async {
            match describe(cx, name).await? {
                Some(table) if !is_deleting(&table) => {
                    Ok(cx.dynamodb.delete_table().table_name(name).send().await.map(|_| ())?)
                }
                _ => Ok(()),
            }
        };
        ignore_not_found(cx.retry_while_retryable("DynamoDB to finish another change of this table", delete).await)?;
        let look = || async { Ok(describe(cx, name).await?.is_none().then_some(())) };
        cx.wait_until("the table to be deleted", Patience::SHORT, look).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html>
    fn cloudformation(&self) -> Form {
        let defined = key_attributes(self.key(), &self.global_indexes).map(Attribute::cloudformation_definition);
        let indexes = self.global_indexes.iter().map(|(name, index)| index.cloudformation(name));
        let table = properties!(self, Table {
            name => "TableName",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": defined.collect::<Value>(),
            partition_key => _,
            sort_key => "KeySchema": self.key().cloudformation_schema(),
            global_indexes => "GlobalSecondaryIndexes":
                (!global_indexes.is_empty()).then(|| indexes.collect::<Value>()),
            stream => "StreamSpecification": stream.map(|view| json!({"StreamViewType": view.to_sdk().as_str()})),
            kms_key => "SSESpecification":
                kms_key.as_ref().map(|key| json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": key})),
            point_in_time_recovery => "PointInTimeRecoverySpecification":
                json!({"PointInTimeRecoveryEnabled": point_in_time_recovery}),
            time_to_live => "TimeToLiveSpecification":
                time_to_live.as_ref().map(|attribute| json!({"AttributeName": attribute, "Enabled": true})),
            deletion_protection => "DeletionProtectionEnabled",
        });
        let form = Form::resource("AWS::DynamoDB::Table", table);
        let form = form.output("arn", Form::attribute("Arn")).output("name", Form::reference());
        if self.stream.is_some() { form.output("stream_arn", Form::attribute("StreamArn")) } else { form }
    }
}

impl Table {
    fn key(&self) -> Key<'_> {
        Key { partition: &self.partition_key, sort: self.sort_key.as_ref() }
    }

    /// The definitions of all key attributes. AWS refuses others.
    fn definitions(&self, indexes: &BTreeMap<String, GlobalIndex>) -> Vec<AttributeDefinition> {
        key_attributes(self.key(), indexes).map(Attribute::definition).collect()
    }

    /// Changes the indexes one after the other, as AWS requires.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html>
    async fn change_indexes(&self, cx: &Cx, before: &BTreeMap<String, GlobalIndex>) -> Result<()> {
        let mut indexes = before.clone();
        // An interrupted run may have started a change.
        self.until_indexes_settle(cx).await?;
        for step in index_changes(before, &self.global_indexes) {
            let (update, definitions) = match step {
                IndexChange::Delete(name) => {
                    indexes.remove(name);
                    (deletion(name), None)
                }
                IndexChange::Create(name, index) => {
                    indexes.insert(name.to_owned(), index.clone());
                    (index.creation(name), Some(self.definitions(&indexes)))
                }
            };
            let is_done = |table: &TableDescription| actual_indexes(table) == indexes;
            let build = |request: UpdateTableFluentBuilder| {
                let request = request.global_secondary_index_updates(update.clone());
                request.set_attribute_definitions(definitions.clone())
            };
            change(cx, &self.name, is_done, build).await?;
            self.until_indexes_settle(cx).await?;
        }
        Ok(())
    }

    /// Waits until no index is being created or deleted. A new index is backfilled, which takes long for large tables.
    async fn until_indexes_settle(&self, cx: &Cx) -> Result<()> {
        cx.wait_until("an index of the table to be backfilled or deleted", Patience::LONG, || async {
            Ok(describe(cx, &self.name).await?.filter(|table| in_progress(table).is_none()).map(|_| ()))
        })
        .await
    }

    /// Sets point-in-time recovery. A new table isn't ready for it at once.
    async fn set_recovery(&self, cx: &Cx) -> Result<()> {
        let specification = PointInTimeRecoverySpecification::builder();
        let specification = specification.point_in_time_recovery_enabled(self.point_in_time_recovery);
        let specification: PointInTimeRecoverySpecification = specification.build().built();
        let set = || async {
            let request = cx.dynamodb.update_continuous_backups().table_name(&self.name);
            let request = request.point_in_time_recovery_specification(specification.clone());
            Ok(request.send().await.map(|_| ())?)
        };
        let transient =
            |error: &Error| error.is_code("ContinuousBackupsUnavailableException") || error.class == Class::Retryable;
        cx.retry_while("the table's backups to be ready", Patience::SHORT, transient, set).await
    }
}

/// Changes the time-to-live attribute: disables it for the old one, then enables it for the new one. AWS accepts one change an
/// hour, so a change from one attribute to another takes two applies. The code of that refusal is a general one.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
async fn change_time_to_live(client: &Client, table: &str, before: Option<&str>, after: Option<&str>) -> Result<()> {
    for (attribute, enabled) in [(before, false), (after, true)] {
        let Some(attribute) = attribute else { continue };
        set_time_to_live(client, table, attribute, enabled).await.map_err(|error| {
            match error.is_code("ValidationException") {
                true => error.with_help(
                    "AWS accepts one change of a table's time to live per hour, and disables it for one attribute before \
                     another one can have it: apply again in an hour",
                ),
                false => error,
            }
        })?;
    }
    Ok(())
}

async fn set_time_to_live(client: &Client, table: &str, attribute: &str, enabled: bool) -> Result<()> {
    let specification = TimeToLiveSpecification::builder().attribute_name(attribute).enabled(enabled);
    let request = client.update_time_to_live().table_name(table);
    request.time_to_live_specification(specification.build().built()).send().await?;
    Ok(())
}

/// Makes one change and waits until it is done. AWS refuses most changes that are made already; a call whose response was lost
/// may have made it, so the table is read again after a refusal.
async fn change(
    cx: &Cx,
    table: &str,
    is_done: impl Fn(&TableDescription) -> bool + Sync,
    build: impl Fn(UpdateTableFluentBuilder) -> UpdateTableFluentBuilder + Sync,
) -> Result<()> {
    let update = || async {
        let sent = build(cx.dynamodb.update_table().table_name(table)).send().await;
        match sent.map(|_| ()).map_err(Error::from) {
            Err(_) if describe(cx, table).await?.as_ref().is_some_and(&is_done) => Ok(()),
            sent => sent,
        }
    };
    cx.retry_while_retryable("DynamoDB to finish another change of this table", update).await?;
    until_active(cx, table).await.map(drop)
}

/// The attributes of all keys, each once. An attribute with two types is in it twice, which AWS refuses.
fn key_attributes<'a>(key: Key<'a>, indexes: &'a BTreeMap<String, GlobalIndex>) -> impl Iterator<Item = &'a Attribute> {
    let attributes = indexes.values().flat_map(|index| index.key().attributes()).chain(key.attributes());
    attributes.collect::<BTreeSet<_>>().into_iter()
}

fn kms_key(table: &TableDescription) -> Option<KeyArn> {
    let is_disabled =
        |encryption: &&SseDescription| matches!(encryption.status(), Some(SseStatus::Disabled | SseStatus::Disabling));
    let encryption = table.sse_description().filter(|encryption| !is_disabled(encryption))?;
    encryption.kms_master_key_arn().map(KeyArn::from)
}

/// Encryption with this key; without, with the key that AWS owns.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSESpecification.html>
fn encryption(key: Option<&KeyArn>) -> SseSpecification {
    let specification = SseSpecification::builder().enabled(key.is_some()).set_sse_type(key.map(|_| SseType::Kms));
    specification.set_kms_master_key_id(key.map(ToString::to_string)).build()
}

async fn describe(cx: &Cx, name: &str) -> Result<Option<TableDescription>> {
    let describe = async { Ok(cx.dynamodb.describe_table().table_name(name).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.table))
}

fn is_deleting(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Deleting)
}

async fn until_active(cx: &Cx, name: &str) -> Result<TableDescription> {
    cx.wait_until("the table to become active", Patience::SHORT, || async {
        let is_active = |table: &TableDescription| table.table_status() == Some(&TableStatus::Active);
        Ok(describe(cx, name).await?.filter(|table| is_active(table) && !is_encrypting(table)))
    })
    .await
}

/// True while the key changes: the table's own status doesn't show that.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html>
fn is_encrypting(table: &TableDescription) -> bool {
    let status = table.sse_description().and_then(|encryption| encryption.status());
    matches!(status, Some(SseStatus::Enabling | SseStatus::Disabling | SseStatus::Updating))
}

fn outputs(table: &TableDescription) -> Result<TableOutputs> {
    let incomplete = |field| Error::incomplete("dynamodb:DescribeTable", field);
    Ok(TableOutputs {
        arn: table.table_arn().ok_or(incomplete("TableArn"))?.into(),
        name: table.table_name().ok_or(incomplete("TableName"))?.to_owned(),
        stream_arn: StreamView::of_table(table).and_then(|_| table.latest_stream_arn()).map(StreamArn::from),
    })
}

async fn point_in_time_recovery(cx: &Cx, name: &str) -> Result<bool> {
    let answer = cx.dynamodb.describe_continuous_backups().table_name(name).send().await?;
    let backups = answer.continuous_backups_description;
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(status.is_some_and(|status| status.as_str() == "ENABLED"))
}

async fn time_to_live(cx: &Cx, name: &str) -> Result<Option<String>> {
    let answer = cx.dynamodb.describe_time_to_live().table_name(name).send().await?;
    let enabled = answer.time_to_live_description.filter(|description| {
        matches!(description.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    Ok(enabled.and_then(|description| description.attribute_name))
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let read = |next| async {
            let page = cx.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next).send().await?;
            Ok((page.tags.unwrap_or_default(), page.next_token))
        };
        Ok(from_sdk(&all_pages(read).await?))
    })
    .await
}

#[cfg(test)]
mod tests;
