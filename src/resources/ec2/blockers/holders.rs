//! Who holds what AWS doesn't delete.

use std::collections::HashMap;

use aws_sdk_ec2::types::{
    self, Filter, NetworkInterface, TransitGatewayAttachment, VpcEndpointType, VpcPeeringConnectionStateReasonCode,
};

use super::super::{
    Item, elastic_ip, endpoint, filter, from_sdk, internet_gateway, item, network_acl, route_table, security_group,
    subnet,
};
use super::behind::{Behind, endpoint_stands};
use super::interface::{self, Maker, public_ip};
use super::whose::{is_of_system, marks};
use super::{Blocker, Fate, Held};
use crate::aws::{Cx, Error, Result};

item!(TransitGatewayAttachment, transit_gateway_attachment_id);
item!(types::VpnGateway, vpn_gateway_id);
item!(types::VpcPeeringConnection, vpc_peering_connection_id);
item!(types::EgressOnlyInternetGateway, egress_only_internet_gateway_id);

/// The looks of one wait.
#[derive(Default)]
pub(super) struct Looking {
    /// What stands behind the interfaces of a maker in a subnet. What is gone isn't asked for again.
    behind: HashMap<(Maker, String), Behind>,
    /// What the present look has found.
    found: Vec<Blocker>,
    /// Why it couldn't see something.
    blind: Option<Error>,
}

impl Looking {
    /// Who holds it now, those that stay first; nobody if AWS doesn't tell.
    pub(super) async fn find(&mut self, cx: &Cx, held: Held<'_>) -> Vec<Blocker> {
        self.behind.retain(|_, behind| *behind == Behind::Gone);
        self.blind = None;
        match held {
            Held::SecurityGroup(id) => {
                self.interfaces(cx, filter("group-id", [id]), held).await;
                self.groups_with_rules_for(cx, id).await;
            }
            Held::Subnet(id) => self.interfaces(cx, filter("subnet-id", [id]), held).await,
            Held::Vpc(id) => self.in_vpc(cx, id, held).await,
            Held::InternetGateway { vpc, .. } => self.interfaces(cx, filter("vpc-id", [vpc]), held).await,
            Held::Address(id) => {
                let addresses = self.seen(elastic_ip::list(cx, vec![filter("allocation-id", [id])]).await);
                if let Some(interface) = addresses.first().and_then(|address| address.network_interface_id()) {
                    self.interfaces(cx, filter("network-interface-id", [interface]), held).await;
                }
            }
            Held::RouteTable(id) => {
                let tables = self.seen(route_table::list(cx, vec![filter("route-table-id", [id])]).await);
                let used = tables.iter().flat_map(|table| table.associations()).filter_map(|used| used.subnet_id());
                self.subnets(cx, used, &format!("give it another route table than {id}")).await;
            }
            Held::NetworkAcl(id) => {
                let acls = self.seen(network_acl::list(cx, vec![filter("network-acl-id", [id])]).await);
                let used = acls.iter().flat_map(|acl| acl.associations()).filter_map(|used| used.subnet_id());
                self.subnets(cx, used, &format!("give it another network ACL than {id}")).await;
            }
            Held::TransitGateway(id) => {
                let attached = attachments(cx, filter("transit-gateway-id", [id])).await;
                self.attached(cx, attached, |one| one.transit_gateway_id() == Some(id));
            }
            Held::TransitGatewayRouteTable(id) => {
                let using = attachments(cx, filter("association.transit-gateway-route-table-id", [id])).await;
                let table = |one: &TransitGatewayAttachment| one.association.clone()?.transit_gateway_route_table_id;
                self.attached(cx, using, |one| table(one).as_deref() == Some(id));
            }
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|one, other| (&one.fate, &one.id).cmp(&(&other.fate, &other.id)));
        found.dedup_by(|one, other| one.id == other.id);
        found
    }

    /// Why the last look couldn't see everything.
    pub(super) fn blind(&self) -> Option<&Error> {
        self.blind.as_ref()
    }

    /// What was read. What can't be read doesn't end the wait.
    fn seen<T>(&mut self, read: Result<Vec<T>>) -> Vec<T> {
        read.unwrap_or_else(|error| {
            self.blind = Some(error);
            Vec::new()
        })
    }

    async fn interfaces(&mut self, cx: &Cx, filter: Filter, held: Held<'_>) {
        let mut interfaces = self.seen(interfaces(cx, filter).await);
        if let Held::InternetGateway { .. } = held {
            interfaces.retain(|interface| public_ip(interface).is_some());
        }
        for interface in interfaces {
            let maker = Maker::of(&interface);
            let one_of = (maker.clone(), interface.subnet_id().unwrap_or_default().to_owned());
            if !self.behind.contains_key(&one_of) {
                let behind = Behind::look(cx, &maker, &interface).await.unwrap_or_else(|error| {
                    self.blind = Some(error);
                    Behind::Untold
                });
                self.behind.insert(one_of.clone(), behind);
            }
            self.found.push(interface::blocker(cx, held, &interface, &maker, &self.behind[&one_of]));
        }
    }

    async fn groups_with_rules_for(&mut self, cx: &Cx, id: &str) {
        for direction in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
            let groups = self.seen(security_group::list(cx, vec![filter(direction, [id])]).await);
            for group in groups.iter().filter(|group| group.id() != id) {
                let what = format!("{}, whose rules refer to it", group_in_words(group));
                self.thing(cx, group, what, format!("take the rules that refer to {id} out of {}", group.id()));
            }
        }
    }

    /// Subnets that use something; `or` is what would do instead of deleting one.
    async fn subnets(&mut self, cx: &Cx, ids: impl Iterator<Item = &str>, or: &str) {
        let ids: Vec<_> = ids.collect();
        if !ids.is_empty() {
            for subnet in self.seen(subnet::list(cx, vec![filter("subnet-id", ids)]).await) {
                self.thing(cx, &subnet, "a subnet".to_owned(), format!("delete {}, or {or}", subnet.id()));
            }
        }
    }

    /// What is attached to a transit gateway.
    fn attached(
        &mut self,
        cx: &Cx,
        read: Result<Vec<TransitGatewayAttachment>>,
        is_wanted: impl Fn(&TransitGatewayAttachment) -> bool,
    ) {
        for attachment in self.seen(read).iter().filter(|one| is_wanted(one)) {
            let kind = attachment.resource_type().map_or("something", |kind| kind.as_str());
            let what = format!("the attachment of {kind} {}", attachment.resource_id().unwrap_or_default());
            match attachment.state().map_or("", |state| state.as_str()) {
                "deleted" | "failed" | "rejected" => {}
                "deleting" | "failing" | "rejecting" | "rollingBack" => {
                    self.found.push(Blocker { id: attachment.id().to_owned(), about: what, fate: Fate::Goes(None) });
                }
                _ => self.thing(cx, attachment, what, format!("delete {}", attachment.id())),
            }
        }
    }

    /// What AWS names as what keeps a VPC.
    /// <https://repost.aws/knowledge-center/troubleshoot-dependency-error-delete-vpc>
    async fn in_vpc(&mut self, cx: &Cx, id: &str, held: Held<'_>) {
        let here = || vec![filter("vpc-id", [id])];
        let is_this = |vpc: Option<&str>| vpc == Some(id);
        self.interfaces(cx, filter("vpc-id", [id]), held).await;

        let subnets = subnet::list(cx, here()).await;
        self.things(cx, subnets, |_| true, |one| format!("a subnet, {}", one.cidr_block().unwrap_or_default()));

        let groups = security_group::list(cx, here()).await;
        self.things(cx, groups, |one| one.group_name() != Some("default"), group_in_words);

        let tables = route_table::list(cx, here()).await;
        let is_main = |one: &types::RouteTable| one.associations().iter().any(|used| used.main == Some(true));
        self.things(cx, tables, |one| !is_main(one), |_| "a route table".to_owned());

        let acls = network_acl::list(cx, here()).await;
        self.things(cx, acls, |one| one.is_default != Some(true), |_| "a network ACL".to_owned());

        let gateways = internet_gateway::list(cx, vec![filter("attachment.vpc-id", [id])]).await;
        self.things(cx, gateways, |_| true, |_| "an internet gateway".to_owned());

        let gateways = egress_only_gateways(cx).await;
        let is_attached =
            |one: &types::EgressOnlyInternetGateway| one.attachments().iter().any(|to| is_this(to.vpc_id()));
        self.things(cx, gateways, is_attached, |_| "an egress-only internet gateway".to_owned());

        let gateways = vpn_gateways(cx, filter("attachment.vpc-id", [id])).await;
        self.things(cx, gateways, |_| true, |_| "a VPN gateway".to_owned());

        // Endpoints of other types show by their interfaces.
        let endpoints = endpoint::list(cx, here()).await;
        let is_gateway = |one: &types::VpcEndpoint| one.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
        let describe = |one: &types::VpcEndpoint| format!("an endpoint of {}", one.service_name().unwrap_or_default());
        self.things(cx, endpoints, |one| is_gateway(one) && endpoint_stands(one), describe);

        for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
            let peerings = peerings(cx, filter(side, [id])).await;
            let is_wanted = |one: &types::VpcPeeringConnection| {
                let mut sides = [one.requester_vpc_info(), one.accepter_vpc_info()].into_iter().flatten();
                sides.any(|side| is_this(side.vpc_id())) && is_live(one)
            };
            self.things(cx, peerings, is_wanted, |_| "a peering connection".to_owned());
        }

        let attached = attachments(cx, filter("resource-id", [id])).await;
        self.attached(cx, attached, |one| is_this(one.resource_id()));
    }

    /// Things that must be deleted.
    fn things<T: Item>(
        &mut self,
        cx: &Cx,
        read: Result<Vec<T>>,
        is_wanted: impl Fn(&T) -> bool,
        describe: impl Fn(&T) -> String,
    ) {
        for item in self.seen(read).iter().filter(|item| is_wanted(item)) {
            self.thing(cx, item, describe(item), format!("delete {}", item.id()));
        }
    }

    /// Something whose tags tell whose it is.
    fn thing<T: Item>(&mut self, cx: &Cx, item: &T, what: String, remedy: String) {
        let tags = from_sdk(item.tags());
        let about: Vec<_> = std::iter::once(what).chain(marks(cx, &tags)).collect();
        let fate = if is_of_system(cx, &tags) { Fate::Ours } else { Fate::Stays(remedy) };
        self.found.push(Blocker { id: item.id().to_owned(), about: about.join(", "), fate });
    }
}

fn group_in_words(group: &types::SecurityGroup) -> String {
    format!("the security group {:?}", group.group_name().unwrap_or_default())
}

fn is_live(peering: &types::VpcPeeringConnection) -> bool {
    use VpcPeeringConnectionStateReasonCode::{Active, InitiatingRequest, PendingAcceptance, Provisioning};
    let state = peering.status().and_then(|status| status.code());
    matches!(state, Some(Active | InitiatingRequest | PendingAcceptance | Provisioning))
}

/// Those too that a service of AWS hides.
async fn interfaces(cx: &Cx, filter: Filter) -> Result<Vec<NetworkInterface>> {
    let pages = cx.ec2.describe_network_interfaces().include_managed_resources(true).filters(filter).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

/// Attachments of transit gateways, of whatever type.
pub(super) async fn attachments(cx: &Cx, filter: Filter) -> Result<Vec<TransitGatewayAttachment>> {
    let pages = cx.ec2.describe_transit_gateway_attachments().filters(filter).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn peerings(cx: &Cx, filter: Filter) -> Result<Vec<types::VpcPeeringConnection>> {
    let pages = cx.ec2.describe_vpc_peering_connections().filters(filter).into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn egress_only_gateways(cx: &Cx) -> Result<Vec<types::EgressOnlyInternetGateway>> {
    let pages = cx.ec2.describe_egress_only_internet_gateways().into_paginator();
    Ok(pages.items().send().try_collect().await?)
}

async fn vpn_gateways(cx: &Cx, filter: Filter) -> Result<Vec<types::VpnGateway>> {
    Ok(cx.ec2.describe_vpn_gateways().filters(filter).send().await?.vpn_gateways.unwrap_or_default())
}
