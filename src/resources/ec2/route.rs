use std::fmt;

use aws_sdk_ec2::types;
use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{make, route_table};
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Error, Result};
use crate::cloudformation::{Form, Tagging};
use crate::resources::ids::{InternetGatewayId, NatGatewayId, PrefixListId, RouteTableId, TransitGatewayId};
use crate::resources::{Changes, Found, Resource, TypeInfo, seconds};

/// A route of a route table.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The route table.
    pub route_table_id: RouteTableId,
    /// What goes this way. Of several routes that match, the most specific one holds.
    pub destination: Destination,
    /// The way.
    pub target: Target,
}

/// What a route is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A block of addresses.
    Cidr(Ipv4Net),
    /// The addresses of a managed prefix list.
    PrefixList(PrefixListId),
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// Out to the internet, and in.
    InternetGateway(InternetGatewayId),
    /// Out to the internet.
    NatGateway(NatGatewayId),
    /// To other networks. The VPC must be attached.
    TransitGateway(TransitGatewayId),
    /// What somebody else made of it; no system asks for it.
    Other(String),
}

/// What finds a route again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteOutputs {
    /// The route table.
    pub route_table_id: RouteTableId,
    /// The block, or the prefix list's id.
    pub destination: String,
}

/// Puts the route into a request: those of CreateRoute and ReplaceRoute are two types.
macro_rules! request {
    ($route:ident, $request:expr) => {{
        let (cidr, prefix_list) = $route.destination.parameters();
        let request = $request.route_table_id(&*$route.route_table_id);
        let request = request.set_destination_cidr_block(cidr).set_destination_prefix_list_id(prefix_list);
        match &$route.target {
            Target::InternetGateway(id) => request.gateway_id(&**id),
            Target::NatGateway(id) => request.nat_gateway_id(&**id),
            Target::TransitGateway(id) => request.transit_gateway_id(&**id),
            Target::Other(id) => return Err(Error::local(no_route_to(id))),
        }
    }};
}

impl Resource for Route {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["route_table_id", "destination"],
        ..TypeInfo::new(
            "ec2.route",
            seconds(2),
            &["ec2:DescribeRouteTables", "ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"],
        )
    };

    type Outputs = RouteOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&RouteOutputs>) -> Result<Option<Found<Self>>> {
        for outputs in known.into_iter().chain([&self.outputs()]) {
            let Some(table) = route_table::find(cx, &outputs.route_table_id).await? else { continue };
            let route = table.routes().iter().find(|route| destination(route) == Some(&outputs.destination));
            let Some(route) = route else { continue };
            let spec = Route {
                route_table_id: outputs.route_table_id.clone(),
                destination: Destination::parse(&outputs.destination),
                target: target(route),
            };
            return Ok(Some(Found::child(spec, outputs.clone())));
        }
        Ok(None)
    }

    async fn create(&self, cx: &Cx) -> Result<RouteOutputs> {
        make(cx, || async { Ok(request!(self, cx.ec2.create_route()).send().await?) }).await?;
        Ok(self.outputs())
    }

    async fn update(&self, cx: &Cx, _found: &Found<Self>, _changes: &Changes<'_>) -> Result<RouteOutputs> {
        make(cx, || async { Ok(request!(self, cx.ec2.replace_route()).send().await?) }).await?;
        Ok(self.outputs())
    }

    async fn delete(cx: &Cx, outputs: &RouteOutputs) -> Result<()> {
        let (cidr, prefix_list) = Destination::parse(&outputs.destination).parameters();
        let request = cx.ec2.delete_route().route_table_id(&*outputs.route_table_id);
        let request = request.set_destination_cidr_block(cidr).set_destination_prefix_list_id(prefix_list);
        let delete = async { Ok(request.send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ec2-route.html>
    fn cloudformation(&self) -> Form {
        let Route { route_table_id, destination, target } = self;
        let (cidr, prefix_list) = destination.parameters();
        let mut route = json!({
            "RouteTableId": route_table_id,
            "DestinationCidrBlock": cidr,
            "DestinationPrefixListId": prefix_list,
        });
        match target {
            Target::InternetGateway(id) => route["GatewayId"] = json!(id),
            Target::NatGateway(id) => route["NatGatewayId"] = json!(id),
            Target::TransitGateway(id) => route["TransitGatewayId"] = json!(id),
            Target::Other(id) => return Form::unsupported(no_route_to(id)),
        }
        let form = Form::resource("AWS::EC2::Route", route).tagged(Tagging::None);
        form.output("route_table_id", &**route_table_id).output("destination", destination.to_string())
    }
}

impl Route {
    fn outputs(&self) -> RouteOutputs {
        RouteOutputs { route_table_id: self.route_table_id.clone(), destination: self.destination.to_string() }
    }
}

impl Destination {
    /// All addresses that no other route is for.
    pub fn everything() -> Self {
        Destination::Cidr(Ipv4Net::default())
    }

    fn parse(text: &str) -> Self {
        text.parse().map_or_else(|_| Destination::PrefixList(text.into()), Destination::Cidr)
    }

    /// The parameters `DestinationCidrBlock` and `DestinationPrefixListId`.
    fn parameters(&self) -> (Option<String>, Option<String>) {
        match self {
            Destination::Cidr(block) => (Some(block.to_string()), None),
            Destination::PrefixList(id) => (None, Some(id.to_string())),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Destination::Cidr(block) => block.fmt(f),
            Destination::PrefixList(id) => id.fmt(f),
        }
    }
}

fn no_route_to(id: &str) -> String {
    format!("no route can be made to {id}")
}

fn destination(route: &types::Route) -> Option<&str> {
    route.destination_cidr_block().or(route.destination_prefix_list_id())
}

fn target(route: &types::Route) -> Target {
    let gateway = route.gateway_id().filter(|id| id.starts_with("igw-"));
    let other = || route.gateway_id().or(route.network_interface_id()).or(route.vpc_peering_connection_id());
    match (gateway, route.nat_gateway_id(), route.transit_gateway_id()) {
        (Some(id), ..) => Target::InternetGateway(id.into()),
        (_, Some(id), _) => Target::NatGateway(id.into()),
        (.., Some(id)) => Target::TransitGateway(id.into()),
        _ => Target::Other(other().unwrap_or("something else").to_owned()),
    }
}
