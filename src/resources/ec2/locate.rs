//! Finds the resources of steps, with one list call for all steps of a type.

use std::sync::Arc;

use aws_sdk_ec2::types::{self, Filter, Tag};

use super::lists::{Item, filter};
use crate::aws::{Cx, Error, Result};
use crate::engine::ownership::{STEP, SUFFIX, SYSTEM};
use crate::engine::reference;

/// All existing resources of the type that have the tags of this system and suffix: read once a run, for all steps.
pub async fn owned<T: Item>(cx: &Cx) -> Result<Arc<Vec<T>>> {
    let owner = &cx.shared.owner;
    let tags =
        vec![filter(&format!("tag:{SYSTEM}"), [&owner.system]), filter(&format!("tag:{SUFFIX}"), [&owner.suffix])];
    cx.inventory.once(format!("ec2.owned.{}", std::any::type_name::<T>()), existing(cx, tags)).await
}

/// The existing resource of the step: the one with the `known` id, or the one with the tag of the step if no id is known (a
/// run died before it recorded the id). A resource whose tags were removed is found by its known id. If several resources
/// have the tag, that is an error: any of them may be in use.
pub async fn locate<T: Item>(cx: &Cx, known: Option<&str>) -> Result<Option<T>> {
    let all = owned(cx).await?;
    locate_in(cx, &all, known).await
}

/// [`locate`] in a list that was read before.
pub(super) async fn locate_in<T: Item>(cx: &Cx, all: &[T], known: Option<&str>) -> Result<Option<T>> {
    let is_step = |tag: &Tag| tag.key() == Some(STEP) && tag.value() == Some(&cx.step.0);
    let is_this = |item: &&T| match known {
        Some(id) => item.id() == id,
        None => item.tags().iter().any(is_step),
    };
    let found: Vec<_> = all.iter().filter(is_this).collect();
    match (found.first(), known) {
        (Some(_), None) if found.len() > 1 => {
            let mut ids: Vec<_> = found.iter().map(|item| item.id()).collect();
            ids.sort_unstable();
            let message = format!("{} resources have the tag {STEP}={}: {}", ids.len(), cx.step, ids.join(", "));
            Err(Error::local(message).with_help("delete all but one of them, then run the same command again"))
        }
        (Some(item), _) => Ok(Some((*item).clone())),
        (None, Some(id)) => Ok(existing(cx, vec![filter(T::ID_FILTER, [id])]).await?.into_iter().next()),
        (None, None) => Ok(None),
    }
}

async fn existing<T: Item>(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<T>> {
    let mut all = T::list(cx, filters).await?;
    all.retain(Item::exists);
    Ok(all)
}

/// A resource that AWS creates with each VPC.
pub(super) trait VpcDefault: Item {
    /// The filter that distinguishes it from the others of its type.
    fn default_filter() -> Filter;
    /// The id of its VPC.
    fn vpc(&self) -> Option<&str>;
}

impl VpcDefault for types::SecurityGroup {
    fn default_filter() -> Filter {
        filter("group-name", ["default"])
    }

    fn vpc(&self) -> Option<&str> {
        self.vpc_id()
    }
}

impl VpcDefault for types::NetworkAcl {
    fn default_filter() -> Filter {
        filter("default", ["true"])
    }

    fn vpc(&self) -> Option<&str> {
        self.vpc_id()
    }
}

/// The default resources of all owned VPCs: read once a run.
pub(super) async fn owned_defaults<T: VpcDefault>(cx: &Cx) -> Result<Arc<Vec<T>>> {
    let vpcs = owned::<types::Vpc>(cx).await?;
    let load = async {
        let of_vpcs = filter("vpc-id", vpcs.iter().map(Item::id));
        if vpcs.is_empty() { Ok(Vec::new()) } else { T::list(cx, vec![of_vpcs, T::default_filter()]).await }
    };
    cx.inventory.once(format!("ec2.defaults.{}", std::any::type_name::<T>()), load).await
}

/// The default resource of the VPC. `None` if `vpc_id` is a reference to a VPC that doesn't exist yet.
pub(super) async fn locate_default<T: VpcDefault>(cx: &Cx, vpc_id: &str) -> Result<Option<T>> {
    if !is_known(vpc_id) {
        return Ok(None);
    }
    match owned_defaults::<T>(cx).await?.iter().find(|item| item.vpc() == Some(vpc_id)) {
        Some(item) => Ok(Some(item.clone())),
        // The tags of the VPC may have been removed.
        None => read_default(cx, vpc_id).await,
    }
}

/// The default resource of the VPC, read now: for a VPC that was created in this run.
pub(super) async fn read_default<T: VpcDefault>(cx: &Cx, vpc_id: &str) -> Result<Option<T>> {
    Ok(T::list(cx, vec![filter("vpc-id", [vpc_id]), T::default_filter()]).await?.into_iter().next())
}

/// False for a reference to a resource that doesn't exist yet: don't send it to AWS.
pub(super) fn is_known(id: &str) -> bool {
    !id.is_empty() && !reference::is_unknown(&id.into())
}

/// True if the tags are those of this system and suffix, whatever the step.
pub(super) fn is_owned(cx: &Cx, tags: &[Tag]) -> bool {
    let owner = &cx.shared.owner;
    let has = |key: &str, value: &str| tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
    has(SYSTEM, &owner.system) && has(SUFFIX, &owner.suffix)
}
