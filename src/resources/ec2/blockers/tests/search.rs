//! Which blockers a search finds, and who deletes them.

use aws_sdk_ec2::operation::describe_addresses::DescribeAddressesOutput;
use aws_sdk_ec2::operation::describe_egress_only_internet_gateways::DescribeEgressOnlyInternetGatewaysOutput;
use aws_sdk_ec2::operation::describe_internet_gateways::DescribeInternetGatewaysOutput;
use aws_sdk_ec2::operation::describe_nat_gateways::DescribeNatGatewaysOutput;
use aws_sdk_ec2::operation::describe_network_acls::DescribeNetworkAclsOutput;
use aws_sdk_ec2::operation::describe_route_tables::DescribeRouteTablesOutput;
use aws_sdk_ec2::operation::describe_subnets::DescribeSubnetsOutput;
use aws_sdk_ec2::operation::describe_transit_gateway_attachments::DescribeTransitGatewayAttachmentsOutput;
use aws_sdk_ec2::operation::describe_vpc_endpoints::DescribeVpcEndpointsOutput;
use aws_sdk_ec2::operation::describe_vpc_peering_connections::DescribeVpcPeeringConnectionsOutput;
use aws_sdk_ec2::operation::describe_vpn_gateways::DescribeVpnGatewaysOutput;
use aws_sdk_ec2::types::{
    Address, NatGateway, NatGatewayState, NetworkAcl, NetworkInterfaceAssociation, RouteTable, RouteTableAssociation,
    State, Subnet as SdkSubnet, TransitGatewayAttachment, TransitGatewayAttachmentAssociation,
    TransitGatewayAttachmentResourceType, TransitGatewayAttachmentState, VpcEndpoint, VpcEndpointType,
    VpcPeeringConnection, VpcPeeringConnectionStateReason, VpcPeeringConnectionStateReasonCode,
    VpcPeeringConnectionVpcInfo,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_load_balancers::{
    DescribeLoadBalancersError, DescribeLoadBalancersOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::describe_tags::DescribeTagsOutput as BalancerTags;
use aws_sdk_elasticloadbalancingv2::types::{
    LoadBalancer, Tag as BalancerTag, TagDescription as BalancerTagDescription,
};
use aws_sdk_lambda::operation::get_function::GetFunctionOutput;
use aws_sdk_lambda::types::{FunctionConfiguration, TagsError, VpcConfigResponse};
use aws_sdk_rds::operation::describe_db_instances::DescribeDbInstancesOutput;
use aws_sdk_rds::types::{
    DbInstance, DbSubnetGroup, Subnet as DatabaseSubnet, Tag as DatabaseTag, VpcSecurityGroupMembership,
};

use super::*;

/// The blockers, given these interfaces and these other answers.
async fn find(
    blocked: Blocked<'_>,
    these: Vec<NetworkInterface>,
    rules: &[&Rule],
    with: impl FnOnce(&mut Clients),
) -> Vec<Blocker> {
    let interfaces = mock!(Client::describe_network_interfaces).then_output(move || {
        DescribeNetworkInterfacesOutput::builder().set_network_interfaces(Some(these.clone())).build()
    });
    let rules: Vec<&Rule> = rules.iter().copied().chain([&interfaces]).collect();
    let (cx, _) = cx(|clients| {
        clients.ec2 = client!(aws_sdk_ec2, rules);
        with(clients);
    })
    .await;
    let mut search = BlockerSearch::default();
    let found = search.find(&cx, blocked).await;
    assert!(search.read_error().is_none(), "{:?}", search.read_error());
    found
}

/// The only blocker of `subnet-1`.
async fn in_subnet(interface: NetworkInterface, rules: &[&Rule], with: impl FnOnce(&mut Clients)) -> Blocker {
    let mut found = find(Blocked::Subnet("subnet-1"), vec![interface], rules, with).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn automatic() -> Removal {
    Removal::Automatic(None)
}

fn manual(instruction: &str) -> Removal {
    Removal::Manual(instruction.to_owned())
}

fn managed(description: &str) -> NetworkInterface {
    interface("eni-1").requester_managed(true).description(description).build()
}

#[tokio::test]
async fn existing_functions_block_their_subnets() {
    let lambda = Removal::Automatic(Some("Lambda usually deletes its interfaces within 20 minutes"));
    let function = |subnet: &str, tags: &[(&str, &str)]| {
        let place = VpcConfigResponse::builder().subnet_ids(subnet).build();
        let configuration = FunctionConfiguration::builder().vpc_config(place).build();
        tags.iter().fold(GetFunctionOutput::builder().configuration(configuration), |function, (key, value)| {
            function.tags(*key, *value)
        })
    };
    let tags_error = TagsError::builder().error_code("AccessDeniedException").message("no").build().unwrap();
    let ours = [(SYSTEM, "shop"), (SUFFIX, "dev1")];
    for (answer, description, removal) in [
        (
            function("subnet-1", &[("Team", "audit")]),
            "of the function spy-1, Team=audit",
            manual("delete the function spy-1, or remove it from the VPC"),
        ),
        (function("subnet-1", &ours), "of the function spy-1, of this system", Removal::Owned),
        (function("subnet-2", &[]), "left by the function spy-1", lambda.clone()),
        (function("subnet-1", &[]).tags_error(tags_error), "of the function spy-1", lambda.clone()),
    ] {
        let rule = mock!(aws_sdk_lambda::Client::get_function)
            .match_requests(|request| request.function_name() == Some("spy-1"))
            .then_output(move || answer.clone().build());
        let found = in_subnet(of_function("eni-1", "spy-1"), &[], |clients| {
            clients.lambda = client!(aws_sdk_lambda, [&rule]);
        });
        assert_eq!(found.await, Blocker { id: "eni-1".to_owned(), description: description.to_owned(), removal });
    }
}

#[tokio::test]
async fn existing_load_balancers_block_their_subnets() {
    const ARN: &str = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/alb/";
    let elb = |id: &str, tags: &[(&str, &str)]| {
        let balancer = LoadBalancer::builder().load_balancer_arn(format!("{ARN}{id}")).build();
        let tags = tags.iter().map(|(key, value)| BalancerTag::builder().key(*key).value(*value).build());
        let tags = BalancerTagDescription::builder().set_tags(Some(tags.collect())).build();
        let described = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_load_balancers)
            .then_output(move || DescribeLoadBalancersOutput::builder().load_balancers(balancer.clone()).build());
        let tags = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_tags)
            .then_output(move || BalancerTags::builder().tag_descriptions(tags.clone()).build());
        client!(aws_sdk_elasticloadbalancingv2, [&described, &tags])
    };
    let gone = mock!(aws_sdk_elasticloadbalancingv2::Client::describe_load_balancers)
        .then_error(|| DescribeLoadBalancersError::generic(because("LoadBalancerNotFound")));
    for (client, description, removal) in [
        (elb("1", &[]), "of the load balancer alb", manual("delete the load balancer alb")),
        (elb("1", &[(SYSTEM, "shop"), (SUFFIX, "dev1")]), "of the load balancer alb, of this system", Removal::Owned),
        (
            elb("1", &[(SYSTEM, "shop"), (SUFFIX, "dev2")]),
            "of the load balancer alb, of the system shop dev2",
            manual("delete the load balancer alb"),
        ),
        (elb("2", &[]), "left by the load balancer alb", automatic()),
        (client!(aws_sdk_elasticloadbalancingv2, [&gone]), "left by the load balancer alb", automatic()),
    ] {
        let found = in_subnet(managed("ELB app/alb/1"), &[], |clients| clients.elb = client).await;
        assert_eq!((found.description.as_str(), found.removal), (description, removal));
    }
}

#[tokio::test]
async fn existing_gateways_and_endpoints_block_their_subnets() {
    for (state, description, removal) in [
        (NatGatewayState::Available, "of the NAT gateway nat-1, Name=theirs", manual("delete the NAT gateway nat-1")),
        (NatGatewayState::Deleting, "left by the NAT gateway nat-1", automatic()),
    ] {
        let gateway = NatGateway::builder().nat_gateway_id("nat-1").state(state).tags(tag("Name", "theirs")).build();
        let rule = mock!(Client::describe_nat_gateways)
            .then_output(move || DescribeNatGatewaysOutput::builder().nat_gateways(gateway.clone()).build());
        let found = in_subnet(managed("Interface for NAT Gateway nat-1"), &[&rule], |_| ()).await;
        assert_eq!((found.description.as_str(), found.removal), (description, removal));
    }
    for (state, description, removal) in [
        (State::Available, "of the endpoint vpce-1, GuardDutyManaged=true", manual("delete the endpoint vpce-1")),
        (State::Deleting, "left by the endpoint vpce-1", automatic()),
    ] {
        let endpoint = VpcEndpoint::builder().vpc_endpoint_id("vpce-1").state(state);
        let endpoint = endpoint.tags(tag("GuardDutyManaged", "true")).build();
        let rule = mock!(Client::describe_vpc_endpoints)
            .then_output(move || DescribeVpcEndpointsOutput::builder().vpc_endpoints(endpoint.clone()).build());
        let found = in_subnet(managed("VPC Endpoint Interface vpce-1"), &[&rule], |_| ()).await;
        assert_eq!((found.description.as_str(), found.removal), (description, removal));
    }
}

#[tokio::test]
async fn databases_with_subnet_and_group_block_the_subnet() {
    let database = |name: &str, subnet: &str, group: &str| {
        let subnet = DatabaseSubnet::builder().subnet_identifier(subnet).build();
        let member = VpcSecurityGroupMembership::builder().vpc_security_group_id(group).build();
        let instance = DbInstance::builder().db_instance_identifier(name).vpc_security_groups(member);
        instance.db_subnet_group(DbSubnetGroup::builder().subnets(subnet).build())
    };
    let pair = |key: &str, value: &str| DatabaseTag::builder().key(key).value(value).build();
    let ours = database("ours", "subnet-1", "sg-1").tag_list(pair(SYSTEM, "shop")).tag_list(pair(SUFFIX, "dev1"));
    let elsewhere = [
        database("a", "subnet-2", "sg-1").build(),
        database("b", "subnet-1", "sg-2").build(),
        database("c", "subnet-1", "sg-1").db_instance_status("deleting").build(),
    ];
    let strange = database("spy", "subnet-1", "sg-1").build();
    for (more, description, removal) in [
        (vec![], "left by a database", automatic()),
        (vec![ours.clone().build()], "of the database ours, of this system", Removal::Owned),
        (vec![ours.build(), strange], "of the database spy", manual("delete the database spy")),
    ] {
        let all: Vec<_> = elsewhere.iter().cloned().chain(more).collect();
        let rule = mock!(aws_sdk_rds::Client::describe_db_instances)
            .then_output(move || DescribeDbInstancesOutput::builder().set_db_instances(Some(all.clone())).build());
        let rds = client!(aws_sdk_rds, [&rule]);
        let found = in_subnet(managed("RDSNetworkInterface"), &[], |clients| clients.rds = rds).await;
        assert_eq!((found.description.as_str(), found.removal), (description, removal));
    }
}

#[tokio::test]
async fn other_services_are_named_by_their_description() {
    let found = in_subnet(managed("EFS mount target for fs-1 (fsmt-2)"), &[], |_| ()).await;
    assert_eq!(found.description, "of an AWS service, \"EFS mount target for fs-1 (fsmt-2)\"");
    assert_eq!(found.removal, manual("delete the resource that AWS created eni-1 for"));
}

#[tokio::test]
async fn attached_interfaces_can_be_detached() {
    let attachment = NetworkInterfaceAttachment::builder().instance_id("i-1").device_index(1).build();
    let tags = mock!(Client::describe_tags).then_output(|| DescribeTagsOutput::builder().build());
    let found = in_subnet(interface("eni-1").attachment(attachment).build(), &[&tags], |_| ()).await;
    assert_eq!(found.description, "of the instance i-1");
    assert_eq!(found.removal, manual("detach eni-1 from i-1 and delete it"));
}

#[tokio::test]
async fn owned_interfaces_are_owned_blockers() {
    let made = interface("eni-1").set_tag_set(Some(our_tags())).build();
    let found = in_subnet(made, &[], |_| ()).await;
    let description = "a network interface, of this system, step blue/network/other";
    assert_eq!((found.description.as_str(), found.removal), (description, Removal::Owned));
}

#[tokio::test]
async fn public_addresses_block_internet_gateways() {
    let public = NetworkInterfaceAssociation::builder().public_ip("203.0.113.9").build();
    let these = vec![interface("eni-1").build(), interface("eni-2").association(public).build()];
    let found = find(Blocked::InternetGateway { id: "igw-1", vpc: "vpc-1" }, these, &[], |_| ()).await;
    let description = "a network interface, at 203.0.113.9";
    let removal = manual("delete eni-2, or disassociate the public address of eni-2");
    assert_eq!(found, [Blocker { id: "eni-2".to_owned(), description: description.to_owned(), removal }]);
}

#[tokio::test]
async fn interfaces_block_their_addresses() {
    for (interface_id, holders) in [(Some("eni-1"), vec!["eni-1"]), (None, vec![])] {
        let address =
            Address::builder().allocation_id("eipalloc-1").set_network_interface_id(interface_id.map(Into::into));
        let address = address.build();
        let rule = mock!(Client::describe_addresses)
            .then_output(move || DescribeAddressesOutput::builder().addresses(address.clone()).build());
        let found = find(Blocked::Address("eipalloc-1"), vec![interface("eni-1").build()], &[&rule], |_| ()).await;
        assert_eq!(found.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), holders);
    }
}

#[tokio::test]
async fn subnets_block_their_route_tables() {
    let used = ["subnet-1", "subnet-2"].map(|id| RouteTableAssociation::builder().subnet_id(id).build());
    let table = RouteTable::builder().route_table_id("rtb-1").set_associations(Some(used.to_vec())).build();
    let tables = mock!(Client::describe_route_tables)
        .then_output(move || DescribeRouteTablesOutput::builder().route_tables(table.clone()).build());
    let ours = SdkSubnet::builder().subnet_id("subnet-1").set_tags(Some(our_tags())).build();
    let theirs = SdkSubnet::builder().subnet_id("subnet-2").build();
    let subnets = mock!(Client::describe_subnets)
        .then_output(move || DescribeSubnetsOutput::builder().subnets(ours.clone()).subnets(theirs.clone()).build());
    let found = find(Blocked::RouteTable("rtb-1"), vec![], &[&tables, &subnets], |_| ()).await;
    let removals: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.removal.clone())).collect();
    let delete = manual("delete subnet-2, or associate it with a route table other than rtb-1");
    assert_eq!(removals, [("subnet-2", delete), ("subnet-1", Removal::Owned)], "manual ones come first");
}

#[tokio::test]
async fn attachments_block_transit_gateways_and_their_tables() {
    let attachment = |id: &str, state: TransitGatewayAttachmentState, table: &str| {
        let used = TransitGatewayAttachmentAssociation::builder().transit_gateway_route_table_id(table).build();
        let attachment = TransitGatewayAttachment::builder().transit_gateway_attachment_id(id).state(state);
        let attachment = attachment.transit_gateway_id("tgw-1").association(used).resource_id("vpc-9");
        attachment.resource_type(TransitGatewayAttachmentResourceType::Vpc).build()
    };
    use TransitGatewayAttachmentState::{Available, Deleted, Deleting};
    let all = vec![
        attachment("a-1", Available, "rtb-1"),
        attachment("a-2", Available, "rtb-2"),
        attachment("a-3", Deleting, "rtb-1"),
        attachment("a-4", Deleted, "rtb-1"),
    ];
    let rule = mock!(Client::describe_transit_gateway_attachments).then_output(move || {
        DescribeTransitGatewayAttachmentsOutput::builder().set_transit_gateway_attachments(Some(all.clone())).build()
    });
    let removals = |found: Vec<Blocker>| found.into_iter().map(|one| (one.id, one.removal)).collect::<Vec<_>>();
    let removal = |id: &str, removal: Removal| (id.to_owned(), removal);
    let found = find(Blocked::TransitGateway("tgw-1"), vec![], &[&rule], |_| ()).await;
    assert_eq!(found[0].description, "the attachment of vpc vpc-9");
    let all = [("a-1", manual("delete a-1")), ("a-2", manual("delete a-2")), ("a-3", automatic())];
    assert_eq!(removals(found), all.map(|(id, one)| removal(id, one)));
    let found = find(Blocked::TransitGatewayRouteTable("rtb-1"), vec![], &[&rule], |_| ()).await;
    assert_eq!(removals(found), [removal("a-1", manual("delete a-1")), removal("a-3", automatic())]);
}

#[tokio::test]
async fn everything_in_a_vpc_blocks_it() {
    let subnet = SdkSubnet::builder().subnet_id("subnet-9").cidr_block("10.0.9.0/24").build();
    let group = |id: &str, name: &str| SecurityGroup::builder().group_id(id).group_name(name);
    let groups = [group("sg-0", "default").build(), group("sg-8", "ours").set_tags(Some(our_tags())).build()];
    let table = |id: &str, main: bool| {
        let used = RouteTableAssociation::builder().main(main).build();
        RouteTable::builder().route_table_id(id).associations(used).build()
    };
    let acl = |id: &str, default: bool| NetworkAcl::builder().network_acl_id(id).is_default(default).build();
    let endpoint = |id: &str, kind: VpcEndpointType| {
        let endpoint = VpcEndpoint::builder().vpc_endpoint_id(id).service_name("com.amazonaws.us-east-1.s3");
        endpoint.vpc_endpoint_type(kind).state(State::Available).build()
    };
    let peering = |id: &str, code: VpcPeeringConnectionStateReasonCode| {
        let side = |vpc: &str| VpcPeeringConnectionVpcInfo::builder().vpc_id(vpc).build();
        let peering = VpcPeeringConnection::builder().vpc_peering_connection_id(id).accepter_vpc_info(side("vpc-1"));
        let status = VpcPeeringConnectionStateReason::builder().code(code).build();
        peering.requester_vpc_info(side("vpc-2")).status(status).build()
    };
    let subnets = mock!(Client::describe_subnets)
        .then_output(move || DescribeSubnetsOutput::builder().subnets(subnet.clone()).build());
    let groups = mock!(Client::describe_security_groups).then_output(move || {
        DescribeSecurityGroupsOutput::builder().set_security_groups(Some(groups.to_vec())).build()
    });
    let tables = mock!(Client::describe_route_tables).then_output(move || {
        DescribeRouteTablesOutput::builder()
            .route_tables(table("rtb-0", true))
            .route_tables(table("rtb-9", false))
            .build()
    });
    let acls = mock!(Client::describe_network_acls).then_output(move || {
        DescribeNetworkAclsOutput::builder().network_acls(acl("acl-0", true)).network_acls(acl("acl-9", false)).build()
    });
    let gateways =
        mock!(Client::describe_internet_gateways).then_output(|| DescribeInternetGatewaysOutput::builder().build());
    let egress_only = mock!(Client::describe_egress_only_internet_gateways)
        .then_output(|| DescribeEgressOnlyInternetGatewaysOutput::builder().build());
    let vpn = mock!(Client::describe_vpn_gateways).then_output(|| DescribeVpnGatewaysOutput::builder().build());
    let endpoints = mock!(Client::describe_vpc_endpoints).then_output(move || {
        let (gateway, interface) = (VpcEndpointType::Gateway, VpcEndpointType::Interface);
        let all = vec![endpoint("vpce-9", gateway), endpoint("vpce-0", interface)];
        DescribeVpcEndpointsOutput::builder().set_vpc_endpoints(Some(all)).build()
    });
    let peerings = mock!(Client::describe_vpc_peering_connections).then_output(move || {
        use VpcPeeringConnectionStateReasonCode::{Active, Deleted};
        let all = vec![peering("pcx-9", Active), peering("pcx-0", Deleted)];
        DescribeVpcPeeringConnectionsOutput::builder().set_vpc_peering_connections(Some(all)).build()
    });
    let attachments = mock!(Client::describe_transit_gateway_attachments)
        .then_output(|| DescribeTransitGatewayAttachmentsOutput::builder().build());
    let rules = [&subnets, &groups, &tables, &acls, &gateways, &egress_only, &vpn, &endpoints, &peerings, &attachments];
    let found = find(Blocked::Vpc("vpc-1"), vec![interface("eni-9").build()], &rules, |_| ()).await;
    let mut ids: Vec<_> = found.iter().map(|one| one.id.as_str()).collect();
    assert_eq!((ids.pop(), found.last().unwrap().removal.clone()), (Some("sg-8"), Removal::Owned));
    ids.sort_unstable();
    assert_eq!(ids, ["acl-9", "eni-9", "pcx-9", "rtb-9", "subnet-9", "vpce-9"]);
    assert!(rules.iter().all(|rule| rule.num_calls() > 0));
}
