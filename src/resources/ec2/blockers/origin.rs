//! The resource that AWS created a network interface for. AWS services delete their interfaces some time after that resource
//! is deleted.

use aws_sdk_ec2::types::{self, NetworkInterface};

use super::super::from_sdk;
use super::super::lists::{Item, filter};
use super::interface::Creator;
use super::owner;
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::resources::{elb, rds};

/// The state of the resource that an interface belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// It is deleted, or it doesn't use the interface any more.
    Gone,
    /// It exists.
    Existing {
        /// The resource with its name: `the function NAME`.
        what: String,
        /// Its owner in words.
        owner: Vec<String>,
        /// True if this system owns it.
        is_owned: bool,
    },
    /// AWS doesn't say.
    Unknown,
}

impl Origin {
    fn existing(cx: &Cx, what: String, tags: &Tags) -> Self {
        Origin::Existing { what, owner: owner::describe(cx, tags), is_owned: owner::is_owned(cx, tags) }
    }

    /// The only item of a list.
    async fn listed<T: Item>(cx: &Cx, what: String, id: &str) -> Result<Self> {
        let list = T::list(cx, vec![filter(T::ID_FILTER, [id])]).await?;
        Ok(match list.first() {
            Some(item) if item.exists() => Origin::existing(cx, what, &from_sdk(item.tags())),
            _ => Origin::Gone,
        })
    }

    /// Reads it from AWS, in two calls at most.
    pub(super) async fn read(cx: &Cx, creator: &Creator, interface: &NetworkInterface) -> Result<Self> {
        let what = creator.what();
        match creator {
            Creator::Function(None) | Creator::Task => Ok(Origin::Unknown),
            Creator::Function(Some(name)) => of_function(cx, name, what, interface).await,
            Creator::LoadBalancer(end) => of_load_balancer(cx, end, what).await,
            Creator::Database => of_database(cx, interface).await,
            Creator::NatGateway(id) => Origin::listed::<types::NatGateway>(cx, what, id).await,
            Creator::Endpoint(id) => Origin::listed::<types::VpcEndpoint>(cx, what, id).await,
            Creator::Attachment(id) => Origin::listed::<types::TransitGatewayAttachment>(cx, what, id).await,
            Creator::Instance(id) => {
                let tags = cx.ec2.describe_tags().filters(filter("resource-id", [id])).into_paginator().items().send();
                let tags: Vec<_> = tags.try_collect().await?;
                let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
                let tags = tags.iter().map(|tag| (text(tag.key()), text(tag.value()))).collect();
                Ok(Origin::existing(cx, what, &tags))
            }
            Creator::Service(_) | Creator::Other => Ok(Origin::existing(cx, what, &Tags::new())),
        }
    }
}

/// Lambda keeps the interfaces of a function for a while after it is deleted or moved to other subnets.
async fn of_function(cx: &Cx, name: &str, what: String, interface: &NetworkInterface) -> Result<Origin> {
    let get = async { Ok(cx.lambda.get_function().function_name(name).send().await?) };
    let Some(found) = ignore_not_found(get.await)? else { return Ok(Origin::Gone) };
    let network = found.configuration().and_then(|configuration| configuration.vpc_config());
    if !network.is_some_and(|network| network.subnet_ids().iter().any(|id| Some(&**id) == interface.subnet_id())) {
        return Ok(Origin::Gone);
    }
    if found.tags_error().is_some() {
        return Ok(Origin::Unknown);
    }
    let tags = found.tags().into_iter().flatten();
    Ok(Origin::existing(cx, what, &tags.map(|(key, value)| (key.clone(), value.clone())).collect()))
}

async fn of_load_balancer(cx: &Cx, end: &str, what: String) -> Result<Origin> {
    let name = end.split('/').nth(1).unwrap_or_default();
    let describe = async { Ok(cx.elb.describe_load_balancers().names(name).send().await?) };
    let Some(found) = ignore_not_found(describe.await)? else { return Ok(Origin::Gone) };
    // A new load balancer may have the same name.
    let mut arns = found.load_balancers().iter().filter_map(|one| one.load_balancer_arn());
    let Some(arn) = arns.find(|arn| arn.ends_with(end)) else { return Ok(Origin::Gone) };
    let tags = async { Ok(cx.elb.describe_tags().resource_arns(arn).send().await?) };
    let Some(tags) = ignore_not_found(tags.await)? else { return Ok(Origin::Gone) };
    let tags = tags.tag_descriptions().iter().flat_map(|of_one| elb::from_sdk(of_one.tags())).collect();
    Ok(Origin::existing(cx, what, &tags))
}

/// AWS doesn't say which database an interface belongs to: it is one with the subnet and a group of the interface. One that
/// this system doesn't own comes first.
async fn of_database(cx: &Cx, interface: &NetworkInterface) -> Result<Origin> {
    let mut all = cx.rds.describe_db_instances().into_paginator().items().send();
    let has_group = |id: Option<&str>| interface.groups().iter().any(|group| group.group_id() == id);
    let mut origin = Origin::Gone;
    while let Some(database) = all.next().await {
        let database = database?;
        let subnets = database.db_subnet_group().map(|group| group.subnets()).unwrap_or_default();
        let is_candidate = subnets.iter().any(|subnet| subnet.subnet_identifier() == interface.subnet_id())
            && database.vpc_security_groups().iter().any(|group| has_group(group.vpc_security_group_id()));
        if !is_candidate || database.db_instance_status() == Some("deleting") {
            continue;
        }
        let what = format!("the database {}", database.db_instance_identifier().unwrap_or_default());
        origin = Origin::existing(cx, what, &rds::from_sdk(database.tag_list()));
        if let Origin::Existing { is_owned: false, .. } = origin {
            break;
        }
    }
    Ok(origin)
}
