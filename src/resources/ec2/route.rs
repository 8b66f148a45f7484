use std::fmt;

use aws_sdk_ec2::types;
use ipnet::Ipv4Net;

use super::calls::retry_until_consistent;
use super::route_table;
use crate::resources::prelude::*;

/// A route of a route table.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateRoute.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The route table.
    pub route_table_id: RouteTableId,
    /// The addresses that the route is for. Of several routes that match, the most specific one applies.
    pub destination: Destination,
    /// The gateway that the traffic is sent to.
    pub target: Target,
}

/// The destination of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    /// A block of addresses.
    Cidr(Ipv4Net),
    /// The addresses of a managed prefix list.
    PrefixList(PrefixListId),
}

/// The target of a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// To and from the internet.
    InternetGateway(InternetGatewayId),
    /// To the internet.
    NatGateway(NatGatewayId),
    /// To other networks. The VPC must be attached.
    TransitGateway(TransitGatewayId),
    /// A target of another type: only ever observed.
    Other(String),
}

/// The identity of a route.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteOutputs {
    /// The route table.
    pub route_table_id: RouteTableId,
    /// The block, or the prefix list's id.
    pub destination: String,
}

/// Puts the route into a request: the requests of CreateRoute and ReplaceRoute have different types.
macro_rules! request {
    ($route:ident, $request:expr) => {{
        let (cidr, prefix_list) = $route.destination.parameters();
        let request = $request.route_table_id(&*$route.route_table_id);
        let request = request.set_destination_cidr_block(cidr).set_destination_prefix_list_id(prefix_list);
        match &$route.target {
            Target::InternetGateway(id) => request.gateway_id(&**id),
            Target::NatGateway(id) => request.nat_gateway_id(&**id),
            Target::TransitGateway(id) => request.transit_gateway_id(&**id),
            Target::Other(id) => return Err(Error::local(unsupported(id))),
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
        retry_until_consistent(cx, || async { Ok(request!(self, cx.ec2.create_route()).send().await?) }).await?;
        Ok(self.outputs())
    }

    async fn update(&self, cx: &Cx, _found: &Found<Self>, _changes: &Changes<'_>) -> Result<RouteOutputs> {
        retry_until_consistent(cx, || async { Ok(request!(self, cx.ec2.replace_route()).send().await?) }).await?;
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
        let (cidr, prefix_list) = self.destination.parameters();
        let mut route = properties!(self, Route {
            route_table_id => "RouteTableId",
            destination => "DestinationCidrBlock": cidr,
            "DestinationPrefixListId": prefix_list,
            target => _,
        });
        match &self.target {
            Target::InternetGateway(id) => route["GatewayId"] = json!(id),
            Target::NatGateway(id) => route["NatGatewayId"] = json!(id),
            Target::TransitGateway(id) => route["TransitGatewayId"] = json!(id),
            Target::Other(id) => return Form::unsupported(unsupported(id)),
        }
        let form = Form::resource("AWS::EC2::Route", route).tagged(Tagging::None);
        form.output("route_table_id", &*self.route_table_id).output("destination", self.destination.to_string())
    }
}

impl Route {
    fn outputs(&self) -> RouteOutputs {
        RouteOutputs { route_table_id: self.route_table_id.clone(), destination: self.destination.to_string() }
    }
}

impl Destination {
    /// All addresses: the default route.
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

fn unsupported(id: &str) -> String {
    format!("routes to {id} are not supported")
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
        _ => Target::Other(other().unwrap_or("an unknown target").to_owned()),
    }
}
