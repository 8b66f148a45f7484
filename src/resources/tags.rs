//! Tags as the services' SDK types, and tags as the tagging API lists them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;

use aws_sdk_resourcegroupstagging::types::TagFilter;

use crate::aws::{Clients, Cx, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{Owner, STEP, SUFFIX, SYSTEM};

/// Writes a function `to_sdk` and a function `from_sdk` for a service whose `Tag` has a key and a value.
macro_rules! tag_type {
    ($tag:ty) => {
        /// Our tags in the service's type.
        #[allow(dead_code, reason = "some services take tags but list them another way")]
        pub(crate) fn to_sdk(tags: &$crate::engine::Tags) -> Vec<$tag> {
            tags.iter()
                .map(|(key, value)| {
                    $crate::resources::tags::Built::built(<$tag>::builder().key(key).value(value).build())
                })
                .collect()
        }

        /// The service's tags in our type.
        #[allow(dead_code, reason = "some services list tags another way")]
        pub(crate) fn from_sdk(tags: &[$tag]) -> $crate::engine::Tags {
            use $crate::resources::tags::Text;
            tags.iter().map(|tag| (tag.key().text(), tag.value().text())).collect()
        }
    };
}
pub(crate) use tag_type;

/// Some services' builders can fail (a required field is missing), others can't: this takes both.
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
        self.expect("key and value are set")
    }
}

/// Some services' tags have `&str`, others `Option<&str>`.
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

/// The tags of the resource `arn`, which belongs to this system or to none.
///
/// The Resource Groups Tagging API lists all resources of the system with their tags in a few pages, so that no resource
/// has to be asked for its own. It lags behind by minutes, so where it doesn't show just what is wanted, `native` is
/// asked: the service's own call.
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

/// True if the tags are of this very step. For what AWS names itself: the same step of a sibling system looks the same.
pub fn are_of_step(cx: &Cx, tags: &Tags) -> bool {
    [SYSTEM, SUFFIX, STEP].iter().all(|key| tags.contains_key(*key) && tags.get(*key) == cx.tags.get(*key))
}

/// The ARNs of a service (`kms`) that carry this step's tags: for what AWS names itself and lists without tags.
pub async fn arns_of_step(cx: &Cx, service: &str) -> Result<Vec<String>> {
    let index = index(cx).await?;
    let of_service = index.iter().filter(|(arn, _)| arn.split(':').nth(2) == Some(service));
    let of_step = of_service.filter(|(_, tags)| tags.get(STEP) == Some(&cx.step.0));
    Ok(of_step.map(|(arn, _)| arn.clone()).collect())
}

async fn index(cx: &Cx) -> Result<Arc<HashMap<String, Tags>>> {
    cx.inventory.once("tagging.resources", of_system(cx, &cx.shared.owner)).await
}

/// All resources of a system in the region as the tagging API has them: ARN to tags.
/// <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>
pub async fn of_system(clients: &Clients, owner: &Owner) -> Result<HashMap<String, Tags>> {
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let pages = clients.tagging.get_resources().resources_per_page(100);
    let pages = pages.tag_filters(filter(SYSTEM, &owner.system)).tag_filters(filter(SUFFIX, &owner.suffix));
    let mut pages = pages.into_paginator().send();
    let mut all = HashMap::new();
    while let Some(page) = pages.next().await {
        for resource in page?.resource_tag_mapping_list.unwrap_or_default() {
            let tags = resource.tags().iter().map(|tag| (tag.key.clone(), tag.value.clone())).collect();
            all.insert(resource.resource_arn.unwrap_or_default(), tags);
        }
    }
    Ok(all)
}
