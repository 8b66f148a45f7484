//! EC2 and VPC. What AWS names itself (`vpc-0a1b…`) is found by its id, or by the tags that its create call set.

mod vpc;

pub use vpc::{Vpc, VpcOutputs};

use std::future::Future;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::engine::ownership::{STEP, SUFFIX, SYSTEM};

crate::resources::tags::tag_type!(Tag);

/// Something that EC2 lists with an id and tags.
pub(super) trait Item: Clone + Send + Sync + 'static {
    fn id(&self) -> &str;
    fn tags(&self) -> &[Tag];
}

/// `item!(types::Vpc, vpc_id)`: the type's id is the field `vpc_id`.
macro_rules! item {
    ($type:ty, $id:ident) => {
        impl $crate::resources::ec2::Item for $type {
            fn id(&self) -> &str {
                self.$id.as_deref().unwrap_or_default()
            }

            fn tags(&self) -> &[aws_sdk_ec2::types::Tag] {
                self.tags.as_deref().unwrap_or_default()
            }
        }
    };
}
use item;

/// A filter of a list call.
pub(super) fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// The filters for all that belongs to this system and suffix.
pub(super) fn ours(cx: &Cx) -> Vec<Filter> {
    let owner = &cx.shared.owner;
    vec![filter(&format!("tag:{SYSTEM}"), [&owner.system]), filter(&format!("tag:{SUFFIX}"), [&owner.suffix])]
}

/// The step's resource: one list of all that is ours answers for every step of the type. It is found by its known id, or
/// by its step tag (then a run died before it could record the id). A known one whose tags somebody took off is asked
/// for by id (`id_filter` is the filter's name).
pub(super) async fn locate<T: Item, F>(
    cx: &Cx,
    id_filter: &str,
    known: Option<&str>,
    list: impl Fn(Vec<Filter>) -> F,
) -> Result<Option<T>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let all = cx.inventory.once(format!("ec2.{id_filter}"), list(ours(cx))).await?;
    let is_this = |item: &&T| match known {
        Some(id) => item.id() == id,
        None => item.tags().iter().any(|tag| tag.key() == Some(STEP) && tag.value() == Some(&cx.step.0)),
    };
    match (all.iter().find(is_this), known) {
        (Some(item), _) => Ok(Some(item.clone())),
        (None, Some(id)) => Ok(list(vec![filter(id_filter, [id])]).await?.into_iter().next()),
        (None, None) => Ok(None),
    }
}

/// The tags of a create call.
pub(super) fn tag_specification(cx: &Cx, resource: ResourceType) -> TagSpecification {
    TagSpecification::builder().resource_type(resource).set_tags(Some(to_sdk(&cx.tags))).build()
}

/// Sets and removes tags of anything of EC2 by its id.
pub(super) async fn tag(cx: &Cx, id: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.ec2.create_tags().resources(id).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        let keys = remove.iter().map(|key| Tag::builder().key(key).build()).collect();
        cx.ec2.delete_tags().resources(id).set_tags(Some(keys)).send().await?;
    }
    Ok(())
}
