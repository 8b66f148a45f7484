use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::update_table::builders::UpdateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeyType, PointInTimeRecoverySpecification, SseSpecification, SseStatus, SseType,
    TableDescription, TableStatus, TimeToLiveSpecification, TimeToLiveStatus,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::attribute::{Key, shown};
use super::global_index::{Move, deletion, in_progress, moves, standing};
use super::stream::specification;
use super::{Attribute, GlobalIndex, StreamView, from_sdk, to_sdk};
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::form::{Form, properties};
use crate::resources::ids::{KeyArn, StreamArn, TableArn};
use crate::resources::tags::{self, Built};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A table that is paid for by the request.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_CreateTable.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    /// 3 to 255 letters, digits, `_`, `-` and `.`.
    pub name: String,
    /// What items are spread by.
    pub partition_key: Attribute,
    /// What items of one partition are sorted by.
    pub sort_key: Option<Attribute>,
    /// By name: other keys by which its items can be asked for, up to 20. One that changes is gone until it is made again: to
    /// do without a gap, give the other one another name.
    #[serde(default)]
    pub global_indexes: BTreeMap<String, GlobalIndex>,
    /// What its stream tells, if it has one. Another kind of stream is another stream, with another ARN.
    #[serde(default)]
    pub stream: Option<StreamView>,
    /// The key that encrypts it.
    pub kms_key: KeyArn,
    /// Whether it can be brought back to any second of the last 35 days.
    pub point_in_time_recovery: bool,
    /// The attribute, a number of seconds since 1970, after which an item goes.
    pub time_to_live: Option<String>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
}

/// What a table gives to others.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableOutputs {
    /// Its ARN.
    pub arn: TableArn,
    /// Its name.
    pub name: String,
    /// Its stream, if it has one.
    pub stream_arn: Option<StreamArn>,
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
        let Some(table) = described(cx, name).await?.filter(|table| !is_leaving(table)) else { return Ok(None) };
        let outputs = outputs(&table)?;
        let (recovery, time_to_live, tags) =
            tokio::try_join!(recovers(cx, name), expires_by(cx, name), tags_of(cx, &outputs.arn))?;
        let key = |kind: KeyType| shown(&table, table.key_schema(), &kind);
        let spec = Table {
            name: outputs.name.clone(),
            partition_key: key(KeyType::Hash).ok_or(Error::incomplete("dynamodb:DescribeTable", "KeySchema"))?,
            sort_key: key(KeyType::Range),
            global_indexes: standing(&table),
            stream: StreamView::shown(&table),
            kms_key: encrypted_by(&table).unwrap_or_default().into(),
            point_in_time_recovery: recovery,
            time_to_live,
            deletion_protection: table.deletion_protection_enabled().unwrap_or_default(),
        };
        let live = in_progress(&table).map(|index| format!("the index {index} is being made or deleted"));
        Ok(Some(Found { live, ..Found::tagged(spec, outputs, tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<TableOutputs> {
        let request = cx.dynamodb.create_table().table_name(&self.name).billing_mode(BillingMode::PayPerRequest);
        let request = request.set_attribute_definitions(Some(self.definitions(&self.global_indexes)));
        let request = request.set_key_schema(Some(self.key().schema()));
        let indexes: Vec<_> = self.global_indexes.iter().map(|(name, index)| index.to_sdk(name)).collect();
        let request = request.set_global_secondary_indexes((!indexes.is_empty()).then_some(indexes));
        let request = request.set_stream_specification(self.stream.map(|view| specification(Some(view))));
        let request = request.sse_specification(encryption(&self.kms_key)).set_tags(Some(to_sdk(&cx.tags)));
        let request = request.deletion_protection_enabled(self.deletion_protection);
        let create = || async {
            let created = request.clone().send().await.map(|_| ()).map_err(Error::from);
            match created {
                // AWS says the same of one that stands and of one that is going away.
                Err(error) if error.is_code("ResourceInUseException") => {
                    let stands = described(cx, &self.name).await?.is_some_and(|table| !is_leaving(&table));
                    Err(if stands { Error { class: Class::AlreadyExists, ..error } } else { error })
                }
                created => created,
            }
        };
        cx.retry_while_retryable("the table of that name to be gone", create).await?;
        let table = active(cx, &self.name).await?;
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
        active(cx, &outputs.name).await.map(drop)
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<TableOutputs> {
        // A table takes one change at a time.
        if changes.has("kms_key") {
            let is_done = |table: &TableDescription| encrypted_by(table) == Some(&*self.kms_key);
            change(cx, &self.name, is_done, |request| request.sse_specification(encryption(&self.kms_key))).await?;
        }
        if changes.has("deletion_protection") {
            let wanted = self.deletion_protection;
            let is_done = |table: &TableDescription| table.deletion_protection_enabled() == Some(wanted);
            change(cx, &self.name, is_done, |request| request.deletion_protection_enabled(wanted)).await?;
        }
        if changes.has("stream") {
            // No stream changes its kind: the one that stands ends first.
            let views = [found.spec.stream.map(|_| None), self.stream.map(Some)];
            for view in views.into_iter().flatten() {
                let is_done = |table: &TableDescription| StreamView::shown(table) == view;
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
            true => outputs(&active(cx, &self.name).await?),
            false => Ok(found.outputs.clone()),
        }
    }

    async fn tag(cx: &Cx, outputs: &TableOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        let arn = &*outputs.arn;
        if !set.is_empty() {
            cx.dynamodb.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send().await?;
        }
        if !remove.is_empty() {
            cx.dynamodb.untag_resource().resource_arn(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
        }
        Ok(())
    }

    async fn delete(cx: &Cx, outputs: &TableOutputs) -> Result<()> {
        let name = &outputs.name;
        let delete = || async {
            match described(cx, name).await? {
                Some(table) if !is_leaving(&table) => {
                    Ok(cx.dynamodb.delete_table().table_name(name).send().await.map(|_| ())?)
                }
                _ => Ok(()),
            }
        };
        ignore_not_found(cx.retry_while_retryable("DynamoDB to end another change of this table", delete).await)?;
        let look = || async { Ok(described(cx, name).await?.is_none().then_some(())) };
        cx.wait_until("the table to be gone", Patience::SHORT, look).await
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html>
    fn cloudformation(&self) -> Form {
        let defined = used(self.key(), &self.global_indexes).map(Attribute::definition_in_template);
        let indexes = self.global_indexes.iter().map(|(name, index)| index.in_template(name));
        let table = properties!(self, Table {
            name => "TableName",
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": defined.collect::<Value>(),
            partition_key => _,
            sort_key => "KeySchema": self.key().schema_in_template(),
            global_indexes => "GlobalSecondaryIndexes":
                (!global_indexes.is_empty()).then(|| indexes.collect::<Value>()),
            stream => "StreamSpecification": stream.map(|view| json!({"StreamViewType": view.to_sdk().as_str()})),
            kms_key => "SSESpecification": json!({"SSEEnabled": true, "SSEType": "KMS", "KMSMasterKeyId": kms_key}),
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

    /// The types of the attributes of all keys. AWS refuses others.
    fn definitions(&self, indexes: &BTreeMap<String, GlobalIndex>) -> Vec<AttributeDefinition> {
        used(self.key(), indexes).map(Attribute::definition).collect()
    }

    /// One by one: a table makes or deletes one index at a time.
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/GSI.OnlineOps.html>
    async fn change_indexes(&self, cx: &Cx, before: &BTreeMap<String, GlobalIndex>) -> Result<()> {
        let mut stand = before.clone();
        // What a run that died has begun.
        self.until_indexes_settle(cx).await?;
        for step in moves(before, &self.global_indexes) {
            let (update, definitions) = match step {
                Move::Delete(name) => {
                    stand.remove(name);
                    (deletion(name), None)
                }
                Move::Create(name, index) => {
                    stand.insert(name.to_owned(), index.clone());
                    (index.creation(name), Some(self.definitions(&stand)))
                }
            };
            let is_done = |table: &TableDescription| standing(table) == stand;
            let what = |request: UpdateTableFluentBuilder| {
                let request = request.global_secondary_index_updates(update.clone());
                request.set_attribute_definitions(definitions.clone())
            };
            change(cx, &self.name, is_done, what).await?;
            self.until_indexes_settle(cx).await?;
        }
        Ok(())
    }

    /// AWS fills an index with what the table holds, which takes as long as there is much of it.
    async fn until_indexes_settle(&self, cx: &Cx) -> Result<()> {
        cx.wait_until("an index of the table to be filled or to go", Patience::LONG, || async {
            Ok(described(cx, &self.name).await?.filter(|table| in_progress(table).is_none()).map(|_| ()))
        })
        .await
    }

    /// A table that was just made isn't ready for it at once.
    async fn set_recovery(&self, cx: &Cx) -> Result<()> {
        let specification = PointInTimeRecoverySpecification::builder();
        let specification = specification.point_in_time_recovery_enabled(self.point_in_time_recovery);
        let specification: PointInTimeRecoverySpecification = specification.build().built();
        let set = || async {
            let request = cx.dynamodb.update_continuous_backups().table_name(&self.name);
            let request = request.point_in_time_recovery_specification(specification.clone());
            Ok(request.send().await.map(|_| ())?)
        };
        let passing =
            |error: &Error| error.is_code("ContinuousBackupsUnavailableException") || error.class == Class::Retryable;
        cx.retry_while("the table's backups to be ready", Patience::SHORT, passing, set).await
    }
}

/// AWS takes it from one attribute before it gives it to another, and changes it once an hour: from one attribute to another
/// it takes two applies. The refusal's code is that of other mistakes, too.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UpdateTimeToLive.html>
async fn change_time_to_live(client: &Client, table: &str, before: Option<&str>, after: Option<&str>) -> Result<()> {
    for (attribute, enabled) in [(before, false), (after, true)] {
        let Some(attribute) = attribute else { continue };
        set_time_to_live(client, table, attribute, enabled).await.map_err(|error| {
            match error.is_code("ValidationException") {
                true => error.with_help(
                    "AWS changes the time to live of a table once an hour, and takes it from one attribute before it gives \
                     it to another: apply again in an hour",
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

/// Makes one change, and waits until it is done. AWS refuses most of what is so already, which it may have been asked for
/// by a call whose answer was lost: so what is refused is looked at.
async fn change(
    cx: &Cx,
    table: &str,
    is_done: impl Fn(&TableDescription) -> bool + Sync,
    what: impl Fn(UpdateTableFluentBuilder) -> UpdateTableFluentBuilder + Sync,
) -> Result<()> {
    let update = || async {
        let sent = what(cx.dynamodb.update_table().table_name(table)).send().await;
        match sent.map(|_| ()).map_err(Error::from) {
            Err(_) if described(cx, table).await?.as_ref().is_some_and(&is_done) => Ok(()),
            sent => sent,
        }
    };
    cx.retry_while_retryable("DynamoDB to end another change of this table", update).await?;
    active(cx, table).await.map(drop)
}

/// Each attribute of a key once. One that has two types is there twice, which AWS refuses.
fn used<'a>(key: Key<'a>, indexes: &'a BTreeMap<String, GlobalIndex>) -> impl Iterator<Item = &'a Attribute> {
    let attributes = indexes.values().flat_map(|index| index.key().attributes()).chain(key.attributes());
    attributes.collect::<BTreeSet<_>>().into_iter()
}

fn encrypted_by(table: &TableDescription) -> Option<&str> {
    table.sse_description().and_then(|encryption| encryption.kms_master_key_arn())
}

fn encryption(key: &KeyArn) -> SseSpecification {
    SseSpecification::builder().enabled(true).sse_type(SseType::Kms).kms_master_key_id(&**key).build()
}

async fn described(cx: &Cx, name: &str) -> Result<Option<TableDescription>> {
    let describe = async { Ok(cx.dynamodb.describe_table().table_name(name).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.table))
}

fn is_leaving(table: &TableDescription) -> bool {
    table.table_status() == Some(&TableStatus::Deleting)
}

async fn active(cx: &Cx, name: &str) -> Result<TableDescription> {
    cx.wait_until("the table to become active", Patience::SHORT, || async {
        let is_active = |table: &TableDescription| table.table_status() == Some(&TableStatus::Active);
        Ok(described(cx, name).await?.filter(|table| is_active(table) && !is_encrypting(table)))
    })
    .await
}

/// True while another key takes over: the table's own status doesn't show that.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SSEDescription.html>
fn is_encrypting(table: &TableDescription) -> bool {
    let status = table.sse_description().and_then(|encryption| encryption.status());
    matches!(status, Some(SseStatus::Enabling | SseStatus::Updating))
}

fn outputs(table: &TableDescription) -> Result<TableOutputs> {
    let incomplete = |field| Error::incomplete("dynamodb:DescribeTable", field);
    Ok(TableOutputs {
        arn: table.table_arn().ok_or(incomplete("TableArn"))?.into(),
        name: table.table_name().ok_or(incomplete("TableName"))?.to_owned(),
        stream_arn: StreamView::shown(table).and_then(|_| table.latest_stream_arn()).map(StreamArn::from),
    })
}

async fn recovers(cx: &Cx, name: &str) -> Result<bool> {
    let answer = cx.dynamodb.describe_continuous_backups().table_name(name).send().await?;
    let backups = answer.continuous_backups_description;
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description);
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status);
    Ok(status.is_some_and(|status| status.as_str() == "ENABLED"))
}

async fn expires_by(cx: &Cx, name: &str) -> Result<Option<String>> {
    let answer = cx.dynamodb.describe_time_to_live().table_name(name).send().await?;
    let lives = answer.time_to_live_description.filter(|lives| {
        matches!(lives.time_to_live_status(), Some(TimeToLiveStatus::Enabled | TimeToLiveStatus::Enabling))
    });
    Ok(lives.and_then(|lives| lives.attribute_name))
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        // A page holds ten of them.
        let (mut all, mut next) = (Tags::new(), None);
        loop {
            let page = cx.dynamodb.list_tags_of_resource().resource_arn(arn).set_next_token(next).send().await?;
            all.extend(from_sdk(page.tags()));
            next = page.next_token;
            if next.is_none() {
                break Ok(all);
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests;
