//! Key Management Service.

mod alias;
mod key;
mod replica_key;

pub use alias::{Alias, AliasOutputs};
pub use key::{Key, KeyOutputs};
pub use replica_key::ReplicaKey;

use std::sync::Arc;

use aws_sdk_kms::types::{KeyMetadata, KeyState, Tag};

use crate::aws::clients::Clients;
use crate::aws::wait::{Patience, unless_gone};
use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::document::Document;
use crate::resources::tags::{self, Built};

/// The least time AWS waits before it deletes a key, in days.
const DELETION_WINDOW_DAYS: i32 = 7;

/// The only name a key's policy can have.
const POLICY_NAME: &str = "default";

fn to_sdk(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().tag_key(key).tag_value(value).build().built()).collect()
}

/// The key, `None` if there is none. One that waits for its deletion is as good as gone: nothing can use it.
async fn standing(cx: &Cx, id: &str) -> Result<Option<KeyMetadata>> {
    Ok(described(cx, id).await?.filter(|key| !is_leaving(key)))
}

async fn described(cx: &Cx, id: &str) -> Result<Option<KeyMetadata>> {
    let describe = async { Ok(cx.kms.describe_key().key_id(id).send().await?) };
    Ok(unless_gone(describe.await)?.and_then(|answer| answer.key_metadata))
}

fn is_leaving(key: &KeyMetadata) -> bool {
    matches!(key.key_state(), Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion))
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
    tags::of_arn(cx, arn, || async {
        let mut pages = cx.kms.list_resource_tags().key_id(arn).into_paginator().items().send();
        let mut all = Tags::new();
        while let Some(tag) = pages.next().await {
            let tag = tag?;
            all.insert(tag.tag_key, tag.tag_value);
        }
        Ok(all)
    })
    .await
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

/// AWS refuses a policy that names a role which it doesn't know yet.
/// <https://docs.aws.amazon.com/kms/latest/APIReference/API_PutKeyPolicy.html>
async fn once_principals_are_known<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let unknown = |error: &Error| error.is_code("MalformedPolicyDocumentException");
    cx.retry_while("the roles in the key's policy to become known", Patience::FRESH, unknown, call).await
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
    unless_gone(async { Ok(request.send().await?) }.await)?;
    Ok(())
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
