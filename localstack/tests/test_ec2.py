import json

from support import TAGS, a_subnet, a_vpc, assert_contains, refused, tagged, two_subnets


def test_vpc_and_dns_attributes(aws):
    ec2 = aws("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.10.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsSupport={"Value": False})
    assert_contains(ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"], [{"CidrBlock": "10.10.0.0/16", "Tags": TAGS}])
    for name, value in (("enableDnsHostnames", True), ("enableDnsSupport", False)):
        read = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=name)
        assert read[name[0].upper() + name[1:]]["Value"] is value


def test_subnet(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.9.0/24", AvailabilityZone="us-east-1c", TagSpecifications=tagged("subnet")
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    expected = {"VpcId": vpc, "AvailabilityZone": "us-east-1c", "MapPublicIpOnLaunch": True, "Tags": TAGS}
    assert_contains(ec2.describe_subnets(Filters=[{"Name": "tag:Suffix", "Values": ["t1"]}])["Subnets"], [expected])
    assert not ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": ["vpc-0"]}])["Subnets"]
    with refused("InvalidSubnet.Range"):
        ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.10.0/29")
    ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.10.0/28")


def test_gateways_and_routes(aws):
    ec2 = aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    gateway = ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway"))["InternetGateway"][
        "InternetGatewayId"
    ]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert_contains(
        ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"],
        [{"Attachments": [{"VpcId": vpc}], "Tags": TAGS}],
    )
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip"))["AllocationId"]
    params = {"SubnetId": subnet, "AllocationId": address, "TagSpecifications": tagged("natgateway")}
    nat = ec2.create_nat_gateway(ClientToken="n1", **params)["NatGateway"]["NatGatewayId"]
    assert ec2.create_nat_gateway(ClientToken="n1", **params)["NatGateway"]["NatGatewayId"] == nat
    with refused("IdempotentParameterMismatch"):
        ec2.create_nat_gateway(ClientToken="n1", SubnetId=other, AllocationId=address)
    assert_contains(
        ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"],
        [
            {
                "State": "available",
                "SubnetId": subnet,
                "VpcId": vpc,
                "ConnectivityType": "public",
                "NatGatewayAddresses": [{"AllocationId": address}],
                "Tags": TAGS,
            }
        ],
    )
    assert_contains(ec2.describe_addresses(AllocationIds=[address])["Addresses"], [{"Tags": TAGS, "Domain": "vpc"}])
    assert ec2.describe_addresses(AllocationIds=[address])["Addresses"][0]["AssociationId"]
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", NatGatewayId=nat)
    with refused("RouteAlreadyExists"):
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    read = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]
    assert_contains(
        read,
        {
            "Tags": TAGS,
            "Associations": [{"SubnetId": subnet, "Main": False, "RouteTableAssociationId": association}],
            "Routes": [
                {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local"},
                {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": nat, "State": "active"},
            ],
        },
    )
    with refused("DependencyViolation"):
        ec2.delete_route_table(RouteTableId=table)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    with refused("DependencyViolation"):
        ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_nat_gateway(NatGatewayId=nat)
    assert ec2.describe_nat_gateways(NatGatewayIds=[nat])["NatGateways"][0]["State"] == "deleted"
    ec2.release_address(AllocationId=address)
    ec2.disassociate_route_table(AssociationId=association)
    ec2.delete_route_table(RouteTableId=table)
    for one in (subnet, other):
        with refused("DependencyViolation"):
            ec2.delete_vpc(VpcId=vpc)
        ec2.delete_subnet(SubnetId=one)
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)
    with refused("InvalidVpcID.NotFound"):
        ec2.delete_vpc(VpcId=vpc)


def test_transit_gateway(aws):
    ec2 = aws("ec2")
    options = {
        "AmazonSideAsn": 64600,
        "DefaultRouteTableAssociation": "disable",
        "DefaultRouteTablePropagation": "disable",
        "AutoAcceptSharedAttachments": "disable",
        "DnsSupport": "enable",
        "VpnEcmpSupport": "disable",
        "MulticastSupport": "disable",
    }
    gateway = ec2.create_transit_gateway(
        Description="between", Options=options, TagSpecifications=tagged("transit-gateway")
    )["TransitGateway"]["TransitGatewayId"]
    assert_contains(
        ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"],
        [{"State": "available", "Description": "between", "Options": options, "Tags": TAGS}],
    )
    vpc, subnet, other = two_subnets(ec2)
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway,
        VpcId=vpc,
        SubnetIds=[subnet, other],
        Options={"DnsSupport": "enable", "ApplianceModeSupport": "disable"},
        TagSpecifications=tagged("transit-gateway-attachment"),
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    assert_contains(
        ec2.describe_transit_gateway_vpc_attachments(TransitGatewayAttachmentIds=[attachment])[
            "TransitGatewayVpcAttachments"
        ],
        [{"State": "available", "SubnetIds": [subnet, other], "VpcId": vpc, "Tags": TAGS}],
    )
    table = ec2.create_transit_gateway_route_table(
        TransitGatewayId=gateway, TagSpecifications=tagged("transit-gateway-route-table")
    )["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]
    assert_contains(
        ec2.describe_transit_gateway_route_tables(TransitGatewayRouteTableIds=[table])["TransitGatewayRouteTables"],
        [{"State": "available", "TransitGatewayId": gateway, "Tags": TAGS}],
    )
    ec2.associate_transit_gateway_route_table(TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment)
    ec2.enable_transit_gateway_route_table_propagation(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
    )
    expected = [{"TransitGatewayAttachmentId": attachment, "ResourceId": vpc, "ResourceType": "vpc"}]
    assert_contains(
        ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)["Associations"],
        [{**expected[0], "State": "associated"}],
    )
    assert_contains(
        ec2.get_transit_gateway_route_table_propagations(TransitGatewayRouteTableId=table)[
            "TransitGatewayRouteTablePropagations"
        ],
        [{**expected[0], "State": "enabled"}],
    )
    with refused("Resource.AlreadyAssociated"):
        ec2.associate_transit_gateway_route_table(
            TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
        )
    with refused("IncorrectState"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("IncorrectState"):
        ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=table)
    ec2.disable_transit_gateway_route_table_propagation(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
    )
    ec2.disassociate_transit_gateway_route_table(
        TransitGatewayRouteTableId=table, TransitGatewayAttachmentId=attachment
    )
    assert not ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)["Associations"]
    routes = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=routes, DestinationCidrBlock="10.20.0.0/16", TransitGatewayId=gateway)
    assert_contains(
        ec2.describe_route_tables(RouteTableIds=[routes])["RouteTables"][0]["Routes"][1],
        {"TransitGatewayId": gateway, "DestinationCidrBlock": "10.20.0.0/16"},
    )
    ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    ec2.delete_transit_gateway_route_table(TransitGatewayRouteTableId=table)
    ec2.delete_transit_gateway(TransitGatewayId=gateway)
    ec2.delete_subnet(SubnetId=subnet)


def test_transit_gateway_default_tables(aws):
    ec2 = aws("ec2")
    gateway = ec2.create_transit_gateway()["TransitGateway"]
    assert gateway["Options"]["DefaultRouteTableAssociation"] == "enable"
    table = gateway["Options"]["AssociationDefaultRouteTableId"]
    vpc, subnet, _ = two_subnets(ec2)
    attachment = ec2.create_transit_gateway_vpc_attachment(
        TransitGatewayId=gateway["TransitGatewayId"], VpcId=vpc, SubnetIds=[subnet]
    )["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]
    assert_contains(
        ec2.get_transit_gateway_route_table_associations(TransitGatewayRouteTableId=table)["Associations"],
        [{"TransitGatewayAttachmentId": attachment}],
    )


def test_gateway_endpoint_changes_its_route_table(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    one, other = (ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2))
    endpoint = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3", RouteTableIds=[one])
    endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]

    def leads_to_it(table: str) -> bool:
        [read] = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]
        return any(route.get("GatewayId") == endpoint for route in read["Routes"])

    assert (leads_to_it(one), leads_to_it(other)) == (True, False)
    ec2.modify_vpc_endpoint(VpcEndpointId=endpoint, AddRouteTableIds=[other], RemoveRouteTableIds=[one])
    assert (leads_to_it(one), leads_to_it(other)) == (False, True)
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint])["Unsuccessful"] == []
    assert not leads_to_it(other)


def test_interface_endpoint_changes_its_subnet(aws):
    ec2 = aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.sqs",
        SubnetIds=[subnet],
        PrivateDnsEnabled=True,
    )["VpcEndpoint"]["VpcEndpointId"]
    ec2.modify_vpc_endpoint(
        VpcEndpointId=endpoint, AddSubnetIds=[other], RemoveSubnetIds=[subnet], PrivateDnsEnabled=False
    )
    [read] = ec2.describe_vpc_endpoints(VpcEndpointIds=[endpoint])["VpcEndpoints"]
    assert_contains(read, {"SubnetIds": [other], "PrivateDnsEnabled": False})
    ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=other)


def test_vpc_endpoints(aws):
    ec2 = aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
    group = ec2.create_security_group(GroupName="endpoints", Description="d", VpcId=vpc)["GroupId"]
    policy = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": "*"}],
    }
    gateway = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Gateway",
        ServiceName="com.amazonaws.us-east-1.s3",
        RouteTableIds=[table],
        PolicyDocument=json.dumps(policy),
        TagSpecifications=tagged("vpc-endpoint"),
    )["VpcEndpoint"]["VpcEndpointId"]
    params = {
        "VpcId": vpc,
        "VpcEndpointType": "Interface",
        "ServiceName": "com.amazonaws.us-east-1.secretsmanager",
        "SubnetIds": [subnet, other],
        "SecurityGroupIds": [group],
        "PrivateDnsEnabled": True,
        "ClientToken": "e1",
        "TagSpecifications": tagged("vpc-endpoint"),
    }
    interface = ec2.create_vpc_endpoint(**params)["VpcEndpoint"]["VpcEndpointId"]
    assert ec2.create_vpc_endpoint(**params)["VpcEndpoint"]["VpcEndpointId"] == interface
    read = {
        e["VpcEndpointId"]: e for e in ec2.describe_vpc_endpoints(VpcEndpointIds=[gateway, interface])["VpcEndpoints"]
    }
    assert json.loads(read[gateway]["PolicyDocument"]) == policy
    assert_contains(
        read[gateway], {"RouteTableIds": [table], "VpcEndpointType": "Gateway", "State": "available", "Tags": TAGS}
    )
    assert_contains(
        read[interface],
        {
            "SubnetIds": [subnet, other],
            "Groups": [{"GroupId": group, "GroupName": "endpoints"}],
            "PrivateDnsEnabled": True,
            "VpcEndpointType": "Interface",
            "ServiceName": "com.amazonaws.us-east-1.secretsmanager",
            "Tags": TAGS,
        },
    )
    assert len(read[interface]["NetworkInterfaceIds"]) == 2
    assert json.loads(read[interface]["PolicyDocument"])["Statement"]
    routes = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    assert [r for r in routes if r.get("GatewayId") == gateway and r["DestinationPrefixListId"].startswith("pl-")]
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    policy["Statement"][0]["Action"] = "s3:GetObject"
    ec2.modify_vpc_endpoint(VpcEndpointId=gateway, PolicyDocument=json.dumps(policy))
    read = ec2.describe_vpc_endpoints(VpcEndpointIds=[gateway])["VpcEndpoints"][0]
    assert json.loads(read["PolicyDocument"]) == policy
    ec2.delete_vpc_endpoints(VpcEndpointIds=[gateway, interface])
    assert not ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["VpcEndpoints"]
    with refused("InvalidVpcEndpointId.NotFound"):
        ec2.describe_vpc_endpoints(VpcEndpointIds=[gateway])
    assert len(ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]) == 1
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)


def test_prefix_list_rule_keeps_its_description(aws):
    ec2 = aws("ec2")
    group = ec2.create_security_group(GroupName="one", Description="d", VpcId=a_vpc(ec2))["GroupId"]
    prefix_list = ec2.describe_prefix_lists()["PrefixLists"][0]["PrefixListId"]
    permission = {
        "IpProtocol": "tcp",
        "FromPort": 443,
        "ToPort": 443,
        "PrefixListIds": [{"PrefixListId": prefix_list, "Description": "to S3"}],
    }
    expected = [{"PrefixListId": prefix_list, "Description": "to S3"}]
    created = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[permission])["SecurityGroupRules"]
    assert_contains(created, expected)
    ids = [created[0]["SecurityGroupRuleId"]]
    assert_contains(ec2.describe_security_group_rules(SecurityGroupRuleIds=ids)["SecurityGroupRules"], expected)


def test_security_groups_and_rules(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    one, two = (
        ec2.create_security_group(
            GroupName=name, Description=f"{name} d", VpcId=vpc, TagSpecifications=tagged("security-group")
        )["GroupId"]
        for name in ("one", "two")
    )
    assert_contains(
        ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"],
        [{"Description": "one d", "VpcId": vpc, "Tags": TAGS, "IpPermissionsEgress": [{"IpProtocol": "-1"}]}],
    )
    created = ec2.authorize_security_group_ingress(
        GroupId=one,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 3306,
                "ToPort": 3306,
                "UserIdGroupPairs": [{"GroupId": two, "Description": "from two"}],
            }
        ],
        TagSpecifications=tagged("security-group-rule"),
    )["SecurityGroupRules"][0]
    with refused("InvalidPermission.Duplicate"):
        ec2.authorize_security_group_ingress(
            GroupId=one,
            IpPermissions=[
                {"IpProtocol": "tcp", "FromPort": 3306, "ToPort": 3306, "UserIdGroupPairs": [{"GroupId": two}]}
            ],
        )
    ec2.authorize_security_group_egress(
        GroupId=two,
        IpPermissions=[
            {
                "IpProtocol": "tcp",
                "FromPort": 443,
                "ToPort": 443,
                "IpRanges": [{"CidrIp": "10.0.0.0/16", "Description": "out"}],
            }
        ],
        TagSpecifications=tagged("security-group-rule"),
    )
    expected = {
        "SecurityGroupRuleId": created["SecurityGroupRuleId"],
        "GroupId": one,
        "IsEgress": False,
        "IpProtocol": "tcp",
        "FromPort": 3306,
        "ToPort": 3306,
        "ReferencedGroupInfo": {"GroupId": two},
        "Description": "from two",
        "Tags": TAGS,
    }
    assert_contains(
        ec2.describe_security_group_rules(SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])["SecurityGroupRules"],
        [expected],
    )
    by_tag = ec2.describe_security_group_rules(Filters=[{"Name": "tag:Suffix", "Values": ["t1"]}])["SecurityGroupRules"]
    assert_contains(
        by_tag, [expected, {"GroupId": two, "IsEgress": True, "CidrIpv4": "10.0.0.0/16", "Description": "out"}]
    )
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=two)
    ec2.update_security_group_rule_descriptions_ingress(
        GroupId=one,
        SecurityGroupRuleDescriptions=[
            {"SecurityGroupRuleId": created["SecurityGroupRuleId"], "Description": "changed"}
        ],
    )
    read = ec2.describe_security_group_rules(SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])[
        "SecurityGroupRules"
    ]
    assert read[0]["Description"] == "changed"
    ec2.revoke_security_group_ingress(GroupId=one, SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])
    with refused("InvalidSecurityGroupRuleId.NotFound"):
        ec2.describe_security_group_rules(SecurityGroupRuleIds=[created["SecurityGroupRuleId"]])
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    for group in (one, two):
        ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_default_group_rules_are_revoked_by_id(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    default = ec2.describe_security_groups(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    )["SecurityGroups"][0]["GroupId"]
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [default]}])["SecurityGroupRules"]
    assert {r["IsEgress"] for r in rules} == {True, False}
    for rule in rules:
        revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
        revoke(GroupId=default, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    group = ec2.describe_security_groups(GroupIds=[default])["SecurityGroups"][0]
    assert not group["IpPermissions"] and not group["IpPermissionsEgress"]


def test_flow_logs(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    aws("logs").create_log_group(logGroupName="/flow")
    params = {
        "TrafficType": "ALL",
        "LogDestinationType": "cloud-watch-logs",
        "LogGroupName": "/flow",
        "DeliverLogsPermissionArn": "arn:aws:iam::123456789012:role/flow",
        "MaxAggregationInterval": 60,
        "LogFormat": "${version} ${vpc-id} ${srcaddr}",
    }
    request = {"ResourceIds": [vpc], "ResourceType": "VPC", "TagSpecifications": tagged("vpc-flow-log"), **params}
    created = ec2.create_flow_logs(ClientToken="f1", **request)
    again = ec2.create_flow_logs(ClientToken="f1", **request)
    assert again["FlowLogIds"] == created["FlowLogIds"] and not again.get("Unsuccessful")
    assert_contains(
        ec2.describe_flow_logs(FlowLogIds=created["FlowLogIds"])["FlowLogs"],
        [{**params, "ResourceId": vpc, "FlowLogStatus": "ACTIVE", "DeliverLogsStatus": "SUCCESS", "Tags": TAGS}],
    )
    by_destination = ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="REJECT",
        LogDestinationType="cloud-watch-logs",
        LogDestination="arn:aws:logs:us-east-1:123456789012:log-group:/flow",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/flow",
    )
    assert not by_destination.get("Unsuccessful"), by_destination
    read = ec2.describe_flow_logs(FlowLogIds=by_destination["FlowLogIds"])["FlowLogs"][0]
    assert read["LogDestination"].startswith("arn:aws:logs") and read["LogGroupName"] == "/flow"


def test_subnet_deletion_is_blocked_by_dependents(aws):
    ec2 = aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="lb", Description="d", VpcId=vpc)["GroupId"]
    balancer = aws("elbv2").create_load_balancer(Name="lb", Subnets=[subnet, other], SecurityGroups=[group])[
        "LoadBalancers"
    ][0]["LoadBalancerArn"]
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    aws("elbv2").delete_load_balancer(LoadBalancerArn=balancer)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_subnet(SubnetId=subnet)


def test_zones_and_network_acl(aws):
    ec2 = aws("ec2")
    zones = ec2.describe_availability_zones(Filters=[{"Name": "state", "Values": ["available"]}])["AvailabilityZones"]
    assert len(zones) >= 3 and all(z["ZoneType"] == "availability-zone" for z in zones)
    assert all(z.get("OptInStatus") == "opt-in-not-required" for z in zones)
    vpc = a_vpc(ec2)
    subnet = a_subnet(ec2, vpc)
    acl = ec2.create_network_acl(VpcId=vpc, TagSpecifications=tagged("network-acl"))["NetworkAcl"]["NetworkAclId"]
    with refused("DependencyViolation"):
        ec2.delete_vpc(VpcId=vpc)
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
