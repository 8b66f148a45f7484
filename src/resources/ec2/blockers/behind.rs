//! What stands behind a network interface: AWS takes those of its services away once what they were made for is gone.

use aws_sdk_ec2::types::{NetworkInterface, VpcEndpoint};

use super::super::{Item, endpoint, filter, from_sdk, nat_gateway};
use super::holders::attachments;
use super::interface::Maker;
use super::whose::{is_of_system, marks};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::resources::{elb, rds};

/// What stands behind an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Behind {
    /// What it was made for is gone, or has moved away.
    Gone,
    /// It stands.
    Standing {
        /// In words, with its name: `the function NAME`.
        what: String,
        /// Whose it is, in words.
        marks: Vec<String>,
        /// True if it is of this system.
        ours: bool,
    },
    /// AWS doesn't tell.
    Untold,
}

impl Behind {
    /// Something with these tags stands.
    fn standing(cx: &Cx, what: String, tags: &Tags) -> Self {
        Behind::Standing { what, marks: marks(cx, tags), ours: is_of_system(cx, tags) }
    }

    /// Of a list of one or none.
    fn listed<T: Item>(cx: &Cx, what: String, list: &[T], stands: impl Fn(&T) -> bool) -> Self {
        match list.first() {
            Some(item) if stands(item) => Behind::standing(cx, what, &from_sdk(item.tags())),
            _ => Behind::Gone,
        }
    }

    /// Asks AWS, in two calls at most.
    pub(super) async fn look(cx: &Cx, maker: &Maker, interface: &NetworkInterface) -> Result<Self> {
        let what = maker.what();
        match maker {
            Maker::Function(None) | Maker::Task => Ok(Behind::Untold),
            Maker::Function(Some(name)) => of_function(cx, name, what, interface).await,
            Maker::LoadBalancer(end) => of_balancer(cx, end, what).await,
            Maker::Database => of_database(cx, interface).await,
            Maker::NatGateway(id) => {
                let list = nat_gateway::list(cx, vec![filter("nat-gateway-id", [id])]).await?;
                let stands = |state: &str| ["pending", "available"].contains(&state);
                Ok(Behind::listed(cx, what, &list, |one| one.state().is_some_and(|state| stands(state.as_str()))))
            }
            Maker::Endpoint(id) => {
                let list = endpoint::list(cx, vec![filter("vpc-endpoint-id", [id])]).await?;
                Ok(Behind::listed(cx, what, &list, endpoint_stands))
            }
            Maker::Attachment(id) => {
                let list = attachments(cx, filter("transit-gateway-attachment-id", [id])).await?;
                let ends = |state: &str| ["deleting", "deleted", "failed", "rejected"].contains(&state);
                Ok(Behind::listed(cx, what, &list, |one| !one.state().is_some_and(|state| ends(state.as_str()))))
            }
            Maker::Instance(id) => {
                let tags = cx.ec2.describe_tags().filters(filter("resource-id", [id])).into_paginator().items().send();
                let tags: Vec<_> = tags.try_collect().await?;
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let tags = tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect();
                Ok(Behind::standing(cx, what, &tags))
            }
            Maker::Service(_) | Maker::Somebody => Ok(Behind::standing(cx, what, &Tags::new())),
        }
    }
}

/// False for an endpoint that is on its way out.
pub(super) fn endpoint_stands(endpoint: &VpcEndpoint) -> bool {
    !["deleting", "deleted", "failed", "rejected", "expired"].contains(&&*endpoint::state(endpoint))
}

/// A function leaves its interfaces behind when it is deleted, and when it is moved elsewhere.
async fn of_function(cx: &Cx, name: &str, what: String, interface: &NetworkInterface) -> Result<Behind> {
    let get = async { Ok(cx.lambda.get_function().function_name(name).send().await?) };
    let Some(found) = ignore_not_found(get.await)? else { return Ok(Behind::Gone) };
    let place = found.configuration().and_then(|configuration| configuration.vpc_config());
    if !place.is_some_and(|place| place.subnet_ids().iter().any(|id| Some(&**id) == interface.subnet_id())) {
        return Ok(Behind::Gone);
    }
    if found.tags_error().is_some() {
        return Ok(Behind::Untold);
    }
    let tags = found.tags().into_iter().flatten();
    Ok(Behind::standing(cx, what, &tags.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

async fn of_balancer(cx: &Cx, end: &str, what: String) -> Result<Behind> {
    let name = end.split('/').nth(1).unwrap_or_default();
    let describe = async { Ok(cx.elb.describe_load_balancers().names(name).send().await?) };
    let Some(found) = ignore_not_found(describe.await)? else { return Ok(Behind::Gone) };
    // Another one may have the name by now.
    let mut arns = found.load_balancers().iter().filter_map(|one| one.load_balancer_arn());
    let Some(arn) = arns.find(|arn| arn.ends_with(end)) else { return Ok(Behind::Gone) };
    let tags = async { Ok(cx.elb.describe_tags().resource_arns(arn).send().await?) };
    let Some(tags) = ignore_not_found(tags.await)? else { return Ok(Behind::Gone) };
    let tags = tags.tag_descriptions().iter().flat_map(|of_one| elb::from_sdk(of_one.tags())).collect();
    Ok(Behind::standing(cx, what, &tags))
}

/// AWS doesn't say which database it is: one that may be in this subnet with these groups. A stranger's is told before
/// one of ours.
async fn of_database(cx: &Cx, interface: &NetworkInterface) -> Result<Behind> {
    let mut all = cx.rds.describe_db_instances().into_paginator().items().send();
    let has_group = |id: Option<&str>| interface.groups().iter().any(|group| group.group_id() == id);
    let mut behind = Behind::Gone;
    while let Some(database) = all.next().await {
        let database = database?;
        let subnets = database.db_subnet_group().map(|group| group.subnets()).unwrap_or_default();
        let may_be_here = subnets.iter().any(|subnet| subnet.subnet_identifier() == interface.subnet_id())
            && database.vpc_security_groups().iter().any(|group| has_group(group.vpc_security_group_id()));
        if !may_be_here || database.db_instance_status() == Some("deleting") {
            continue;
        }
        let what = format!("the database {}", database.db_instance_identifier().unwrap_or_default());
        behind = Behind::standing(cx, what, &rds::from_sdk(database.tag_list()));
        if let Behind::Standing { ours: false, .. } = behind {
            break;
        }
    }
    Ok(behind)
}
