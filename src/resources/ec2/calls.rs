//! What calls of EC2 have in common: retries, tags, partial failures, differences of lists.

use std::future::Future;
use std::time::Duration;

use aws_sdk_ec2::config::Builder;
use aws_sdk_ec2::types::{ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use tokio::time::Instant;

use crate::aws::clients;
use crate::aws::error::classify;
use crate::aws::wait::Patience;
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;

crate::resources::tags::tag_type!(Tag);

/// Repeats a call that names resources created a moment ago, until EC2 knows them everywhere.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub async fn retry_until_consistent<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    let is_temporary = |error: &Error| match error.class {
        // The SDK doesn't retry calls that are sent once.
        Class::Retryable | Class::Throttled => true,
        Class::NotFound => start.elapsed() < Duration::from_secs(60),
        _ => false,
    };
    cx.retry_while("new resources to be visible to EC2, or for its rate limit", Patience::SHORT, is_temporary, call)
        .await
}

/// The configuration of a create call that takes no idempotency token: the SDK must not repeat it.
pub fn without_retries() -> Builder {
    Builder::default().retry_config(clients::without_retries())
}

/// The first failure of a call for several resources: EC2 answers those with success and lists what failed.
pub fn check_unsuccessful(operation: &str, request_id: Option<&str>, items: &[UnsuccessfulItem]) -> Result<()> {
    let Some(error) = items.iter().find_map(|item| item.error()) else { return Ok(()) };
    let code = error.code().unwrap_or_default();
    Err(Error {
        class: classify(code, 400),
        operation: operation.to_owned(),
        code: Some(code.to_owned()),
        message: error.message().unwrap_or(code).to_owned(),
        request_id: request_id.map(str::to_owned),
        help: None,
    })
}

/// The tags of the step, for a create call.
pub fn tag_specification(cx: &Cx, resource: ResourceType) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(to_sdk(&cx.tags))).build()
}

/// Sets and removes tags of a resource of any type by its id.
pub async fn tag(cx: &Cx, id: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let key = |key: &String| Tag::builder().key(key).build();
    crate::resources::tags::change(
        set,
        remove,
        |set| cx.ec2.create_tags().resources(id).set_tags(Some(to_sdk(set))).send(),
        |keys| cx.ec2.delete_tags().resources(id).set_tags(Some(keys.iter().map(key).collect())).send(),
    )
    .await
}

/// The observed ids in the order of the spec: to AWS their order means nothing.
pub(super) fn in_order_of<T: Clone + Ord>(spec: &[T], mut observed: Vec<T>) -> Vec<T> {
    observed.sort_by_key(|id| (spec.iter().position(|desired| desired == id).unwrap_or(usize::MAX), id.clone()));
    observed
}

/// The ids in `of` that aren't in `without`, as calls of EC2 take them: `None` for no ids.
pub(super) fn difference<T: Clone + PartialEq + Into<String>>(of: &[T], without: &[T]) -> Option<Vec<String>> {
    let difference: Vec<String> = of.iter().filter(|id| !without.contains(id)).cloned().map(Into::into).collect();
    Some(difference).filter(|ids| !ids.is_empty())
}

/// The value of a switch in CloudFormation.
pub(super) fn enable(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}
