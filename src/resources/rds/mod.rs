//! Relational Database Service: Aurora clusters and what belongs to them.

mod db_cluster;
mod db_cluster_parameter_group;
mod db_instance;
mod db_parameter_group;
mod db_subnet_group;
pub mod engine_version;
mod event_subscription;
mod global_cluster;
mod master_password;
mod parameter_group;
mod scaled_readers;

pub use db_cluster::{DbCluster, DbClusterOutputs};
pub use db_cluster_parameter_group::DbClusterParameterGroup;
pub use db_instance::{DbInstance, DbInstanceOutputs};
pub use db_parameter_group::DbParameterGroup;
pub use db_subnet_group::{DbSubnetGroup, DbSubnetGroupOutputs};
pub use event_subscription::{EventSubscription, EventSubscriptionOutputs};
pub use global_cluster::{GlobalCluster, GlobalClusterOutputs};
pub use master_password::MasterPassword;
pub use parameter_group::ParameterGroupOutputs;
pub(crate) use scaled_readers::delete as delete_scaled_readers;

use aws_sdk_rds::types::Tag;

use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::form::Form;
use crate::resources::{Changes, tags};

crate::resources::tags::tag_type!(Tag);

/// What AWS sets once and for all is refused, not replaced: nothing that holds data is made anew in passing.
fn refuse(changes: &Changes<'_>, fixed: &[&str], what: &str, help: &str) -> Result<()> {
    match fixed.iter().find(|field| changes.has(field)) {
        Some(field) => Err(Error::local(format!("AWS can't change {field} of {what} once it stands")).with_help(help)),
        None => Ok(()),
    }
}

/// The tags of what RDS lists without them.
async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let answer = cx.rds.list_tags_for_resource().resource_name(arn).send().await?;
        Ok(from_sdk(answer.tag_list()))
    })
    .await
}

/// The ARN of a resource of a template, for the types that CloudFormation tells none of. It names the resource as `Ref` does.
fn arn_in_template(kind: &str) -> String {
    Form::regional_arn("rds", &format!("{kind}:{}", Form::reference()))
}

/// Sets and removes tags of anything of RDS by its ARN.
async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        let request = cx.rds.remove_tags_from_resource().resource_name(arn);
        request.set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}
