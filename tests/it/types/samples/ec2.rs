use std::collections::BTreeMap;

use provisioner::modules::Scope;
use provisioner::resources::document::Document;
use provisioner::resources::ec2::{
    DefaultNetworkAcl, DefaultSecurityGroup, Destination, Direction, ElasticIp, FlowLog, GatewayEndpoint,
    InterfaceEndpoint, InternetGateway, NatGateway, NetworkAcl, NetworkAclEntries, NetworkAclEntry, Peer, Ports,
    Protocol, Route, RouteTable, SecurityGroup, SecurityGroupRule, Subnet, SubnetRouteTableAssociation, Target,
    TransitGateway, TransitGatewayAssociation, TransitGatewayPropagation, TransitGatewayRouteTable,
    TransitGatewayVpcAttachment, Vpc,
};
use provisioner::resources::ids::{
    AllocationId, LogGroupArn, PrefixListId, RouteTableId, SubnetId, TransitGatewayAttachmentId, TransitGatewayId,
    TransitGatewayRouteTableId, VpcId,
};
use provisioner::resources::logs::LogGroup;

use super::{key, policy, role, security_group, subnet, vpc};
use crate::types::{Sample, Samples};

fn cidr(block: &str) -> ipnet::Ipv4Net {
    block.parse().expect("a block")
}

fn route_table(scope: &Scope<'_>, vpc_id: &VpcId, name: &str) -> RouteTableId {
    scope.add(&format!("route-table-{name}"), RouteTable { vpc_id: vpc_id.clone() }).route_table_id
}

fn elastic_ip(scope: &Scope<'_>, name: &str) -> AllocationId {
    scope.add(&format!("elastic-ip-{name}"), ElasticIp {}).allocation_id
}

/// Two subnets of a network, and one of another.
fn subnets(scope: &Scope<'_>) -> [SubnetId; 3] {
    let (one, other) = (vpc(scope, 1), vpc(scope, 2));
    [subnet(scope, &one, 1, 'a'), subnet(scope, &one, 1, 'b'), subnet(scope, &other, 2, 'a')]
}

/// The addresses of S3.
fn prefix_list(scope: &Scope<'_>, vpc_id: &VpcId) -> PrefixListId {
    let endpoint = GatewayEndpoint {
        vpc_id: vpc_id.clone(),
        service_name: service(scope, "s3"),
        policy: policy(scope, "s3:*"),
        route_table_ids: Vec::new(),
    };
    scope.add("s3", endpoint).prefix_list_id
}

fn service(scope: &Scope<'_>, name: &str) -> String {
    format!("com.amazonaws.{}.{name}", scope.region())
}

fn log_group(scope: &Scope<'_>, name: &str) -> LogGroupArn {
    let group = LogGroup { name: scope.name(name), kms_key: Some(key(scope, name)), retention_days: None };
    scope.add(&format!("log-group-{name}"), group).arn
}

fn transit_gateway(scope: &Scope<'_>, name: &str) -> TransitGatewayId {
    let gateway = TransitGateway {
        description: name.to_owned(),
        auto_accept_shared_attachments: false,
        default_route_table_association: false,
        default_route_table_propagation: false,
        dns_support: true,
        vpn_ecmp_support: false,
    };
    scope.add(&format!("transit-gateway-{name}"), gateway).transit_gateway_id
}

/// Two networks attached to a transit gateway, and two route tables of it.
fn transit(scope: &Scope<'_>) -> ([TransitGatewayAttachmentId; 2], [TransitGatewayRouteTableId; 2]) {
    let gateway = transit_gateway(scope, "one");
    let attachment = |number| {
        let vpc_id = vpc(scope, number);
        let attachment = TransitGatewayVpcAttachment {
            transit_gateway_id: gateway.clone(),
            subnet_ids: vec![subnet(scope, &vpc_id, number, 'a')],
            vpc_id,
            dns_support: true,
            appliance_mode_support: false,
        };
        scope.add(&format!("attachment-{number}"), attachment).transit_gateway_attachment_id
    };
    let table = |name: &str| {
        let table = TransitGatewayRouteTable { transit_gateway_id: gateway.clone() };
        scope.add(&format!("table-{name}"), table).transit_gateway_route_table_id
    };
    ([attachment(1), attachment(2)], [table("one"), table("other")])
}

/// Every protocol and both ways to say which ports.
fn entries() -> NetworkAclEntries {
    let entry = |allow, protocol, ports| NetworkAclEntry { allow, protocol, cidr: cidr("10.0.0.0/8"), ports };
    BTreeMap::from([
        (90, entry(false, Protocol::Tcp, Some(Ports::one(22)))),
        (100, entry(true, Protocol::Tcp, None)),
        (110, entry(true, Protocol::Udp, Some(Ports::range(1024, 65_535)))),
        (120, entry(true, Protocol::Icmp, Some(Ports { from: 3, to: 4 }))),
        (130, entry(true, Protocol::Other("50".to_owned()), None)),
        (140, entry(true, Protocol::All, None)),
    ])
}

/// Another entry, some that differ, and none of the others.
fn other_entries() -> NetworkAclEntries {
    let entry = |protocol, ports| NetworkAclEntry { allow: true, protocol, cidr: cidr("0.0.0.0/0"), ports };
    BTreeMap::from([
        (90, entry(Protocol::Udp, Some(Ports::range(53, 54)))),
        (100, entry(Protocol::Tcp, Some(Ports::one(443)))),
        (130, entry(Protocol::Other("51".to_owned()), None)),
        (200, entry(Protocol::Tcp, Some(Ports::one(80)))),
    ])
}

impl Sample for DefaultNetworkAcl {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(DefaultNetworkAcl::stripped(&vpc(scope, 1)))
            .changing(|acl| (acl.ingress, acl.egress) = (entries(), other_entries()))
            .changing(|acl| (acl.ingress, acl.egress) = (other_entries(), entries()))
            .without_change_of("vpc_id", "that says which one it is: another VPC has had its own all the time")
            .staying_with("it goes with its VPC")
    }
}

impl Sample for DefaultSecurityGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(DefaultSecurityGroup::stripped(&vpc(scope, 1)))
            .without_change_of("vpc_id", "that says which one it is: another VPC has had its own all the time")
            .without_change_of("rules", "a desired spec has none")
            .staying_with("it goes with its VPC")
    }
}

impl Sample for ElasticIp {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        Samples::of(ElasticIp {})
    }
}

impl Sample for FlowLog {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let (group, other_group) = (log_group(scope, "flows"), log_group(scope, "other-flows"));
        let service = "vpc-flow-logs.amazonaws.com";
        let (writer, other_writer) = (role(scope, "writer", service), role(scope, "other-writer", service));
        Samples::of(FlowLog::of_all_traffic(&one, &group, &writer))
            .changing(|log| log.vpc_id = other)
            .changing(|log| log.log_group = other_group)
            .changing(|log| log.role = other_writer)
            .changing(|log| log.traffic = "REJECT".to_owned())
            .changing(|log| log.aggregation_seconds = 600)
    }
}

impl Sample for GatewayEndpoint {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let (table, other_table) = (route_table(scope, &one, "one"), route_table(scope, &one, "other"));
        let first = GatewayEndpoint {
            vpc_id: one,
            service_name: service(scope, "s3"),
            policy: policy(scope, "s3:GetObject"),
            route_table_ids: vec![table.clone()],
        };
        Samples::of(first)
            .changing(|endpoint| endpoint.policy = policy(scope, "s3:PutObject"))
            .changing(|endpoint| endpoint.policy = Document::default())
            .changing(|endpoint| endpoint.route_table_ids = vec![other_table.clone()])
            .changing(|endpoint| endpoint.route_table_ids = vec![other_table, table])
            .changing(|endpoint| endpoint.service_name = service(scope, "dynamodb"))
            .changing(|endpoint| {
                endpoint.vpc_id = other;
                endpoint.route_table_ids = Vec::new();
            })
    }
}

impl Sample for InterfaceEndpoint {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let [a, b] = ['a', 'b'].map(|zone| subnet(scope, &one, 1, zone));
        let (group, other_group) = (security_group(scope, &one, "one"), security_group(scope, &one, "other"));
        let there = (subnet(scope, &other, 2, 'a'), security_group(scope, &other, "there"));
        let first = InterfaceEndpoint {
            vpc_id: one,
            service_name: service(scope, "secretsmanager"),
            policy: policy(scope, "secretsmanager:GetSecretValue"),
            subnet_ids: vec![a],
            security_group_ids: vec![group],
            private_dns: true,
        };
        Samples::of(first)
            .changing(|endpoint| endpoint.policy = policy(scope, "secretsmanager:*"))
            .changing(|endpoint| endpoint.policy = Document::default())
            .changing(|endpoint| endpoint.subnet_ids = vec![b])
            .changing(|endpoint| endpoint.security_group_ids = vec![other_group])
            .changing(|endpoint| endpoint.private_dns = false)
            .changing(|endpoint| endpoint.service_name = service(scope, "sqs"))
            .changing(|endpoint| {
                endpoint.vpc_id = other;
                endpoint.subnet_ids = vec![there.0];
                endpoint.security_group_ids = vec![there.1];
            })
    }
}

impl Sample for InternetGateway {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        Samples::of(InternetGateway::of(&one))
            .changing(|gateway| gateway.vpc_id = other)
            .without_change_of("attached", "always true in a desired spec")
    }
}

impl Sample for NatGateway {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let [subnet_id, other, _] = subnets(scope);
        Samples::of(NatGateway { subnet_id, allocation_id: elastic_ip(scope, "one") })
            .changing(|gateway| gateway.subnet_id = other)
            .changing(|gateway| gateway.allocation_id = elastic_ip(scope, "other"))
    }
}

impl Sample for NetworkAcl {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let [a, b] = ['a', 'b'].map(|zone| subnet(scope, &one, 1, zone));
        let first = NetworkAcl { vpc_id: one, ingress: entries(), egress: entries(), subnet_ids: vec![a.clone()] };
        Samples::of(first)
            .changing(|acl| acl.ingress = other_entries())
            .changing(|acl| acl.egress = other_entries())
            .changing(|acl| acl.subnet_ids = vec![b.clone()])
            .changing(|acl| acl.subnet_ids = vec![b, a])
            .changing(|acl| {
                acl.vpc_id = other;
                acl.subnet_ids = Vec::new();
            })
    }
}

impl Sample for Route {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc_id = vpc(scope, 1);
        let gateway = scope.add("internet-gateway", InternetGateway::of(&vpc_id)).internet_gateway_id;
        let subnet_id = subnet(scope, &vpc_id, 1, 'a');
        let nat = NatGateway { subnet_id: subnet_id.clone(), allocation_id: elastic_ip(scope, "nat") };
        let nat = scope.after(&gateway, "its address is reached through it").add("nat", nat).nat_gateway_id;
        let first = Route {
            route_table_id: route_table(scope, &vpc_id, "one"),
            destination: Destination::everything(),
            target: Target::InternetGateway(gateway),
        };
        let (table, list) = (route_table(scope, &vpc_id, "other"), prefix_list(scope, &vpc_id));
        Samples::of(first)
            .changing(|route| route.target = Target::NatGateway(nat))
            .changing(|route| route.destination = Destination::Cidr(cidr("192.168.0.0/16")))
            .changing(|route| route.destination = Destination::PrefixList(list))
            .changing(|route| route.route_table_id = table)
    }
}

impl Sample for RouteTable {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        Samples::of(RouteTable { vpc_id: one }).changing(|table| table.vpc_id = other)
    }
}

impl Sample for SecurityGroup {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        Samples::of(SecurityGroup::new(scope.name("orders"), "Takes orders", &one))
            .changing(|group| group.name = scope.name("refunds"))
            .changing(|group| group.description = "Takes orders and refunds".to_owned())
            .changing(|group| group.vpc_id = other)
            .changing(|group| group.default_egress = true)
            .without_change_of("other_rules", "a desired spec has none")
    }
}

impl Sample for SecurityGroupRule {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc_id = vpc(scope, 1);
        let (group, other) = (security_group(scope, &vpc_id, "one"), security_group(scope, &vpc_id, "other"));
        let list = prefix_list(scope, &vpc_id);
        let everywhere = Peer::Cidr(cidr("0.0.0.0/0"));
        Samples::of(SecurityGroupRule::tcp_in(&group, 443, everywhere, "customers"))
            .changing(|rule| rule.ports = None)
            .changing(|rule| rule.description = "everybody".to_owned())
            .changing(|rule| rule.ports = Some(Ports::range(8_000, 9_000)))
            .changing(|rule| rule.ports = Some(Ports::range(0, 65_535)))
            .changing(|rule| rule.protocol = Protocol::Udp)
            .changing(|rule| {
                rule.protocol = Protocol::Icmp;
                rule.ports = Some(Ports { from: 8, to: -1 });
            })
            .changing(|rule| {
                rule.protocol = Protocol::All;
                rule.ports = None;
            })
            .changing(|rule| rule.direction = Direction::Egress)
            .changing(|rule| rule.peer = Peer::SecurityGroup(group))
            .changing(|rule| rule.peer = Peer::PrefixList(list))
            .changing(|rule| rule.security_group_id = other)
    }
}

impl Sample for Subnet {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let first = Subnet {
            vpc_id: one,
            cidr: cidr("10.1.0.0/24"),
            availability_zone: format!("{}a", scope.region()),
            map_public_ip: false,
        };
        Samples::of(first)
            .changing(|subnet| subnet.map_public_ip = true)
            .changing(|subnet| subnet.cidr = cidr("10.1.1.0/24"))
            .changing(|subnet| subnet.availability_zone = format!("{}b", scope.region()))
            .changing(|subnet| {
                subnet.vpc_id = other;
                subnet.cidr = cidr("10.2.0.0/24");
            })
    }
}

impl Sample for SubnetRouteTableAssociation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let vpc_id = vpc(scope, 1);
        let [a, b] = ['a', 'b'].map(|zone| subnet(scope, &vpc_id, 1, zone));
        let (one, other) = (route_table(scope, &vpc_id, "one"), route_table(scope, &vpc_id, "other"));
        Samples::of(SubnetRouteTableAssociation { subnet_id: a, route_table_id: one })
            .changing(|association| association.route_table_id = other)
            .changing(|association| association.subnet_id = b)
    }
}

impl Sample for TransitGateway {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        let first = TransitGateway {
            description: "orders".to_owned(),
            auto_accept_shared_attachments: false,
            default_route_table_association: false,
            default_route_table_propagation: false,
            dns_support: false,
            vpn_ecmp_support: false,
        };
        Samples::of(first)
            .changing(|gateway| gateway.description = "orders and refunds".to_owned())
            .changing(|gateway| gateway.auto_accept_shared_attachments = true)
            .changing(|gateway| gateway.default_route_table_association = true)
            .changing(|gateway| gateway.default_route_table_propagation = true)
            .changing(|gateway| gateway.dns_support = true)
            .changing(|gateway| gateway.vpn_ecmp_support = true)
    }
}

impl Sample for TransitGatewayAssociation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let ([one, other], [table, other_table]) = transit(scope);
        let first =
            TransitGatewayAssociation { transit_gateway_attachment_id: one, transit_gateway_route_table_id: table };
        Samples::of(first)
            .changing(|association| association.transit_gateway_attachment_id = other)
            .changing(|association| association.transit_gateway_route_table_id = other_table)
    }
}

impl Sample for TransitGatewayPropagation {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let ([one, other], [table, other_table]) = transit(scope);
        let first =
            TransitGatewayPropagation { transit_gateway_attachment_id: one, transit_gateway_route_table_id: table };
        Samples::of(first)
            .changing(|propagation| propagation.transit_gateway_attachment_id = other)
            .changing(|propagation| propagation.transit_gateway_route_table_id = other_table)
    }
}

impl Sample for TransitGatewayRouteTable {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (transit_gateway(scope, "one"), transit_gateway(scope, "other"));
        Samples::of(TransitGatewayRouteTable { transit_gateway_id: one })
            .changing(|table| table.transit_gateway_id = other)
    }
}

impl Sample for TransitGatewayVpcAttachment {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (vpc(scope, 1), vpc(scope, 2));
        let [a, b] = ['a', 'b'].map(|zone| subnet(scope, &one, 1, zone));
        let there = subnet(scope, &other, 2, 'a');
        let (gateway, other_gateway) = (transit_gateway(scope, "one"), transit_gateway(scope, "other"));
        let first = TransitGatewayVpcAttachment {
            transit_gateway_id: gateway,
            vpc_id: one,
            subnet_ids: vec![a.clone()],
            dns_support: true,
            appliance_mode_support: false,
        };
        Samples::of(first)
            .changing(|attachment| attachment.subnet_ids = vec![b.clone()])
            .changing(|attachment| attachment.subnet_ids = vec![b, a])
            .changing(|attachment| attachment.dns_support = false)
            .changing(|attachment| attachment.appliance_mode_support = true)
            .changing(|attachment| attachment.transit_gateway_id = other_gateway)
            .changing(|attachment| {
                attachment.vpc_id = other;
                attachment.subnet_ids = vec![there];
            })
    }
}

impl Sample for Vpc {
    fn samples(_scope: &Scope<'_>) -> Samples<Self> {
        let first = Vpc { cidr: cidr("10.1.0.0/16"), dns_support: true, dns_hostnames: true };
        Samples::of(first)
            .changing(|vpc| vpc.dns_hostnames = false)
            .changing(|vpc| {
                vpc.dns_support = false;
                vpc.dns_hostnames = false;
            })
            .changing(|vpc| vpc.cidr = cidr("10.2.0.0/20"))
    }
}
