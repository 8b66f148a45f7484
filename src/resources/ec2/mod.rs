//! EC2 and VPC. AWS chooses the ids (`vpc-0a1b…`), so a resource is found by the id in the state file, or by its tags.
//!
//! Types of your own can use the same helpers: [`Item`], [`locate`], [`retry_until_consistent`], [`tag_specification`],
//! [`until_ready`].

mod availability_zones;
mod blockers;
mod calls;
mod default_network_acl;
mod default_security_group;
mod elastic_ip;
mod endpoint;
mod flow_log;
mod gateway_endpoint;
mod group_rules;
mod interface_endpoint;
mod internet_gateway;
mod lists;
mod locate;
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
mod transit_gateway_route_table;
mod transit_gateway_table_links;
mod transit_gateway_vpc_attachment;
mod vpc;

pub use availability_zones::availability_zones;
pub use calls::{
    check_unsuccessful, from_sdk, retry_until_consistent, tag, tag_specification, to_sdk, without_retries,
};
pub use default_network_acl::{DefaultNetworkAcl, DefaultNetworkAclOutputs};
pub use default_security_group::{DefaultSecurityGroup, DefaultSecurityGroupOutputs};
pub use elastic_ip::{ElasticIp, ElasticIpOutputs};
pub use flow_log::{FlowLog, FlowLogOutputs};
pub use gateway_endpoint::{GatewayEndpoint, GatewayEndpointOutputs};
pub use interface_endpoint::{InterfaceEndpoint, InterfaceEndpointOutputs};
pub use internet_gateway::{InternetGateway, InternetGatewayOutputs};
pub use lists::{Item, filter};
pub use locate::{locate, owned};
pub use nat_gateway::{NatGateway, NatGatewayOutputs};
pub use network_acl::{NetworkAcl, NetworkAclEntries, NetworkAclEntry, NetworkAclOutputs};
pub use progress::{Progress, until_gone, until_ready};
pub use protocol::{Direction, Ports, Protocol};
pub use regions::enabled_regions;
pub use route::{Destination, Route, RouteOutputs, Target};
pub use route_table::{RouteTable, RouteTableOutputs};
pub use security_group::{SecurityGroup, SecurityGroupOutputs};
pub use security_group_rule::{Peer, SecurityGroupRule, SecurityGroupRuleOutputs};
pub use subnet::{Subnet, SubnetOutputs};
pub use subnet_route_table_association::{SubnetRouteTableAssociation, SubnetRouteTableAssociationOutputs};
pub use transit_gateway::{TransitGateway, TransitGatewayOutputs};
pub use transit_gateway_route_table::{TransitGatewayRouteTable, TransitGatewayRouteTableOutputs};
pub use transit_gateway_table_links::{
    TransitGatewayAssociation, TransitGatewayAssociationOutputs, TransitGatewayPropagation,
    TransitGatewayPropagationOutputs,
};
pub use transit_gateway_vpc_attachment::{TransitGatewayVpcAttachment, TransitGatewayVpcAttachmentOutputs};
pub use vpc::{Vpc, VpcOutputs};
