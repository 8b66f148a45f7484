//! Lambda.

mod event_source_mapping;
mod function;
mod permission;
mod progress;

pub use event_source_mapping::{EventSourceMapping, EventSourceMappingOutputs};
pub use function::{CodePackage, Function, FunctionOutputs, Logging, VpcAccess};
pub use permission::{Permission, PermissionOutputs};

use std::future::Future;
use std::time::Duration;

use crate::aws::wait::Patience;
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::Resource;

/// How long AWS takes at most until a new role or policy is known to Lambda.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(3), limit: Duration::from_secs(60) };

/// Calls until Lambda knows the function's new role and what it may do: until then it answers
/// `InvalidParameterValueException`, the same as for a value that is wrong for good.
async fn retry_while_role_is_new<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let passing = |error: &Error| error.is_code("InvalidParameterValueException");
    cx.retry_while("Lambda to know the function's new role", PROPAGATION, passing, call).await
}

/// Lambda answers `ResourceConflictException` for what is there already as for what is still being changed: a look tells
/// which.
async fn told_apart<T>(resource: &impl Resource, cx: &Cx, answer: Result<T>) -> Result<T> {
    let Err(error) = answer else { return answer };
    if error.is_code("ResourceConflictException") && resource.observe(&cx.uncached(), None).await?.is_some() {
        return Err(Error { class: Class::AlreadyExists, ..error });
    }
    Err(error)
}

/// Sets and removes tags of a function or an event source mapping.
async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.lambda.tag_resource().resource(arn).set_tags(Some(set.clone().into_iter().collect())).send().await?;
    }
    if !remove.is_empty() {
        cx.lambda.untag_resource().resource(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}
