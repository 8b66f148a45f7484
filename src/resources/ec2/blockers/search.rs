//! Finds the resources that block a deletion.

use std::collections::HashMap;

use aws_sdk_ec2::types::{
    self, Filter, NetworkInterface, TransitGatewayAttachment, VpcEndpointType, VpcPeeringConnectionStateReasonCode,
};

use super::super::from_sdk;
use super::super::lists::{Item, filter};
use super::interface::{self, Creator, public_ip};
use super::origin::Origin;
use super::{Blocked, Blocker, Removal, owner};
use crate::aws::{Cx, Error};

/// The searches during one wait.
#[derive(Default)]
pub(super) struct BlockerSearch {
    /// The origins of the interfaces of a creator in a subnet. One that is gone isn't read again.
    origins: HashMap<(Creator, String), Origin>,
    /// The blockers of the current search.
    found: Vec<Blocker>,
    /// Why the current search is incomplete.
    read_error: Option<Error>,
}

impl BlockerSearch {
    /// The current blockers, those that only people can delete first. Empty if AWS shows none.
    pub(super) async fn find(&mut self, cx: &Cx, blocked: Blocked<'_>) -> Vec<Blocker> {
        self.origins.retain(|_, origin| *origin == Origin::Gone);
        self.read_error = None;
        match blocked {
            Blocked::SecurityGroup(id) => {
                self.interfaces(cx, filter("group-id", [id]), blocked).await;
                self.referring_groups(cx, id).await;
            }
            Blocked::Subnet(id) => self.interfaces(cx, filter("subnet-id", [id]), blocked).await,
            Blocked::Vpc(id) => self.in_vpc(cx, id, blocked).await,
            Blocked::InternetGateway { vpc, .. } => self.interfaces(cx, filter("vpc-id", [vpc]), blocked).await,
            Blocked::Address(id) => {
                let addresses: Vec<types::Address> = self.list(cx, filter("allocation-id", [id])).await;
                if let Some(interface) = addresses.first().and_then(|address| address.network_interface_id()) {
                    self.interfaces(cx, filter("network-interface-id", [interface]), blocked).await;
                }
            }
            Blocked::RouteTable(id) => {
                let tables: Vec<types::RouteTable> = self.list(cx, filter("route-table-id", [id])).await;
                let used = tables.iter().flat_map(|table| table.associations()).filter_map(|used| used.subnet_id());
                self.subnets(cx, used, &format!("associate it with a route table other than {id}")).await;
            }
            Blocked::NetworkAcl(id) => {
                let acls: Vec<types::NetworkAcl> = self.list(cx, filter("network-acl-id", [id])).await;
                let used = acls.iter().flat_map(|acl| acl.associations()).filter_map(|used| used.subnet_id());
                self.subnets(cx, used, &format!("associate it with a network ACL other than {id}")).await;
            }
            Blocked::TransitGateway(id) => {
                self.attachments(cx, filter("transit-gateway-id", [id]), |one| one.transit_gateway_id() == Some(id))
                    .await;
            }
            Blocked::TransitGatewayRouteTable(id) => {
                let using = filter("association.transit-gateway-route-table-id", [id]);
                let table = |one: &TransitGatewayAttachment| one.association.clone()?.transit_gateway_route_table_id;
                self.attachments(cx, using, |one| table(one).as_deref() == Some(id)).await;
            }
        }
        let mut found = std::mem::take(&mut self.found);
        found.sort_by(|one, other| (&one.removal, &one.id).cmp(&(&other.removal, &other.id)));
        found.dedup_by(|one, other| one.id == other.id);
        found
    }

    /// Why the last search is incomplete.
    pub(super) fn read_error(&self) -> Option<&Error> {
        self.read_error.as_ref()
    }

    /// The resources that match. A failed read doesn't end the wait.
    async fn list<T: Item>(&mut self, cx: &Cx, filter: impl Into<Option<Filter>>) -> Vec<T> {
        T::list(cx, filter.into().into_iter().collect()).await.unwrap_or_else(|error| {
            self.read_error = Some(error);
            Vec::new()
        })
    }

    async fn interfaces(&mut self, cx: &Cx, filter: Filter, blocked: Blocked<'_>) {
        let mut interfaces: Vec<NetworkInterface> = self.list(cx, filter).await;
        if let Blocked::InternetGateway { .. } = blocked {
            interfaces.retain(|interface| public_ip(interface).is_some());
        }
        for interface in interfaces {
            let creator = Creator::of(&interface);
            let key = (creator.clone(), interface.subnet_id().unwrap_or_default().to_owned());
            if !self.origins.contains_key(&key) {
                let origin = Origin::read(cx, &creator, &interface).await.unwrap_or_else(|error| {
                    self.read_error = Some(error);
                    Origin::Unknown
                });
                self.origins.insert(key.clone(), origin);
            }
            self.found.push(interface::blocker(cx, blocked, &interface, &creator, &self.origins[&key]));
        }
    }

    /// Other groups whose rules refer to this one.
    async fn referring_groups(&mut self, cx: &Cx, id: &str) {
        for direction in ["ip-permission.group-id", "egress.ip-permission.group-id"] {
            let groups: Vec<types::SecurityGroup> = self.list(cx, filter(direction, [id])).await;
            for group in groups.iter().filter(|group| group.id() != id) {
                let what = format!("{}, whose rules refer to it", describe_group(group));
                self.add(cx, group, what, format!("delete the rules of {} that refer to {id}", group.id()));
            }
        }
    }

    /// Subnets that use something; `alternative` is what people can do instead of deleting one.
    async fn subnets(&mut self, cx: &Cx, ids: impl Iterator<Item = &str>, alternative: &str) {
        let ids: Vec<_> = ids.collect();
        if !ids.is_empty() {
            let subnets: Vec<types::Subnet> = self.list(cx, filter("subnet-id", ids)).await;
            for subnet in subnets {
                self.add(cx, &subnet, "a subnet".to_owned(), format!("delete {}, or {alternative}", subnet.id()));
            }
        }
    }

    /// Attachments of transit gateways.
    async fn attachments(&mut self, cx: &Cx, filter: Filter, is_wanted: impl Fn(&TransitGatewayAttachment) -> bool) {
        let attachments: Vec<TransitGatewayAttachment> = self.list(cx, filter).await;
        for attachment in attachments.iter().filter(|one| is_wanted(one)) {
            let kind = attachment.resource_type().map_or("something", |kind| kind.as_str());
            let description = format!("the attachment of {kind} {}", attachment.resource_id().unwrap_or_default());
            match attachment.state().map_or("", |state| state.as_str()) {
                "deleted" | "failed" | "rejected" => {}
                "deleting" | "failing" | "rejecting" | "rollingBack" => {
                    let id = attachment.id().to_owned();
                    self.found.push(Blocker { id, description, removal: Removal::Automatic(None) });
                }
                _ => self.add(cx, attachment, description, format!("delete {}", attachment.id())),
            }
        }
    }

    /// Everything that AWS doesn't delete with a VPC.
    /// <https://repost.aws/knowledge-center/troubleshoot-dependency-error-delete-vpc>
    async fn in_vpc(&mut self, cx: &Cx, id: &str, blocked: Blocked<'_>) {
        let in_vpc = || filter("vpc-id", [id]);
        let is_this = |vpc: Option<&str>| vpc == Some(id);
        self.interfaces(cx, in_vpc(), blocked).await;

        let subnet = |one: &types::Subnet| format!("a subnet, {}", one.cidr_block().unwrap_or_default());
        self.all(cx, in_vpc(), |_| true, subnet).await;

        let is_own = |one: &types::SecurityGroup| one.group_name() != Some("default");
        self.all(cx, in_vpc(), is_own, describe_group).await;

        let is_main = |one: &types::RouteTable| one.associations().iter().any(|used| used.main == Some(true));
        self.all(cx, in_vpc(), |one| !is_main(one), |_| "a route table".to_owned()).await;

        let is_own = |one: &types::NetworkAcl| one.is_default != Some(true);
        self.all(cx, in_vpc(), is_own, |_| "a network ACL".to_owned()).await;

        let attached = || filter("attachment.vpc-id", [id]);
        self.all(cx, attached(), |_: &types::InternetGateway| true, |_| "an internet gateway".to_owned()).await;
        self.all(cx, attached(), |_: &types::VpnGateway| true, |_| "a VPN gateway".to_owned()).await;

        // Its list call takes no filter by VPC.
        let is_attached =
            |one: &types::EgressOnlyInternetGateway| one.attachments().iter().any(|to| is_this(to.vpc_id()));
        self.all(cx, None::<Filter>, is_attached, |_| "an egress-only internet gateway".to_owned()).await;

        // Endpoints of other types are found by their interfaces.
        let is_gateway = |one: &types::VpcEndpoint| one.vpc_endpoint_type() == Some(&VpcEndpointType::Gateway);
        let endpoint = |one: &types::VpcEndpoint| format!("an endpoint of {}", one.service_name().unwrap_or_default());
        self.all(cx, in_vpc(), |one| is_gateway(one) && one.exists(), endpoint).await;

        for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
            let is_peering = |one: &types::VpcPeeringConnection| {
                let mut sides = [one.requester_vpc_info(), one.accepter_vpc_info()].into_iter().flatten();
                sides.any(|side| is_this(side.vpc_id())) && is_active(one)
            };
            self.all(cx, filter(side, [id]), is_peering, |_| "a peering connection".to_owned()).await;
        }

        self.attachments(cx, filter("resource-id", [id]), |one| is_this(one.resource_id())).await;
    }

    /// Resources that have to be deleted.
    async fn all<T: Item>(
        &mut self,
        cx: &Cx,
        filter: impl Into<Option<Filter>>,
        is_blocker: impl Fn(&T) -> bool,
        describe: impl Fn(&T) -> String,
    ) {
        let items: Vec<T> = self.list(cx, filter).await;
        for item in items.iter().filter(|item| is_blocker(item)) {
            self.add(cx, item, describe(item), format!("delete {}", item.id()));
        }
    }

    /// A resource whose tags name its owner.
    fn add<T: Item>(&mut self, cx: &Cx, item: &T, what: String, instruction: String) {
        let tags = from_sdk(item.tags());
        let description: Vec<_> = std::iter::once(what).chain(owner::describe(cx, &tags)).collect();
        let removal = if owner::is_owned(cx, &tags) { Removal::Owned } else { Removal::Manual(instruction) };
        self.found.push(Blocker { id: item.id().to_owned(), description: description.join(", "), removal });
    }
}

fn describe_group(group: &types::SecurityGroup) -> String {
    format!("the security group {:?}", group.group_name().unwrap_or_default())
}

fn is_active(peering: &types::VpcPeeringConnection) -> bool {
    use VpcPeeringConnectionStateReasonCode::{Active, InitiatingRequest, PendingAcceptance, Provisioning};
    let state = peering.status().and_then(|status| status.code());
    matches!(state, Some(Active | InitiatingRequest | PendingAcceptance | Provisioning))
}
