//! Tags: conversions to the types of the SDKs, changes, and the tagging API.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_resourcegroupstagging::types::{ResourceTagMapping, Tag, TagFilter};

use crate::aws::{Clients, Cx, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{Owner, STEP, SUFFIX, SYSTEM};

/// Defines the functions `to_sdk` and `from_sdk` for a service whose `Tag` has a key and a value.
macro_rules! tag_type {
    ($tag:ty) => {
        /// Converts tags to the type of the SDK, for create calls.
        pub fn to_sdk(tags: &$crate::engine::Tags) -> Vec<$tag> {
            tags.iter()
                .map(|(key, value)| {
                    $crate::resources::tags::Built::built(<$tag>::builder().key(key).value(value).build())
                })
                .collect()
        }

        /// Converts tags from the type of the SDK.
        pub fn from_sdk(tags: &[$tag]) -> $crate::engine::Tags {
            use $crate::resources::tags::Text;
            tags.iter().map(|tag| (tag.key().text(), tag.value().text())).collect()
        }
    };
}
pub(crate) use tag_type;

/// Builds SDK types, whether their builders are fallible (required fields) or not.
pub(crate) trait Built<T> {
    fn built(self) -> T;
}

impl<T> Built<T> for T {
    fn built(self) -> T {
        self
    }
}

impl<T> Built<T> for std::result::Result<T, aws_smithy_types::error::operation::BuildError> {
    fn built(self) -> T {
        self.expect("all required fields are set")
    }
}

/// Keys and values of tags: `&str` in some SDKs, `Option<&str>` in others.
pub(crate) trait Text {
    fn text(self) -> String;
}

impl Text for &str {
    fn text(self) -> String {
        self.to_owned()
    }
}

impl Text for Option<&str> {
    fn text(self) -> String {
        self.unwrap_or_default().to_owned()
    }
}

/// Changes the tags of a resource by the two calls of its service: `add` sets tags, `delete` removes tags by their keys. A call
/// that has nothing to do isn't made.
pub async fn change<A, D, T, U, E, F>(
    set: &Tags,
    remove: &[String],
    add: impl FnOnce(&Tags) -> A,
    delete: impl FnOnce(Vec<String>) -> D,
) -> Result<()>
where
    A: Future<Output = std::result::Result<T, E>>,
    D: Future<Output = std::result::Result<U, F>>,
    Error: From<E> + From<F>,
{
    if !set.is_empty() {
        add(set).await?;
    }
    if !remove.is_empty() {
        delete(remove.to_vec()).await?;
    }
    Ok(())
}

/// The tags of the resource `arn`.
///
/// The Resource Groups Tagging API lists all resources of the system with their tags in a few pages. It lags by minutes: if it
/// doesn't show all desired tags, `native` reads them, the call of the service.
pub async fn of_arn<F>(cx: &Cx, arn: &str, native: impl FnOnce() -> F + Send) -> Result<Tags>
where
    F: Future<Output = Result<Tags>> + Send,
{
    let index = index(cx).await?;
    match index.get(arn) {
        Some(tags) if cx.tags.iter().all(|(key, value)| tags.get(key) == Some(value)) => Ok(tags.clone()),
        _ => native().await,
    }
}

/// True if the tags are those of this step of this system: for resources whose ids AWS chooses.
pub fn are_of_step(cx: &Cx, tags: &Tags) -> bool {
    [SYSTEM, SUFFIX, STEP].iter().all(|key| tags.contains_key(*key) && tags.get(*key) == cx.tags.get(*key))
}

/// The ARNs of a service (`kms`) with the tags of this step: for resources whose ids AWS chooses and that it lists without tags.
pub async fn arns_of_step(cx: &Cx, service: &str) -> Result<Vec<String>> {
    let index = index(cx).await?;
    let of_service = index.iter().filter(|(arn, _)| arn.split(':').nth(2) == Some(service));
    let of_step = of_service.filter(|(_, tags)| tags.get(STEP) == Some(&cx.step.0));
    Ok(of_step.map(|(arn, _)| arn.clone()).collect())
}

async fn index(cx: &Cx) -> Result<Arc<HashMap<String, Tags>>> {
    cx.inventory.once("tagging.resources", of_system(cx, &cx.shared.owner)).await
}

/// All resources of a system in the region, according to the tagging API: ARN to tags.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
pub async fn of_system(clients: &Clients, owner: &Owner) -> Result<HashMap<String, Tags>> {
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let request = clients.tagging.get_resources().resources_per_page(100);
    let request = request.tag_filters(filter(SYSTEM, &owner.system)).tag_filters(filter(SUFFIX, &owner.suffix));
    let all: Vec<_> = request.into_paginator().items().send().try_collect().await?;
    let tags = |tags: Vec<Tag>| tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    let entry = |resource: ResourceTagMapping| {
        (resource.resource_arn.unwrap_or_default(), tags(resource.tags.unwrap_or_default()))
    };
    Ok(all.into_iter().map(entry).collect())
}
