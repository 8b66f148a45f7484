//! Identity and Access Management: global, whatever the region of the step.

mod role;

pub use role::{Role, RoleOutputs};

use crate::aws::wait::ignore_not_found;
use crate::aws::{Clients, Result};
use crate::engine::Tags;
use crate::engine::ownership::{Owner, SUFFIX, SYSTEM};

crate::resources::tags::tag_type!(aws_sdk_iam::types::Tag);

/// The roles of a system, ARN and tags: the tagging API knows none. Our names end in the suffix, so few are asked for their tags.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html>
pub async fn roles_of_system(clients: &Clients, owner: &Owner) -> Result<Vec<(String, Tags)>> {
    let ending = format!("-{}", owner.suffix);
    let mut all = clients.iam.list_roles().into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(role) = all.try_next().await? {
        if !role.role_name().ends_with(&ending) {
            continue;
        }
        let read = async { Ok(clients.iam.list_role_tags().role_name(role.role_name()).send().await?) };
        let Some(answer) = ignore_not_found(read.await)? else { continue };
        let tags = from_sdk(answer.tags());
        if tags.get(SYSTEM) == Some(&owner.system) && tags.get(SUFFIX) == Some(&owner.suffix) {
            found.push((role.arn().to_owned(), tags));
        }
    }
    Ok(found)
}
