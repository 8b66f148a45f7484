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

use crate::resources::prelude::*;
use crate::resources::tags;

/// How long a new role or policy takes to be visible to Lambda.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(3), limit: Duration::from_secs(60) };

/// Retries while the function's new role and its permissions aren't visible to Lambda. Until then Lambda returns
/// `InvalidParameterValueException`, as for a value that is wrong.
async fn retry_while_role_is_new<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let transient = |error: &Error| error.is_code("InvalidParameterValueException");
    cx.retry_while("the function's new role to be visible to Lambda", PROPAGATION, transient, call).await
}

/// Classifies `ResourceConflictException`, which Lambda returns both for a resource that exists and for one that is being
/// changed, by reading the resource.
async fn classify_conflict<T>(resource: &impl Resource, cx: &Cx, outcome: Result<T>) -> Result<T> {
    let Err(error) = outcome else { return outcome };
    if error.is_code("ResourceConflictException") && resource.observe(&cx.uncached(), None).await?.is_some() {
        return Err(Error { class: Class::AlreadyExists, ..error });
    }
    Err(error)
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add =
        |set: &Tags| cx.lambda.tag_resource().resource(arn).set_tags(Some(set.clone().into_iter().collect())).send();
    let delete = |keys| cx.lambda.untag_resource().resource(arn).set_tag_keys(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}
