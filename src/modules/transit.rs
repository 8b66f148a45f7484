//! The transit gateway between the networks of a system.

use super::Scope;
use super::network::{Network, letter};
use crate::resources::ec2::{
    Destination, Route, Target, TransitGateway, TransitGatewayAssociation, TransitGatewayPropagation,
    TransitGatewayRouteTable, TransitGatewayVpcAttachment,
};
use crate::resources::ids::{TransitGatewayAttachmentId, TransitGatewayId, TransitGatewayRouteTableId};

/// A network that is joined to the others.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// Where its attachment and routes are put: the environment's place.
    pub scope: &'a Scope<'a>,
    /// The network. Its `peers` must hold the blocks of the other ones.
    pub network: &'a Network,
}

/// The transit gateway, for what else is to be joined.
#[derive(Clone, Debug)]
pub struct Transit {
    /// The transit gateway.
    pub transit_gateway_id: TransitGatewayId,
    /// The route table.
    pub route_table_id: TransitGatewayRouteTableId,
    /// In the order of the sides.
    pub attachment_ids: Vec<TransitGatewayAttachmentId>,
}

/// Joins the private subnets of all sides, those for data among them. Nothing joins by itself: what isn't attached, associated and propagated here
/// can't be reached.
pub fn transit(scope: &Scope<'_>, sides: &[Side<'_>]) -> Transit {
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

    let attach = |side: &Side<'_>| {
        let attachment = TransitGatewayVpcAttachment {
            transit_gateway_id: transit_gateway_id.clone(),
            vpc_id: side.network.vpc_id.clone(),
            subnet_ids: side.network.private_subnet_ids.clone(),
            dns_support: true,
            appliance_mode_support: false,
        };
        let id = side.scope.add("transit-gateway-attachment", attachment).transit_gateway_attachment_id;
        let association = TransitGatewayAssociation {
            transit_gateway_attachment_id: id.clone(),
            transit_gateway_route_table_id: route_table_id.clone(),
        };
        side.scope.add("transit-gateway-association", association);
        let propagation = TransitGatewayPropagation {
            transit_gateway_attachment_id: id.clone(),
            transit_gateway_route_table_id: route_table_id.clone(),
        };
        side.scope.add("transit-gateway-propagation", propagation);
        id
    };
    let attachment_ids: Vec<_> = sides.iter().map(attach).collect();

    for (index, (side, attachment_id)) in sides.iter().zip(&attachment_ids).enumerate() {
        let scope = side.scope.after(attachment_id, "a route to a transit gateway needs the VPC's attachment");
        for (_, other) in sides.iter().enumerate().filter(|(other, _)| *other != index) {
            let name = other.scope.environment_name();
            let network = side.network;
            let private = network.zones.iter().map(|zone| letter(zone)).zip(&network.private_route_table_ids);
            for (place, route_table_id) in private.chain(network.data_route_table_id.iter().map(|data| ("data", data)))
            {
                let route = Route {
                    route_table_id: route_table_id.clone(),
                    destination: Destination::Cidr(other.network.cidr),
                    target: Target::TransitGateway(transit_gateway_id.clone()),
                };
                scope.add(&format!("route-{name}-{place}"), route);
            }
        }
    }
    Transit { transit_gateway_id, route_table_id, attachment_ids }
}
