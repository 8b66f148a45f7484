//! Identity and Access Management. Its resources are global, whatever the region of the step.

mod policy;
mod role;

pub use policy::{Policy, PolicyOutputs};
pub use role::{Role, RoleOutputs};

use aws_sdk_iam::types::PolicyScopeType;

use crate::aws::Clients;
use crate::engine::ownership::{Owner, SUFFIX, SYSTEM};
use crate::resources::prelude::*;

crate::resources::tags::tag_type!(aws_sdk_iam::types::Tag);

/// The roles and customer managed policies of a system, by ARN with their tags: the tagging API doesn't list them. Only those
/// whose names end in the suffix are read.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListRoleTags.html>
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListPolicyTags.html>
pub async fn of_system(clients: &Clients, owner: &Owner) -> Result<Vec<(String, Tags)>> {
    let ending = format!("-{}", owner.suffix);
    let mut found = Vec::new();
    let mut roles = clients.iam.list_roles().into_paginator().items().send();
    while let Some(role) = roles.try_next().await? {
        if role.role_name().ends_with(&ending) {
            let read = async { Ok(clients.iam.list_role_tags().role_name(role.role_name()).send().await?) };
            found.extend(ignore_not_found(read.await)?.map(|answer| (role.arn().to_owned(), from_sdk(answer.tags()))));
        }
    }
    let mut policies = clients.iam.list_policies().scope(PolicyScopeType::Local).into_paginator().items().send();
    while let Some(policy) = policies.try_next().await? {
        let arn = policy.arn().unwrap_or_default();
        if arn.ends_with(&ending) {
            let read = async { Ok(clients.iam.list_policy_tags().policy_arn(arn).send().await?) };
            found.extend(ignore_not_found(read.await)?.map(|answer| (arn.to_owned(), from_sdk(answer.tags()))));
        }
    }
    found.retain(|(_, tags)| tags.get(SYSTEM) == Some(&owner.system) && tags.get(SUFFIX) == Some(&owner.suffix));
    Ok(found)
}
