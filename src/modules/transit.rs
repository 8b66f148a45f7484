//! The transit gateway between the networks of a system.

use super::Scope;
use super::network::{Network, letter};
use crate::resources::ec2::{
    Destination, Route, Target, TransitGateway, TransitGatewayAssociation, TransitGatewayPropagation,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment,
};
use crate::resources::ids::{TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId};

/// A transit gateway.
#[derive(Clone, Debug)]
pub struct Transit {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// The route table.
    pub route_table_id: TransitGatewayRouteTableId,
    /// The attachments, in the order of the networks.
    pub attachment_ids: Vec<TransitGatewayAttachmentId>,
}

/// Connects the private subnets and data subnets of all networks, each given with the scope of its environment. The `peers` of
/// each network must contain the CIDR blocks of the others. The gateway associates and propagates nothing by default: only the
/// attachments added here are reachable.
pub fn transit(scope: &Scope<'_>, networks: &[(&Scope<'_>, &Network)]) -> Transit {
    let gateway = TransitGateway {
        description: format!("Joins the environments of {}", scope.suffix()),
        auto_accept_shared_attachments: false,
        default_route_table_association: false,
        default_route_table_propagation: false,
        dns_support: true,
        vpn_ecmp_support: true,
    };
    let transit_gateway_id = scope.add("transit-gateway", gateway).transit_gateway_id;
    let table = TransitGatewayRouteTable { transit_gateway_id: transit_gateway_id.clone() };
    let route_table_id = scope.add("transit-gateway-route-table", table).transit_gateway_route_table_id;

    let attach = |(scope, network): &(&Scope<'_>, &Network)| {
        let attachment = TransitGatewayVpcAttachment {
            transit_gateway_id: transit_gateway_id.clone(),
            vpc_id: network.vpc_id.clone(),
            subnet_ids: network.private_subnet_ids.clone(),
            dns_support: true,
            appliance_mode_support: false,
        };
        let id = scope.add("transit-gateway-attachment", attachment).transit_gateway_attachment_id;
        let association = TransitGatewayAssociation {
            transit_gateway_attachment_id: id.clone(),
            transit_gateway_route_table_id: route_table_id.clone(),
        };
        scope.add("transit-gateway-association", association);
        let propagation = TransitGatewayPropagation {
            transit_gateway_attachment_id: id.clone(),
            transit_gateway_route_table_id: route_table_id.clone(),
        };
        scope.add("transit-gateway-propagation", propagation);
        id
    };
    let attachment_ids: Vec<_> = networks.iter().map(attach).collect();

    for (index, ((scope, network), attachment_id)) in networks.iter().zip(&attachment_ids).enumerate() {
        let scope = scope.after(attachment_id, "a route to a transit gateway needs the VPC's attachment");
        for (_, (other, peer)) in networks.iter().enumerate().filter(|(other, _)| *other != index) {
            let name = other.environment_name();
            let private = network.zones.iter().map(|zone| letter(zone)).zip(&network.private_route_table_ids);
            for (place, route_table_id) in private.chain(network.data_route_table_id.iter().map(|data| ("data", data)))
            {
                let route = Route {
                    route_table_id: route_table_id.clone(),
                    destination: Destination::Cidr(peer.cidr),
                    target: Target::TransitGateway(transit_gateway_id.clone()),
                };
                scope.add(&format!("route-{name}-{place}"), route);
            }
        }
    }
    Transit { transit_gateway_id, route_table_id, attachment_ids }
}
