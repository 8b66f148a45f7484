//! A VPC with its subnets, gateways, network ACLs, endpoints and flow logs.

mod acls;
mod endpoints;
mod flow_logs;

use ipnet::Ipv4Net;
use serde::{Deserialize, Serialize};

use super::Scope;
use super::reach::Reach;
use crate::resources::ec2::{
    DefaultNetworkAcl, DefaultSecurityGroup, Destination, ElasticIp, InternetGateway, NatGateway, Peer, Route,
    RouteTable, Subnet, SubnetRouteTableAssociation, Target, Vpc,
};
use crate::resources::ids::{
    InternetGatewayId, KeyArn, NatGatewayId, PrefixListId, RouteTableId, SecurityGroupId, SubnetId, VpcId,
};

/// How private subnets reach the internet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NatMode {
    /// A NAT gateway in each zone: a failure affects one zone only.
    #[default]
    PerAz,
    /// One NAT gateway for all zones: cheaper, but it fails with its zone.
    Single,
    /// No NAT gateway: only services with a VPC endpoint are reachable.
    None,
}

/// The parameters of a network.
#[derive(Clone, Debug)]
pub struct NetworkParams {
    /// The VPC's CIDR block, a /16. Each zone gets a private subnet (/20), a data subnet (/20) if enabled, and a public subnet
    /// (/24).
    pub cidr: Ipv4Net,
    /// The names of up to six availability zones.
    pub zones: Vec<String>,
    /// Public subnets, for load balancers and NAT gateways.
    pub public_subnets: bool,
    /// Separate subnets for databases, with routes to the VPC and its peers only.
    pub data_subnets: bool,
    /// NAT gateways; they need public subnets.
    pub nat: NatMode,
    /// The CIDR blocks that the private subnets reach through the transit gateway.
    pub peers: Vec<Ipv4Net>,
    /// Interface endpoints by service: `secretsmanager`, `kms`, `ecr.api` ...
    pub endpoints: Vec<String>,
    /// The key for the flow logs, in this region. CloudWatch Logs must be allowed to use it.
    pub key: KeyArn,
}

/// A network.
#[derive(Clone, Debug)]
pub struct Network {
    /// The VPC.
    pub vpc_id: VpcId,
    /// The VPC's CIDR block.
    pub cidr: Ipv4Net,
    /// The zones. The lists below are in their order.
    pub zones: Vec<String>,
    /// The private subnets, one per zone.
    pub private_subnet_ids: Vec<SubnetId>,
    /// Their CIDR blocks.
    pub private_cidrs: Vec<Ipv4Net>,
    /// The subnets for databases: the data subnets if enabled, else the private ones.
    pub data_subnet_ids: Vec<SubnetId>,
    /// The public subnets, if enabled.
    pub public_subnet_ids: Vec<SubnetId>,
    /// The route tables of the private subnets, one per zone.
    pub private_route_table_ids: Vec<RouteTableId>,
    /// The route table of the data subnets, if enabled.
    pub data_route_table_id: Option<RouteTableId>,
    /// The route table of the public subnets, if enabled.
    pub public_route_table_id: Option<RouteTableId>,
    /// The internet gateway. Resources with public addresses must be created after it.
    pub internet_gateway_id: Option<InternetGatewayId>,
    /// The security group of the interface endpoints, if there are any.
    pub endpoint_security_group_id: Option<SecurityGroupId>,
    /// The prefix list of S3, for security group rules.
    pub s3_prefix_list_id: PrefixListId,
    /// The prefix list of DynamoDB, for security group rules.
    pub dynamodb_prefix_list_id: PrefixListId,
}

impl Network {
    /// AWS services, by their VPC endpoints. Empty without interface endpoints.
    pub fn reach_aws_services(&self) -> Option<Reach<'static>> {
        let group = self.endpoint_security_group_id.clone()?;
        Some(Reach { what: "aws-services", port: 443, peer: Peer::SecurityGroup(group) })
    }

    /// S3, by its VPC endpoint.
    pub fn reach_s3(&self) -> Reach<'static> {
        Reach { what: "s3", port: 443, peer: Peer::PrefixList(self.s3_prefix_list_id.clone()) }
    }

    /// DynamoDB, by its VPC endpoint.
    pub fn reach_dynamodb(&self) -> Reach<'static> {
        Reach { what: "dynamodb", port: 443, peer: Peer::PrefixList(self.dynamodb_prefix_list_id.clone()) }
    }
}

/// Adds a network.
///
/// # Panics
/// If the CIDR block is smaller than /20. Configurations allow /16 only.
pub fn network(scope: &Scope<'_>, params: &NetworkParams) -> Network {
    let vpc_id = scope.add("vpc", Vpc { cidr: params.cidr, dns_support: true, dns_hostnames: true }).vpc_id;
    scope.add("default-security-group", DefaultSecurityGroup::stripped(&vpc_id));
    scope.add("default-network-acl", DefaultNetworkAcl::stripped(&vpc_id));
    flow_logs::add(scope, params, &vpc_id);

    let blocks = Blocks::of(params.cidr, params.zones.len());
    let private_subnet_ids = subnets(scope, params, &vpc_id, "private", &blocks.private);
    let private_route_table_ids: Vec<RouteTableId> = params
        .zones
        .iter()
        .zip(&private_subnet_ids)
        .map(|(zone, subnet_id)| {
            let name = format!("private-{}", letter(zone));
            let route_table_id = route_table(scope, &vpc_id, &name);
            associate(scope, &name, subnet_id, &route_table_id);
            route_table_id
        })
        .collect();
    acls::private(scope, params, &vpc_id, &private_subnet_ids);
    let data = params.data_subnets.then(|| data_tier(scope, params, &vpc_id, &blocks.data));

    let public = params.public_subnets.then(|| Public::add(scope, params, &vpc_id, &blocks.public));
    if let Some(public) = &public {
        let nat_gateways = public.nat_gateways(scope, params);
        for (index, (zone, route_table_id)) in params.zones.iter().zip(&private_route_table_ids).enumerate() {
            if let Some(nat_gateway_id) = nat_gateways.get(index).or(nat_gateways.first()) {
                let name = format!("route-private-{}-internet", letter(zone));
                route(scope, &name, route_table_id, Target::NatGateway(nat_gateway_id.clone()));
            }
        }
    }

    let gateways = endpoints::gateways(scope, &vpc_id, &private_route_table_ids);
    let endpoint_security_group_id = endpoints::interfaces(scope, params, &vpc_id, &private_subnet_ids);
    Network {
        vpc_id,
        cidr: params.cidr,
        zones: params.zones.clone(),
        data_subnet_ids: data.as_ref().map_or(&private_subnet_ids, |(subnets, _)| subnets).clone(),
        data_route_table_id: data.map(|(_, route_table_id)| route_table_id),
        private_subnet_ids,
        private_cidrs: blocks.private,
        public_subnet_ids: public.as_ref().map(|public| public.subnet_ids.clone()).unwrap_or_default(),
        private_route_table_ids,
        public_route_table_id: public.as_ref().map(|public| public.route_table_id.clone()),
        internet_gateway_id: public.map(|public| public.internet_gateway_id),
        endpoint_security_group_id,
        s3_prefix_list_id: gateways.s3,
        dynamodb_prefix_list_id: gateways.dynamodb,
    }
}

/// Adds the data subnets with one common route table, as they have no NAT gateways.
fn data_tier(
    scope: &Scope<'_>,
    params: &NetworkParams,
    vpc_id: &VpcId,
    blocks: &[Ipv4Net],
) -> (Vec<SubnetId>, RouteTableId) {
    let subnet_ids = subnets(scope, params, vpc_id, "data", blocks);
    let route_table_id = route_table(scope, vpc_id, "data");
    for (zone, subnet_id) in params.zones.iter().zip(&subnet_ids) {
        associate(scope, &format!("data-{}", letter(zone)), subnet_id, &route_table_id);
    }
    acls::data(scope, params, vpc_id, &subnet_ids);
    (subnet_ids, route_table_id)
}

/// The public part of a network.
struct Public {
    internet_gateway_id: InternetGatewayId,
    route_table_id: RouteTableId,
    subnet_ids: Vec<SubnetId>,
}

impl Public {
    fn add(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId, blocks: &[Ipv4Net]) -> Self {
        let internet_gateway_id = scope.add("internet-gateway", InternetGateway::of(vpc_id)).internet_gateway_id;
        let route_table_id = route_table(scope, vpc_id, "public");
        let to_internet = Target::InternetGateway(internet_gateway_id.clone());
        route(scope, "route-public-internet", &route_table_id, to_internet);
        let subnet_ids = subnets(scope, params, vpc_id, "public", blocks);
        for (zone, subnet_id) in params.zones.iter().zip(&subnet_ids) {
            associate(scope, &format!("public-{}", letter(zone)), subnet_id, &route_table_id);
        }
        acls::public(scope, params, vpc_id, &subnet_ids);
        Public { internet_gateway_id, route_table_id, subnet_ids }
    }

    /// Adds one NAT gateway per zone, one for all, or none.
    fn nat_gateways(&self, scope: &Scope<'_>, params: &NetworkParams) -> Vec<NatGatewayId> {
        let count = match params.nat {
            NatMode::PerAz => params.zones.len(),
            NatMode::Single => 1,
            NatMode::None => 0,
        };
        let scope = scope.after(
            &self.internet_gateway_id,
            "AWS doesn't detach an internet gateway while public addresses are in use",
        );
        let zones = params.zones.iter().zip(&self.subnet_ids).take(count);
        let gateways = zones.map(|(zone, subnet_id)| {
            let zone = letter(zone);
            let allocation_id = scope.add(&format!("elastic-ip-{zone}"), ElasticIp {}).allocation_id;
            let gateway = NatGateway { subnet_id: subnet_id.clone(), allocation_id };
            scope.add(&format!("nat-gateway-{zone}"), gateway).nat_gateway_id
        });
        gateways.collect()
    }
}

/// Maximum number of zones.
const MAX_ZONES: usize = 6;

/// The CIDR blocks of the subnets, one of each kind per zone.
#[derive(Debug, PartialEq)]
struct Blocks {
    private: Vec<Ipv4Net>,
    data: Vec<Ipv4Net>,
    public: Vec<Ipv4Net>,
}

impl Blocks {
    /// Private subnets are at the start of the block, data subnets after the space for private subnets of all zones, public
    /// subnets in the last /20.
    fn of(cidr: Ipv4Net, zones: usize) -> Self {
        let divide = |block: Ipv4Net| -> Vec<Ipv4Net> {
            block.subnets(block.prefix_len() + 4).expect("a block of at least /20").collect()
        };
        let sixteenths = divide(cidr);
        let public = divide(sixteenths[15]).into_iter().take(zones).collect();
        let from = |start: usize| sixteenths.iter().skip(start).take(zones).copied().collect();
        Blocks { private: from(0), data: from(MAX_ZONES), public }
    }
}

fn subnets(scope: &Scope<'_>, params: &NetworkParams, vpc_id: &VpcId, kind: &str, blocks: &[Ipv4Net]) -> Vec<SubnetId> {
    let subnets = params.zones.iter().zip(blocks).map(|(zone, cidr)| {
        let (vpc_id, availability_zone) = (vpc_id.clone(), zone.clone());
        let subnet = Subnet { vpc_id, cidr: *cidr, availability_zone, map_public_ip: false };
        scope.add(&format!("subnet-{kind}-{}", letter(zone)), subnet).subnet_id
    });
    subnets.collect()
}

fn route_table(scope: &Scope<'_>, vpc_id: &VpcId, name: &str) -> RouteTableId {
    scope.add(&format!("route-table-{name}"), RouteTable { vpc_id: vpc_id.clone() }).route_table_id
}

fn associate(scope: &Scope<'_>, name: &str, subnet_id: &SubnetId, route_table_id: &RouteTableId) {
    let (subnet_id, route_table_id) = (subnet_id.clone(), route_table_id.clone());
    scope.add(&format!("route-table-association-{name}"), SubnetRouteTableAssociation { subnet_id, route_table_id });
}

/// Adds the default route.
fn route(scope: &Scope<'_>, name: &str, route_table_id: &RouteTableId, target: Target) {
    let route_table_id = route_table_id.clone();
    scope.add(name, Route { route_table_id, destination: Destination::everything(), target });
}

/// The letter of a zone: `a` of `us-east-1a`.
pub(super) fn letter(zone: &str) -> &str {
    zone.char_indices().last().map_or("", |(at, _)| &zone[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subnets_do_not_overlap() {
        let cidr: Ipv4Net = "10.10.0.0/16".parse().unwrap();
        let blocks = Blocks::of(cidr, 3);
        let text = |blocks: &[Ipv4Net]| blocks.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&blocks.private), ["10.10.0.0/20", "10.10.16.0/20", "10.10.32.0/20"]);
        assert_eq!(text(&blocks.public), ["10.10.240.0/24", "10.10.241.0/24", "10.10.242.0/24"]);
        let six_zones = Blocks::of(cidr, 6);
        assert_eq!(text(&blocks.data)[0], "10.10.96.0/20");
        let large: Vec<_> = six_zones.private.iter().chain(&six_zones.data).collect();
        assert!(large.iter().all(|one| !six_zones.public.iter().any(|public| one.contains(public))));
        assert!((1..large.len()).all(|index| !large[..index].contains(&large[index])));
    }

    #[test]
    fn letter_of_a_zone_is_its_last_character() {
        assert_eq!(letter("eu-central-1b"), "b");
    }
}
