//! Relational Database Service: Aurora clusters, their instances, and groups.

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

use crate::resources::prelude::*;
use crate::resources::tags;

crate::resources::tags::tag_type!(Tag);

/// The tags of a resource that RDS lists without them.
async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        let answer = cx.rds.list_tags_for_resource().resource_name(arn).send().await?;
        Ok(from_sdk(answer.tag_list()))
    })
    .await
}

/// The ARN of a resource in a template, for types without that attribute. Their `Ref` is the name.
fn arn_in_template(kind: &str) -> String {
    Form::regional_arn("rds", &format!("{kind}:{}", Form::reference()))
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add = |set: &Tags| cx.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(to_sdk(set))).send();
    let delete = |keys| cx.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}
