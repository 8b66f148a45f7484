//! Key Management Service.

mod alias;
mod key;
mod replica_key;

pub use alias::{Alias, AliasOutputs};
pub use key::{Key, KeyOutputs};
pub use replica_key::ReplicaKey;

use aws_sdk_kms::types::{KeyListEntry, KeyManagerType, KeyMetadata, KeyState, Tag};
use futures::{StreamExt, stream};

use crate::aws::clients::Clients;
use crate::resources::prelude::*;
use crate::resources::tags::{self, Built};

/// The minimum waiting period before KMS deletes a key, in days.
const DELETION_WINDOW_DAYS: i32 = 7;

/// The age up to which the tagging API may not list a key yet.
const RECENT_SECONDS: i64 = 3600;

/// The number of concurrent `DescribeKey` calls. AWS allows 500 to 2,000 a second, by region.
const CONCURRENT_DESCRIBES: usize = 16;

/// The only name that a key policy can have.
const POLICY_NAME: &str = "default";

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().built()).collect()
}

/// The key; `None` if it doesn't exist or is pending deletion.
async fn find(clients: &Clients, id: &str) -> Result<Option<KeyMetadata>> {
    Ok(describe(clients, id).await?.filter(|key| !is_pending_deletion(key)))
}

/// True if the key exists and isn't pending deletion.
pub async fn exists(clients: &Clients, id: &str) -> Result<bool> {
    Ok(find(clients, id).await?.is_some())
}

/// True for a key that AWS manages for one of its services, such as `aws/backup`.
pub(super) async fn is_aws_managed(clients: &Clients, id: &str) -> Result<bool> {
    let key = describe(clients, id).await?;
    Ok(key.is_some_and(|key| key.key_manager() == Some(&KeyManagerType::Aws)))
}

async fn describe(clients: &Clients, id: &str) -> Result<Option<KeyMetadata>> {
    let describe = async { Ok(clients.kms.describe_key().key_id(id).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.key_metadata))
}

fn is_pending_deletion(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// True for a key that can't be used until somebody restores it.
fn is_unusable(key: &KeyMetadata) -> bool {
    is_pending_deletion(key) || key.key_state == Some(KeyState::Disabled)
}

/// The description. An unusable key's state is appended: that is a difference, which [`restore_description`] repairs.
fn description(key: &KeyMetadata) -> String {
    let description = key.description().unwrap_or_default();
    match live(key) {
        Some(state) if is_unusable(key) => format!("{description} ({state})"),
        _ => description.to_owned(),
    }
}

/// Sets the description, and makes an unusable key usable: no other key can decrypt what it has encrypted.
async fn restore_description(cx: &Cx, id: &str, description: &str) -> Result<()> {
    enable(cx, id).await?;
    cx.kms.update_key_description().key_id(id).description(description).send().await?;
    Ok(())
}

/// Cancels the deletion of an unusable key and enables it.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html>
async fn enable(cx: &Cx, id: &str) -> Result<()> {
    let Some(key) = describe(cx, id).await?.filter(is_unusable) else { return Ok(()) };
    if is_pending_deletion(&key) {
        cx.kms.cancel_key_deletion().key_id(id).send().await?;
    }
    cx.kms.enable_key().key_id(id).send().await?;
    until_enabled(cx, id).await
}

/// Waits until the key can be used. A new key isn't visible everywhere at once, and a replica takes a while.
async fn until_enabled(cx: &Cx, id: &str) -> Result<()> {
    cx.wait_until("the key to become usable", Patience::SHORT, || async {
        let key = find(cx, id).await?;
        Ok(key.and_then(|key| (key.key_state == Some(KeyState::Enabled)).then_some(())))
    })
    .await
}

async fn policy(cx: &Cx, id: &str, desired: &Document) -> Result<Document> {
    let answer = cx.kms.get_key_policy().key_id(id).policy_name(POLICY_NAME).send().await?;
    let policy = Document::parse(answer.policy().unwrap_or_default())?;
    Ok(desired.unless_default(policy, |policy| *policy == default_policy(cx)))
}

/// The policy of a key that was created without one.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html>
fn default_policy(cx: &Cx) -> Document {
    Document::new(json!({
        "Version": "2012-10-17",
        "Id": "key-default-1",
        "Statement": [{
            "Sid": "Enable IAM User Permissions",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", cx.partition(), cx.account())},
            "Action": "kms:*",
            "Resource": "*",
        }],
    }))
}

async fn tags(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || native_tags(cx, arn)).await
}

async fn native_tags(cx: &Cx, id: &str) -> Result<Tags> {
    let pages = cx.kms.list_resource_tags().key_id(id).into_paginator().items().send();
    let tags: Vec<Tag> = pages.try_collect().await?;
    Ok(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)).collect())
}

/// The keys that were created within the last hour, with their current tags: the tagging API lags by minutes. Read once a run,
/// and only if a key is to be created, as every key of the account has to be described.
async fn recent_keys(cx: &Cx) -> Result<Arc<Vec<(KeyMetadata, Tags)>>> {
    let load = async {
        let keys: Vec<KeyListEntry> =
            cx.kms.list_keys().limit(1000).into_paginator().items().send().try_collect().await?;
        let since = jiff::Timestamp::now().as_second() - RECENT_SECONDS;
        let is_recent = |key: &KeyMetadata| key.creation_date().is_some_and(|date| date.secs() >= since);
        let read = |id: String| async move {
            let Some(key) = find(cx, &id).await?.filter(is_recent) else { return Ok(None) };
            let tags = native_tags(cx, &id).await?;
            Ok(Some((key, tags)))
        };
        let ids = stream::iter(keys.into_iter().filter_map(|key| key.key_id));
        let reads: Vec<Result<_>> = ids.map(read).buffer_unordered(CONCURRENT_DESCRIBES).collect().await;
        // A key whose policy hides it from these credentials isn't one of this system.
        let readable = reads.into_iter().filter(|read| !matches!(read, Err(error) if error.class == Class::Denied));
        readable.filter_map(Result::transpose).collect()
    };
    cx.inventory.once("kms.recent_keys", load).await
}

/// The state of a key that isn't enabled.
fn live(key: &KeyMetadata) -> Option<String> {
    key.key_state.as_ref().filter(|state| **state != KeyState::Enabled).map(|state| format!("the key is {state}"))
}

async fn set_policy(cx: &Cx, id: &str, policy: &Document) -> Result<()> {
    let policy = policy.text().unwrap_or_else(|| default_policy(cx).to_text());
    retry_while_principals_are_new(cx, || async {
        let request = cx.kms.put_key_policy().key_id(id).policy_name(POLICY_NAME).policy(&policy);
        Ok(request.send().await.map(|_| ())?)
    })
    .await
}

/// Retries while KMS refuses a policy because a role in it is new. Also retries throttled calls, as the SDK must not retry a
/// call without an idempotency token.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>
async fn retry_while_principals_are_new<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let transient =
        |error: &Error| error.is_code("MalformedPolicyDocumentException") || error.class == Class::Throttled;
    cx.retry_while("the roles in the key's policy to be visible", Patience::FRESH, transient, call).await
}

async fn tag(cx: &Cx, id: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add = |set: &Tags| cx.kms.tag_resource().key_id(id).set_tags(Some(to_sdk(set))).send();
    let delete = |keys| cx.kms.untag_resource().key_id(id).set_tag_keys(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}

/// Schedules the deletion of a key: KMS can't delete one at once.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>
async fn schedule_deletion(cx: &Cx, id: &str) -> Result<()> {
    if find(cx, id).await?.is_none() {
        return Ok(());
    }
    let request = cx.kms.schedule_key_deletion().key_id(id).pending_window_in_days(DELETION_WINDOW_DAYS);
    match ignore_not_found(async { Ok(request.send().await?) }.await) {
        // An earlier attempt, whose response was lost, has scheduled it.
        Err(error) if error.is_code("KMSInvalidStateException") && find(cx, id).await?.is_none() => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// The CloudFormation form of a key or a replica.
fn key_form(kind: &'static str, properties: Value) -> Form {
    Form::resource(kind, properties).output("arn", Form::attribute("Arn")).output("key_id", Form::reference())
}

/// The region in a key's ARN.
fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}

/// The key's id: what comes after `key/` in its ARN.
fn id_of(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or_default()
}
