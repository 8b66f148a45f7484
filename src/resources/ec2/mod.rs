//! EC2 and VPC. What AWS names itself (`vpc-0a1b…`) is found by its id, or by the tags that its create call set.

mod availability_zones;
mod blockers;
mod default_network_acl;
mod default_security_group;
mod elastic_ip;
mod endpoint;
mod flow_log;
mod gateway_endpoint;
mod interface_endpoint;
mod internet_gateway;
mod nat_gateway;
mod network_acl;
mod progress;
mod protocol;
mod regions;
mod route;
mod route_table;
mod security_group;
mod security_group_rule;
mod subnet;
mod subnet_route_table_association;
mod transit_gateway;
mod transit_gateway_association;
mod transit_gateway_propagation;
mod transit_gateway_route_table;
mod transit_gateway_vpc_attachment;
mod vpc;

pub use availability_zones::availability_zones;
pub use default_network_acl::{DefaultNetworkAcl, DefaultNetworkAclOutputs};
pub use default_security_group::{DefaultSecurityGroup, DefaultSecurityGroupOutputs};
pub use elastic_ip::{ElasticIp, ElasticIpOutputs};
pub use flow_log::{FlowLog, FlowLogOutputs};
pub use gateway_endpoint::{GatewayEndpoint, GatewayEndpointOutputs};
pub use interface_endpoint::{InterfaceEndpoint, InterfaceEndpointOutputs};
pub use internet_gateway::{InternetGateway, InternetGatewayOutputs};
pub use nat_gateway::{NatGateway, NatGatewayOutputs};
pub use network_acl::{NetworkAcl, NetworkAclEntries, NetworkAclEntry, NetworkAclOutputs};
pub use protocol::{Direction, Ports, Protocol};
pub use regions::enabled_regions;
pub use route::{Destination, Route, RouteOutputs, Target};
pub use route_table::{RouteTable, RouteTableOutputs};
pub use security_group::{SecurityGroup, SecurityGroupOutputs};
pub use security_group_rule::{Peer, SecurityGroupRule, SecurityGroupRuleOutputs};
pub use subnet::{Subnet, SubnetOutputs};
pub use subnet_route_table_association::{SubnetRouteTableAssociation, SubnetRouteTableAssociationOutputs};
pub use transit_gateway::{TransitGateway, TransitGatewayOutputs};
pub use transit_gateway_association::{TransitGatewayAssociation, TransitGatewayAssociationOutputs};
pub use transit_gateway_propagation::{TransitGatewayPropagation, TransitGatewayPropagationOutputs};
pub use transit_gateway_route_table::{TransitGatewayRouteTable, TransitGatewayRouteTableOutputs};
pub use transit_gateway_vpc_attachment::{TransitGatewayVpcAttachment, TransitGatewayVpcAttachmentOutputs};
pub use vpc::{Vpc, VpcOutputs};

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification, UnsuccessfulItem};
use tokio::time::Instant;

use crate::aws::clients;
use crate::aws::error::classify;
use crate::aws::wait::Patience;
use crate::aws::{Class, Cx, Error, Result};
use crate::engine::Tags;
use crate::engine::ownership::{STEP, SUFFIX, SYSTEM};
use crate::engine::reference;

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

/// All resources of the type that are ours: one list answers for every step. `id_filter` is the filter by id of the type's
/// list call; no two types have the same.
pub(super) async fn all_ours<T: Item, F>(
    cx: &Cx,
    id_filter: &str,
    list: impl Fn(Vec<Filter>) -> F,
) -> Result<Arc<Vec<T>>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    cx.inventory.once(format!("ec2.{id_filter}"), list(ours(cx))).await
}

/// The step's resource, found by its known id, or by its step tag (then a run died before it could record the id). A
/// known one whose tags somebody took off is asked for by id. Of several that carry the step tag none is taken: which of
/// them is in use isn't ours to guess.
pub(super) async fn locate<T: Item, F>(
    cx: &Cx,
    id_filter: &str,
    known: Option<&str>,
    list: impl Fn(Vec<Filter>) -> F,
) -> Result<Option<T>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let all = all_ours(cx, id_filter, &list).await?;
    locate_in(cx, &all, id_filter, known, list).await
}

/// [`locate`] in a list that is there already.
pub(super) async fn locate_in<T: Item, F>(
    cx: &Cx,
    all: &[T],
    id_filter: &str,
    known: Option<&str>,
    list: impl Fn(Vec<Filter>) -> F,
) -> Result<Option<T>>
where
    F: Future<Output = Result<Vec<T>>>,
{
    let is_this = |item: &&T| match known {
        Some(id) => item.id() == id,
        None => item.tags().iter().any(|tag| tag.key() == Some(STEP) && tag.value() == Some(&cx.step.0)),
    };
    let these: Vec<_> = all.iter().filter(is_this).collect();
    match (these.first(), known) {
        (Some(_), None) if these.len() > 1 => {
            let mut ids: Vec<_> = these.iter().map(|item| item.id()).collect();
            ids.sort_unstable();
            let message = format!("{} things carry the tag {STEP}={}: {}", ids.len(), cx.step, ids.join(", "));
            Err(Error::local(message).with_help("delete all but one of them, then run the same command again"))
        }
        (Some(item), _) => Ok(Some((*item).clone())),
        (None, Some(id)) => Ok(list(vec![filter(id_filter, [id])]).await?.into_iter().next()),
        (None, None) => Ok(None),
    }
}

/// What AWS makes with each VPC (its default group, its default ACL), of all VPCs that are ours.
pub(super) async fn all_made_with_vpcs<T, F>(cx: &Cx, key: &str, list: impl Fn(Filter) -> F) -> Result<Arc<Vec<T>>>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<Vec<T>>>,
{
    let vpcs = all_ours(cx, "vpc-id", |filters| vpc::list(cx, filters)).await?;
    let load = async {
        if vpcs.is_empty() { Ok(Vec::new()) } else { list(filter("vpc-id", vpcs.iter().map(Item::id))).await }
    };
    cx.inventory.once(key, load).await
}

/// What AWS made with the VPC. `vpc_id` may be a reference to a VPC that doesn't stand yet: then there is none.
pub(super) async fn made_with_vpc<T, F>(
    cx: &Cx,
    key: &str,
    vpc_id: &str,
    vpc_of: impl Fn(&T) -> Option<&str>,
    list: impl Fn(Filter) -> F,
) -> Result<Option<T>>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = Result<Vec<T>>>,
{
    if !is_known(vpc_id) {
        return Ok(None);
    }
    let all = all_made_with_vpcs(cx, key, &list).await?;
    match all.iter().find(|item| vpc_of(item) == Some(vpc_id)) {
        Some(item) => Ok(Some(item.clone())),
        // Somebody took the tags off the VPC.
        None => Ok(list(filter("vpc-id", [vpc_id])).await?.into_iter().next()),
    }
}

/// False for a reference to something that doesn't stand yet: AWS must not be asked for it.
pub(super) fn is_known(id: &str) -> bool {
    !id.is_empty() && !reference::is_unknown(&id.into())
}

/// True if the tags are of this system, of whatever step.
pub(super) fn is_ours(cx: &Cx, tags: &[Tag]) -> bool {
    let owner = &cx.shared.owner;
    let has = |key: &str, value: &str| tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
    has(SYSTEM, &owner.system) && has(SUFFIX, &owner.suffix)
}

/// What AWS has, in the order in which the spec names it: the order of ids means nothing to AWS.
pub(super) fn in_order_of<T: Clone + Ord>(spec: &[T], mut found: Vec<T>) -> Vec<T> {
    found.sort_by_key(|id| (spec.iter().position(|wanted| wanted == id).unwrap_or(usize::MAX), id.clone()));
    found
}

/// Those of `of` that aren't in `without`, as EC2 takes them.
pub(super) fn difference<T: Clone + PartialEq + Into<String>>(of: &[T], without: &[T]) -> Option<Vec<String>> {
    let difference: Vec<String> = of.iter().filter(|id| !without.contains(id)).cloned().map(Into::into).collect();
    Some(difference).filter(|ids| !ids.is_empty())
}

/// Makes something out of parts that were made a moment ago: EC2 may not know them everywhere yet, or still be at work
/// on them.
/// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>
pub(super) async fn make<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let start = Instant::now();
    let passing = |error: &Error| match error.class {
        // Of throttled calls those come here that the SDK must not retry.
        Class::Retryable | Class::Throttled => true,
        Class::NotFound => start.elapsed() < Duration::from_secs(60),
        _ => false,
    };
    cx.retry_while("EC2 to know what was just made, or to take more calls", Patience::SHORT, passing, call).await
}

/// CloudFormation's word for on and off.
pub(super) fn enable(on: bool) -> &'static str {
    if on { "enable" } else { "disable" }
}

/// For calls inside [`make`] that take no idempotency token.
pub(super) fn sent_once() -> aws_sdk_ec2::config::Builder {
    aws_sdk_ec2::config::Builder::default().retry_config(clients::sent_once())
}

/// Calls of several things answer "done" and name in the answer what they didn't do.
pub(super) fn refused(operation: &str, request_id: Option<&str>, items: &[UnsuccessfulItem]) -> Result<()> {
    let Some(error) = items.iter().find_map(|item| item.error()) else { return Ok(()) };
    let code = error.code().unwrap_or_default();
    Err(Error {
        class: classify(code, 400),
        operation: operation.to_owned(),
        code: Some(code.to_owned()),
        message: error.message().unwrap_or(code).to_owned(),
        request_id: request_id.map(str::to_owned),
        help: None,
    })
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
