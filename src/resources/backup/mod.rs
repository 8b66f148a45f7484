//! AWS Backup.

mod plan;
mod selection;
mod vault;

pub use plan::{Plan, PlanOutputs, PlanRule};
pub use selection::{Selection, SelectionOutputs};
pub use vault::{Vault, VaultOutputs};

use std::collections::HashMap;

use crate::resources::prelude::*;
use crate::resources::tags;

fn to_sdk(tags: &Tags) -> HashMap<String, String> {
    tags.clone().into_iter().collect()
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let answer = cx.backup.list_tags().resource_arn(arn).send().await?;
        Ok(answer.tags.unwrap_or_default().into_iter().collect())
    })
    .await
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add = |set: &Tags| cx.backup.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send();
    let delete = |keys| cx.backup.untag_resource().resource_arn(arn).set_tag_key_list(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}
