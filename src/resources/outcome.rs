//! What became of a call that wasn't answered properly.
//!
//! A connection breaks, a server fails: AWS may have done all the same what it was asked for. The SDK asks again where
//! that can't make two, and then AWS may say that the name is taken, or that what was to go isn't there, by what its first
//! answer would have told of. So before such an error counts, AWS is looked at anew. What stands and is ours is finished;
//! if nothing shows in a while, it is asked for again, as the next run would.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::aws::wait::Patience;
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::diff::diff;
use crate::engine::ownership::{Ownership, Provenance};
use crate::engine::{FieldChange, Step, Tags};

use super::{Changes, Found, Resource};

/// How often something is asked for.
const TRIES: usize = 4;

/// Most of what is made can be seen within a second, but AWS may be at work on a call that was given up waiting for.
const SEEN: Patience = Patience { poll: Duration::from_secs(1), limit: Duration::from_secs(60) };
/// A sandbox does what it does at once.
const SEEN_IN_SANDBOX: Duration = Duration::from_secs(5);

/// [`Resource::create`], whatever becomes of the answers.
pub async fn create<R: Resource>(spec: &R, step: &Step, cx: &Cx) -> Result<R::Outputs> {
    let mut outcome = spec.create(cx).await;
    let mut first: Option<Error> = None;
    for _ in 1..TRIES {
        let error = match outcome {
            Err(error) if is_open(&error) => error,
            outcome => return outcome,
        };
        // AWS has looked twice, and what it needs isn't there.
        if error.class == Class::NotFound && first.as_ref().is_some_and(|first| first.code == error.code) {
            return Err(error);
        }
        let first = first.get_or_insert_with(|| error.clone()).clone();
        // If that can't be found out either, what happened first is what people should know.
        let Ok(found) = shown(spec, cx).await else { return Err(first) };
        outcome = match found {
            Some(found) if is_ours(spec, step, cx, &found)? => match made(spec, step, cx, &found).await.transpose() {
                Some(made) => made,
                None => return Err(first),
            },
            // With nothing that was read before: it may have come to be since.
            None if error.class != Class::AlreadyExists => spec.create(&cx.uncached()).await,
            _ => return Err(error),
        };
    }
    outcome
}

/// [`Resource::update`], whatever becomes of the answers.
pub async fn update<R: Resource>(spec: &R, cx: &Cx, found: &Found<R>, changes: &[FieldChange]) -> Result<R::Outputs> {
    let mut outcome = spec.update(cx, found, &Changes(changes)).await;
    for _ in 1..TRIES {
        let error = match outcome {
            Err(error) if is_open(&error) => error,
            outcome => return outcome,
        };
        let Ok(Some(found)) = spec.observe(&cx.uncached(), Some(&found.outputs)).await else { return Err(error) };
        let mut left = differences(spec, &found)?;
        // AWS doesn't tell whether these are done.
        left.extend(changes.iter().filter(|change| is_untold::<R>(change)).cloned());
        if left.iter().any(|change| change.forces_replacement) {
            return Err(error);
        }
        outcome = if left.is_empty() {
            spec.until_ready(cx, &found.outputs).await.map(|()| found.outputs)
        } else {
            sleep(cx.pause(SEEN.poll)).await;
            spec.update(cx, &found, &Changes(&left)).await
        };
    }
    outcome
}

/// It doesn't tell what stands now: what isn't there may be what the call needs, or what it was to take away.
fn is_open(error: &Error) -> bool {
    matches!(error.class, Class::AlreadyExists | Class::OutcomeUnknown | Class::NotFound)
}

/// What stands by now; `None` if nothing shows.
async fn shown<R: Resource>(spec: &R, cx: &Cx) -> Result<Option<Found<R>>> {
    let limit = if cx.is_sandbox() { SEEN_IN_SANDBOX } else { SEEN.limit };
    let start = Instant::now();
    let look = || async {
        match spec.observe(&cx.uncached(), None).await? {
            None if start.elapsed() < limit => Ok(None),
            found => Ok(Some(found)),
        }
    };
    cx.wait_until("AWS to show whether it was made: the answer was lost", Patience::SHORT, look).await
}

/// By the rules for what a run that died has announced: nothing stood there when it was. What can't say whose it is must be
/// just what was asked for.
fn is_ours<R: Resource>(spec: &R, step: &Step, cx: &Cx, found: &Found<R>) -> Result<bool> {
    Ok(match &found.ownership {
        Ownership::Tagged(tags) => {
            let provenance = if R::TYPE.no_tag_on_create { Provenance::Intended } else { Provenance::Unknown };
            cx.shared.owner.owns(step, provenance, tags)
        }
        Ownership::Child => true,
        Ownership::NameOnly => differences(spec, found)?.is_empty(),
    })
}

/// Does what is left to do of `create`; `None` if what stands isn't what was asked for.
async fn made<R: Resource>(spec: &R, step: &Step, cx: &Cx, found: &Found<R>) -> Result<Option<R::Outputs>> {
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

/// In which fields that AWS tells what stands isn't what was asked for.
fn differences<R: Resource>(spec: &R, found: &Found<R>) -> Result<Vec<FieldChange>> {
    let json =
        |spec: &R| serde_json::to_value(spec).map_err(|error| Error::local(format!("{}: {error}", R::TYPE.kind)));
    let mut changes = diff(&json(&found.spec)?, &json(spec)?, &|field| R::TYPE.force_new.contains(&field));
    changes.retain(|change| !is_untold::<R>(change));
    Ok(changes)
}

fn is_untold<R: Resource>(change: &FieldChange) -> bool {
    R::TYPE.write_only.contains(&change.field())
}

/// Some types are tagged by a call after the one that makes them. The descriptive tags of what systems share are those of
/// whoever made it.
fn missing_tags<R: Resource>(step: &Step, found: &Found<R>) -> Tags {
    let Some(tags) = found.ownership.tags() else { return Tags::new() };
    let counts = |key: &str| !step.shared || key.starts_with("provisioner:");
    let missing = step.tags.iter().filter(|(key, value)| counts(key) && tags.get(*key) != Some(*value));
    missing.map(|(key, value)| (key.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests;
