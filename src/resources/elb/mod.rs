//! Elastic Load Balancing: application load balancers, what they listen on and where they forward to.

mod action;
mod listener;
mod listener_rule;
mod load_balancer;
mod target_group;
mod target_registration;

pub use action::{Action, Weights};
pub use listener::{Listener, ListenerOutputs, Tls};
pub use listener_rule::{Conditions, ListenerRule, ListenerRuleOutputs};
pub use load_balancer::{AccessLogs, LoadBalancer, LoadBalancerOutputs};
pub use target_group::{HealthCheck, TargetGroup, TargetGroupOutputs, Targets};
pub use target_registration::{Target, TargetRegistration, TargetRegistrationOutputs};

use std::collections::HashMap;
use std::slice;

use serde_json::{Value, json};

use crate::aws::{Cx, Error, Result};
use crate::engine::Tags;
use crate::resources::tags;

crate::resources::tags::tag_type!(aws_sdk_elasticloadbalancingv2::types::Tag);

/// The tags of `arn`, where the tagging API doesn't show them from Elastic Load Balancing itself: that tells those of twenty
/// resources at once, so `siblings`, others that are likely to be asked for in this run, share the call.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>
async fn tags_of(cx: &Cx, arn: &str, siblings: &[String]) -> Result<Tags> {
    let native = || async {
        let arn = arn.to_owned();
        let group = siblings.chunks(20).find(|group| group.contains(&arn)).unwrap_or(slice::from_ref(&arn));
        let all = match cx.inventory.once(format!("elb.tags.{}", group[0]), describe_tags(cx, group)).await {
            // One of the others went away in between, and AWS refuses the whole call.
            Err(error) if error.is_not_found() && group.len() > 1 => {
                describe_tags(cx, slice::from_ref(&arn)).await?.into()
            }
            outcome => outcome?,
        };
        Ok(all.get(&arn).cloned().unwrap_or_default())
    };
    tags::of_arn(cx, arn, native).await
}

async fn describe_tags(cx: &Cx, arns: &[String]) -> Result<HashMap<String, Tags>> {
    let answer = cx.elb.describe_tags().set_resource_arns(Some(arns.to_vec())).send().await?;
    let one = |tags: &aws_sdk_elasticloadbalancingv2::types::TagDescription| {
        (tags.resource_arn().unwrap_or_default().to_owned(), from_sdk(tags.tags()))
    };
    Ok(answer.tag_descriptions().iter().map(one).collect())
}

/// Of the ARNs of load balancers or target groups those that can be ours: the suffix is a part of all our names.
fn ours<'a>(cx: &Cx, arns: impl Iterator<Item = Option<&'a str>>) -> Vec<String> {
    let suffix = &cx.shared.owner.suffix;
    arns.flatten().filter(|arn| arn.contains(suffix.as_str())).map(str::to_owned).collect()
}

/// Sets and removes tags of a load balancer, target group, listener or rule.
async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    if !set.is_empty() {
        cx.elb.add_tags().resource_arns(arn).set_tags(Some(to_sdk(set))).send().await?;
    }
    if !remove.is_empty() {
        cx.elb.remove_tags().resource_arns(arn).set_tag_keys(Some(remove.to_vec())).send().await?;
    }
    Ok(())
}

/// Attributes of a load balancer or target group, as CloudFormation takes them.
fn attribute_list(attributes: impl IntoIterator<Item = (&'static str, String)>) -> Value {
    attributes.into_iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}

/// The value of an attribute of a load balancer or target group; AWS's default for one that was never set and isn't told.
fn attribute<T: std::str::FromStr>(attributes: &HashMap<String, String>, key: &str, default: &str) -> Result<T> {
    let value = attributes.get(key).map_or(default, String::as_str);
    value.parse().map_err(|_| Error::local(format!("elasticloadbalancing: {key} is {value:?}")))
}
