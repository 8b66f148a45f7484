//! Key Management Service.

mod alias;
mod key;
mod replica_key;

pub use alias::{Alias, AliasOutputs};
pub use key::{Key, KeyOutputs};
pub use replica_key::ReplicaKey;

use std::sync::Arc;

use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};
use futures::{StreamExt, stream};
use serde_json::Value;

use crate::aws::clients::Clients;
use crate::aws::wait::{Patience, ignore_not_found};
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::form::Form;
use crate::resources::tags::{self, Built};

/// The least time AWS waits before it deletes a key, in days.
const DELETION_WINDOW_DAYS: i32 = 7;

/// How long the tagging API may lag at the very most.
const YOUNG_SECONDS: i64 = 3600;

/// AWS answers 2,000 of these calls a second in large regions, 500 in small ones.
const DESCRIBED_AT_ONCE: usize = 16;

/// The only name a key's policy can have.
const POLICY_NAME: &str = "default";

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().built()).collect()
}

/// The key, `None` if there is none or it waits for its deletion: nothing can use it.
async fn standing(cx: &Cx, id: &str) -> Result<Option<KeyMetadata>> {
    Ok(described(cx, id).await?.filter(|key| !is_leaving(key)))
}

/// True for a key that isn't on its way out.
pub async fn exists(clients: &Clients, id: &str) -> Result<bool> {
    Ok(described(clients, id).await?.is_some_and(|key| !is_leaving(&key)))
}

async fn described(clients: &Clients, id: &str) -> Result<Option<KeyMetadata>> {
    let describe = async { Ok(clients.kms.describe_key().key_id(id).send().await?) };
    Ok(ignore_not_found(describe.await)?.and_then(|answer| answer.key_metadata))
}

fn is_leaving(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
}

/// True for a key that stays out of use until somebody brings it back.
fn is_out_of_use(key: &KeyMetadata) -> bool {
    is_leaving(key) || key.key_state == Some(KeyState::Disabled)
}

/// The description, followed by the state of a key that is out of use: that makes it a difference, which
/// [`mend_description`] mends.
fn description(key: &KeyMetadata) -> String {
    let description = key.description().unwrap_or_default();
    match live(key) {
        Some(state) if is_out_of_use(key) => format!("{description} ({state})"),
        _ => description.to_owned(),
    }
}

/// Sets the description. A key that waits for its deletion or is disabled is brought back into use: what it has encrypted
/// can be read by no other.
async fn mend_description(cx: &Cx, id: &str, description: &str) -> Result<()> {
    revive(cx, id).await?;
    set_description(cx, id, description).await
}

/// Takes the key back from its deletion, if it waits for that, and enables it.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_CancelKeyDeletion.html>
async fn revive(cx: &Cx, id: &str) -> Result<()> {
    let Some(key) = described(cx, id).await?.filter(is_out_of_use) else { return Ok(()) };
    if is_leaving(&key) {
        cx.kms.cancel_key_deletion().key_id(id).send().await?;
    }
    cx.kms.enable_key().key_id(id).send().await?;
    until_enabled(cx, id).await
}

/// Waits until the key can be used: a fresh one isn't known everywhere at once, a replica takes a while to be made.
async fn until_enabled(cx: &Cx, id: &str) -> Result<()> {
    cx.wait_until("the key to become usable", Patience::SHORT, || async {
        let key = standing(cx, id).await?;
        Ok(key.and_then(|key| (key.key_state == Some(KeyState::Enabled)).then_some(())))
    })
    .await
}

async fn policy(cx: &Cx, id: &str) -> Result<Document> {
    let answer = cx.kms.get_key_policy().key_id(id).policy_name(POLICY_NAME).send().await?;
    Document::parse(answer.policy().unwrap_or_default())
}

async fn tags(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || native_tags(cx, arn)).await
}

async fn native_tags(cx: &Cx, id: &str) -> Result<Tags> {
    let mut pages = cx.kms.list_resource_tags().key_id(id).into_paginator().items().send();
    let mut all = Tags::new();
    while let Some(tag) = pages.next().await {
        let tag = tag?;
        all.insert(tag.tag_key, tag.tag_value);
    }
    Ok(all)
}

/// The keys of the last hour that can be used, with their tags as they are now: for what the tagging API, which lags by
/// minutes, doesn't show yet. Read once a run, and only if a key is to be made: each key of the account is asked for its
/// age.
async fn young(cx: &Cx) -> Result<Arc<Vec<(KeyMetadata, Tags)>>> {
    let load = async {
        let mut pages = cx.kms.list_keys().limit(1000).into_paginator().items().send();
        let mut ids = Vec::new();
        while let Some(key) = pages.next().await {
            ids.extend(key?.key_id);
        }
        let since = jiff::Timestamp::now().as_second() - YOUNG_SECONDS;
        let is_young = |key: &KeyMetadata| key.creation_date().is_some_and(|date| date.secs() >= since);
        let read = |id: String| async move {
            let Some(key) = described(cx, &id).await?.filter(|key| is_young(key) && !is_leaving(key)) else {
                return Ok(None);
            };
            let tags = native_tags(cx, &id).await?;
            Ok(Some((key, tags)))
        };
        let reads: Vec<Result<_>> = stream::iter(ids).map(read).buffer_unordered(DESCRIBED_AT_ONCE).collect().await;
        // A key whose policy hides it from these credentials is none of ours.
        let shown = reads.into_iter().filter(|read| !matches!(read, Err(error) if error.class == Class::Denied));
        shown.filter_map(Result::transpose).collect()
    };
    cx.inventory.once("kms.young_keys", load).await
}

/// What people want to know of a key that isn't in use.
fn live(key: &KeyMetadata) -> Option<String> {
    key.key_state.as_ref().filter(|state| **state != KeyState::Enabled).map(|state| format!("the key is {state}"))
}

async fn set_description(cx: &Cx, id: &str, description: &str) -> Result<()> {
    cx.kms.update_key_description().key_id(id).description(description).send().await?;
    Ok(())
}

async fn set_policy(cx: &Cx, id: &str, policy: &Document) -> Result<()> {
    once_principals_are_known(cx, || async {
        let request = cx.kms.put_key_policy().key_id(id).policy_name(POLICY_NAME).policy(policy.to_text());
        Ok(request.send().await.map(|_| ())?)
    })
    .await
}

/// AWS refuses a policy that names a role which it doesn't know yet. Of throttled calls those come here that the SDK must
/// not retry.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>
async fn once_principals_are_known<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let passing = |error: &Error| error.is_code("MalformedPolicyDocumentException") || error.class == Class::Throttled;
    cx.retry_while("the roles in the key's policy to become known", Patience::FRESH, passing, call).await
}

async fn tag(cx: &Cx, id: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.kms.tag_resource().key_id(id).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        cx.kms.untag_resource().key_id(id).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}

/// AWS has no way to delete a key at once.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html>
async fn schedule_deletion(cx: &Cx, id: &str) -> Result<()> {
    if standing(cx, id).await?.is_none() {
        return Ok(());
    }
    let request = cx.kms.schedule_key_deletion().key_id(id).pending_window_in_days(DELETION_WINDOW_DAYS);
    match ignore_not_found(async { Ok(request.send().await?) }.await) {
        // By an earlier try whose answer was lost.
        Err(error) if error.is_code("KMSInvalidStateException") && standing(cx, id).await?.is_none() => Ok(()),
        outcome => outcome.map(drop),
    }
}

/// A key or a replica in CloudFormation's words.
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

/// The clients of the region that a key lives in.
fn region_clients(cx: &Cx, arn: &str) -> Arc<Clients> {
    cx.in_region(region_of(arn))
}
