//! AWS Config. Recorder and delivery channel exist once per account and region.

mod config_rule;
mod configuration_recorder;
mod delivery_channel;

pub use config_rule::{ConfigRule, ConfigRuleOutputs, ScopeTag};
pub use configuration_recorder::{ConfigurationRecorder, ConfigurationRecorderOutputs, existing_recorder};
pub use delivery_channel::{DeliveryChannel, DeliveryChannelOutputs};

use std::time::Duration;

use aws_sdk_config::types::{self, Tag};

use crate::aws::clients::Clients;
use crate::resources::prelude::*;
use crate::resources::tags;

crate::resources::tags::tag_type!(Tag);

/// The name of the recorder and the delivery channel that provisioner's systems share.
pub const SHARED_NAME: &str = "provisioner";

/// How long a new role or bucket policy takes to be visible to AWS Config.
const PROPAGATION: Patience = Patience { poll: Duration::from_secs(3), limit: Duration::from_secs(90) };

/// The customer-managed recorders of the region: at most one. AWS services may have their own.
async fn recorders(clients: &Clients) -> Result<Arc<Vec<types::ConfigurationRecorder>>> {
    let load = async {
        let answer = clients.config.describe_configuration_recorders().send().await?;
        let all = answer.configuration_recorders.unwrap_or_default();
        Ok(all.into_iter().filter(|recorder| recorder.service_principal().is_none()).collect())
    };
    clients.inventory.once("config.recorders", load).await
}

async fn tags_of(cx: &Cx, arn: &str) -> Result<Tags> {
    tags::of_arn(cx, arn, || async {
        Ok(from_sdk(cx.config.list_tags_for_resource().resource_arn(arn).send().await?.tags()))
    })
    .await
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    let add = |set: &Tags| cx.config.tag_resource().resource_arn(arn).set_tags(Some(to_sdk(set))).send();
    let delete = |keys| cx.config.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
    tags::change(set, remove, add, delete).await
}
