//! The list calls of EC2, one for each type of resource.

use std::future::Future;

use aws_sdk_ec2::types::{self, Filter, NatGatewayState, Tag, TransitGatewayAttachmentState as AttachmentState};

use crate::aws::{Cx, Result};

/// A type of resource that EC2 lists with ids and tags. For a type of your own, implement it for a struct around the SDK's type.
pub trait Item: Clone + Send + Sync + 'static {
    /// The filter of the list call that takes ids: `vpc-id`.
    const ID_FILTER: &'static str;

    /// The id of the resource.
    fn id(&self) -> &str;

    /// The tags of the resource.
    fn tags(&self) -> &[Tag];

    /// False for a resource that failed or is being deleted: EC2 lists some for an hour after that.
    fn exists(&self) -> bool {
        true
    }

    /// All resources that match the filters.
    fn list(cx: &Cx, filters: Vec<Filter>) -> impl Future<Output = Result<Vec<Self>>> + Send;
}

/// A filter of a list call.
pub fn filter(name: &str, values: impl IntoIterator<Item = impl Into<String>>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().map(Into::into).collect())).build()
}

/// `Vpc(vpc_id, "vpc-id") = describe_vpcs.set_filters;`: the field and the filter of the id, the list call and its method that
/// takes filters. A type whose list contains deleted resources adds a test for those that exist.
macro_rules! items {
    ($($item:ident($id:ident, $filter:literal) = $call:ident.$set:ident $(if $exists:expr)?;)*) => {
        $(
            impl Item for types::$item {
                const ID_FILTER: &'static str = $filter;

                fn id(&self) -> &str {
                    self.$id.as_deref().unwrap_or_default()
                }

                fn tags(&self) -> &[Tag] {
                    self.tags.as_deref().unwrap_or_default()
                }

                $(fn exists(&self) -> bool {
                    let exists: fn(&Self) -> bool = $exists;
                    exists(self)
                })?

                async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<Self>> {
                    let pages = cx.ec2.$call().$set(Some(filters)).into_paginator();
                    Ok(pages.items().send().try_collect().await?)
                }
            }
        )*
    };
}

items! {
    EgressOnlyInternetGateway(egress_only_internet_gateway_id, "egress-only-internet-gateway-id")
        = describe_egress_only_internet_gateways.set_filters;
    FlowLog(flow_log_id, "flow-log-id") = describe_flow_logs.set_filter;
    InternetGateway(internet_gateway_id, "internet-gateway-id") = describe_internet_gateways.set_filters;
    NatGateway(nat_gateway_id, "nat-gateway-id") = describe_nat_gateways.set_filter
        if |gateway| matches!(gateway.state(), Some(NatGatewayState::Pending | NatGatewayState::Available));
    NetworkAcl(network_acl_id, "network-acl-id") = describe_network_acls.set_filters;
    RouteTable(route_table_id, "route-table-id") = describe_route_tables.set_filters;
    SecurityGroup(group_id, "group-id") = describe_security_groups.set_filters;
    SecurityGroupRule(security_group_rule_id, "security-group-rule-id") = describe_security_group_rules.set_filters;
    Subnet(subnet_id, "subnet-id") = describe_subnets.set_filters;
    TransitGateway(transit_gateway_id, "transit-gateway-id") = describe_transit_gateways.set_filters
        if |gateway| gateway.state().is_some_and(|state| !["deleting", "deleted"].contains(&state.as_str()));
    TransitGatewayAttachment(transit_gateway_attachment_id, "transit-gateway-attachment-id")
        = describe_transit_gateway_attachments.set_filters
        if |attachment| !attachment.state().is_some_and(is_ending);
    TransitGatewayRouteTable(transit_gateway_route_table_id, "transit-gateway-route-table-id")
        = describe_transit_gateway_route_tables.set_filters
        if |table| table.state().is_some_and(|state| !["deleting", "deleted"].contains(&state.as_str()));
    TransitGatewayVpcAttachment(transit_gateway_attachment_id, "transit-gateway-attachment-id")
        = describe_transit_gateway_vpc_attachments.set_filters
        if |attachment| attachment.state().is_some_and(is_usable);
    Vpc(vpc_id, "vpc-id") = describe_vpcs.set_filters;
    VpcEndpoint(vpc_endpoint_id, "vpc-endpoint-id") = describe_vpc_endpoints.set_filters
        if |endpoint| ["pending", "available", "partial", "pendingacceptance"].contains(&&*endpoint_state(endpoint));
    VpcPeeringConnection(vpc_peering_connection_id, "vpc-peering-connection-id")
        = describe_vpc_peering_connections.set_filters;
}

fn is_ending(state: &AttachmentState) -> bool {
    use AttachmentState::{Deleted, Deleting, Failed, Rejected};
    matches!(state, Deleted | Deleting | Failed | Rejected)
}

fn is_usable(state: &AttachmentState) -> bool {
    use AttachmentState::{Available, Initiating, InitiatingRequest, Modifying, Pending};
    matches!(state, Available | Initiating | InitiatingRequest | Modifying | Pending)
}

/// The state of an endpoint in lower case: the API reference and the service differ in case.
pub(super) fn endpoint_state(endpoint: &types::VpcEndpoint) -> String {
    endpoint.state().map(|state| state.as_str().to_ascii_lowercase()).unwrap_or_default()
}

impl Item for types::Address {
    const ID_FILTER: &'static str = "allocation-id";

    fn id(&self) -> &str {
        self.allocation_id().unwrap_or_default()
    }

    fn tags(&self) -> &[Tag] {
        self.tags()
    }

    async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<Self>> {
        Ok(cx.ec2.describe_addresses().set_filters(Some(filters)).send().await?.addresses.unwrap_or_default())
    }
}

impl Item for types::VpnGateway {
    const ID_FILTER: &'static str = "vpn-gateway-id";

    fn id(&self) -> &str {
        self.vpn_gateway_id().unwrap_or_default()
    }

    fn tags(&self) -> &[Tag] {
        self.tags()
    }

    async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<Self>> {
        Ok(cx.ec2.describe_vpn_gateways().set_filters(Some(filters)).send().await?.vpn_gateways.unwrap_or_default())
    }
}

impl Item for types::NetworkInterface {
    const ID_FILTER: &'static str = "network-interface-id";

    fn id(&self) -> &str {
        self.network_interface_id().unwrap_or_default()
    }

    fn tags(&self) -> &[Tag] {
        self.tag_set()
    }

    /// Includes interfaces that AWS services hide.
    async fn list(cx: &Cx, filters: Vec<Filter>) -> Result<Vec<Self>> {
        let request = cx.ec2.describe_network_interfaces().include_managed_resources(true);
        Ok(request.set_filters(Some(filters)).into_paginator().items().send().try_collect().await?)
    }
}
