//! Resolves calls with an unknown outcome.
//!
//! After a broken connection or a server error, AWS may have processed the call. The SDK repeats idempotent calls; then
//! `AlreadyExists` or `NotFound` may mean that the first attempt succeeded. So before such an error counts, the resource is read
//! again. A resource that exists and is owned by the step is completed; if none shows in a while, the call is made again, as
//! the next run would do.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws::wait::Patience;
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::diff::diff;
use crate::engine::ownership::{Ownership, Provenance};
use crate::engine::{FieldChange, Step, Tags};

use super::{Changes, Found, Resource};

/// The number of attempts.
const ATTEMPTS: usize = 4;

/// How long a new resource may take to show. Most show within a second, but AWS may still process a call that timed out.
const VISIBLE: Patience = Patience { poll: Duration::from_secs(1), limit: Duration::from_secs(60) };
/// The same in a sandbox, where calls take effect at once.
const VISIBLE_IN_SANDBOX: Duration = Duration::from_secs(5);

/// [`Resource::create`], with unknown outcomes resolved.
pub async fn create<R: Resource>(spec: &R, step: &Step, cx: &Cx) -> Result<R::Outputs> {
    let mut outcome = spec.create(cx).await;
    let mut first: Option<Error> = None;
    for _ in 1..ATTEMPTS {
        let error = match outcome {
            Err(error) if is_ambiguous(&error) => error,
            outcome => return outcome,
        };
        // The same answer twice: a resource that the call needs doesn't exist.
        if error.class == Class::NotFound && first.as_ref().is_some_and(|first| first.code == error.code) {
            return Err(error);
        }
        let first = first.get_or_insert_with(|| error.clone()).clone();
        // If the read fails too, the first error is the one to report.
        let Ok(found) = visible(spec, cx).await else { return Err(first) };
        outcome = match found {
            Some(found) if is_owned(spec, step, cx, &found)? => {
                match complete(spec, step, cx, &found).await.transpose() {
                    Some(outcome) => outcome,
                    None => return Err(first),
                }
            }
            // Without cached reads: they may be older than the first attempt.
            None if error.class != Class::AlreadyExists => spec.create(&cx.uncached()).await,
            _ => return Err(error),
        };
    }
    outcome
}

/// [`Resource::update`], with unknown outcomes resolved.
pub async fn update<R: Resource>(spec: &R, cx: &Cx, found: &Found<R>, changes: &[FieldChange]) -> Result<R::Outputs> {
    let mut outcome = spec.update(cx, found, &Changes(changes)).await;
    for _ in 1..ATTEMPTS {
        let error = match outcome {
            Err(error) if is_ambiguous(&error) => error,
            outcome => return outcome,
        };
        let Ok(Some(found)) = spec.observe(&cx.uncached(), Some(&found.outputs)).await else { return Err(error) };
        let mut left = differences(spec, &found)?;
        // Whether these took effect can't be read.
        left.extend(changes.iter().filter(|change| is_write_only::<R>(change)).cloned());
        if left.iter().any(|change| change.forces_replacement) {
            return Err(error);
        }
        outcome = if left.is_empty() {
            spec.until_ready(cx, &found.outputs).await.map(|()| found.outputs)
        } else {
            sleep(cx.pause(VISIBLE.poll)).await;
            spec.update(cx, &found, &Changes(&left)).await
        };
    }
    outcome
}

/// True for errors after which the resource may exist or not: with `NotFound`, what doesn't exist may be the resource itself or
/// one that the call needs.
fn is_ambiguous(error: &Error) -> bool {
    matches!(error.class, Class::AlreadyExists | Class::OutcomeUnknown | Class::NotFound)
}

/// The resource, once it shows; `None` if it doesn't.
async fn visible<R: Resource>(spec: &R, cx: &Cx) -> Result<Option<Found<R>>> {
    let limit = if cx.is_sandbox() { VISIBLE_IN_SANDBOX } else { VISIBLE.limit };
    let start = Instant::now();
    let look = || async {
        match spec.observe(&cx.uncached(), None).await? {
            None if start.elapsed() < limit => Ok(None),
            found => Ok(Some(found)),
        }
    };
    cx.wait_until("AWS to show whether the resource was created: the response was lost", Patience::SHORT, look).await
}

/// True if the step owns the resource. The rules are those for intents of a dead run: nothing existed before. A resource with
/// nothing but a name has to be exactly as desired.
fn is_owned<R: Resource>(spec: &R, step: &Step, cx: &Cx, found: &Found<R>) -> Result<bool> {
    Ok(match &found.ownership {
        Ownership::Tagged(tags) => {
            let provenance = if R::TYPE.no_tag_on_create { Provenance::Intended } else { Provenance::Unknown };
            cx.shared.owner.owns(step, provenance, tags)
        }
        Ownership::Child => true,
        Ownership::NameOnly => differences(spec, found)?.is_empty(),
    })
}

/// Completes a creation; `None` if the resource differs from the spec and can't be updated.
async fn complete<R: Resource>(spec: &R, step: &Step, cx: &Cx, found: &Found<R>) -> Result<Option<R::Outputs>> {
    spec.until_ready(cx, &found.outputs).await?;
    let Some(found) = spec.observe(&cx.uncached(), None).await? else { return Ok(None) };
    let left = differences(spec, &found)?;
    if left.iter().any(|change| change.forces_replacement) {
        return Ok(None);
    }
    let missing = missing_tags(step, &found);
    if !missing.is_empty() {
        R::tag(cx, &found.outputs, &missing, &[]).await?;
    }
    if left.is_empty() {
        return Ok(Some(found.outputs));
    }
    spec.update(cx, &found, &Changes(&left)).await.map(Some)
}

/// The readable fields whose actual value differs from the desired one.
fn differences<R: Resource>(spec: &R, found: &Found<R>) -> Result<Vec<FieldChange>> {
    let json =
        |spec: &R| serde_json::to_value(spec).map_err(|error| Error::local(format!("{}: {error}", R::TYPE.kind)));
    let mut changes = diff(&json(&found.spec)?, &json(spec)?, &|field| R::TYPE.forces_replacement(field));
    changes.retain(|change| !is_write_only::<R>(change));
    Ok(changes)
}

fn is_write_only<R: Resource>(change: &FieldChange) -> bool {
    R::TYPE.is_write_only(change.field())
}

/// The tags that the resource lacks: some types are tagged after their creation. Descriptive tags of a shared resource are those
/// of the system that created it.
fn missing_tags<R: Resource>(step: &Step, found: &Found<R>) -> Tags {
    let Some(tags) = found.ownership.tags() else { return Tags::new() };
    let counts = |key: &str| !step.shared || key.starts_with("provisioner:");
    let missing = step.tags.iter().filter(|(key, value)| counts(key) && tags.get(*key) != Some(*value));
    missing.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests;
