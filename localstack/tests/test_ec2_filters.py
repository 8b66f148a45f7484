"""Each Describe call finds one resource of two by its id, and by the ids of related resources."""

import pytest
from support import a_subnet, a_vpc


def two(make):
    return [make(0), make(1)]


class Resources:
    """Two of each kind."""

    def __init__(self, aws):
        ec2 = self.ec2 = aws("ec2")
        self.vpc = two(lambda i: a_vpc(ec2, f"10.{i}.0.0/16"))
        self.subnet = two(lambda i: a_subnet(ec2, self.vpc[i], f"10.{i}.1.0/24"))
        self.internet_gateway = two(lambda _: ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"])
        self.allocation = two(lambda _: ec2.allocate_address(Domain="vpc")["AllocationId"])
        self.nat_gateway = two(self._nat_gateway)
        self.route_table = two(lambda i: ec2.create_route_table(VpcId=self.vpc[i])["RouteTable"]["RouteTableId"])
        self.route_table_association = two(self._route_table_association)
        self.group = two(self._group)
        self.security_group_rule = two(self._rule)
        self.vpc_endpoint = two(self._endpoint)
        self.network_acl = two(lambda i: ec2.create_network_acl(VpcId=self.vpc[i])["NetworkAcl"]["NetworkAclId"])
        aws("logs").create_log_group(logGroupName="g")
        self.flow_log = two(self._flow_log)
        self.transit_gateway = two(lambda _: ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"])
        self.transit_gateway_attachment = two(self._attachment)
        self.transit_gateway_route_table = two(self._transit_table)
        self.association = [one["AssociationId"] for one in ec2.describe_addresses()["Addresses"]]

    def _nat_gateway(self, i):
        created = self.ec2.create_nat_gateway(SubnetId=self.subnet[i], AllocationId=self.allocation[i])
        return created["NatGateway"]["NatGatewayId"]

    def _route_table_association(self, i):
        table, subnet = self.route_table[i], self.subnet[i]
        return self.ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]

    def _group(self, i):
        return self.ec2.create_security_group(GroupName="g", Description="d", VpcId=self.vpc[i])["GroupId"]

    def _rule(self, i):
        allowed = [{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "IpRanges": [{"CidrIp": "192.0.2.0/24"}]}]
        created = self.ec2.authorize_security_group_ingress(GroupId=self.group[i], IpPermissions=allowed)
        return created["SecurityGroupRules"][0]["SecurityGroupRuleId"]

    def _endpoint(self, i):
        service = "com.amazonaws.us-east-1.s3"
        return self.ec2.create_vpc_endpoint(VpcId=self.vpc[i], ServiceName=service)["VpcEndpoint"]["VpcEndpointId"]

    def _flow_log(self, i):
        created = self.ec2.create_flow_logs(
            ResourceIds=[self.vpc[i]],
            ResourceType="VPC",
            TrafficType="ALL",
            LogGroupName="g",
            DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/r",
        )
        return created["FlowLogIds"][0]

    def _attachment(self, i):
        created = self.ec2.create_transit_gateway_vpc_attachment(
            TransitGatewayId=self.transit_gateway[i], VpcId=self.vpc[i], SubnetIds=[self.subnet[i]]
        )
        return created["TransitGatewayVpcAttachment"]["TransitGatewayAttachmentId"]

    def _transit_table(self, i):
        created = self.ec2.create_transit_gateway_route_table(TransitGatewayId=self.transit_gateway[i])
        return created["TransitGatewayRouteTable"]["TransitGatewayRouteTableId"]


# operation, filter, attribute with the filter's ids, members of the result and of a resource, attribute with the found ids
CASES = [
    ("describe_vpcs", "vpc-id", "vpc", "Vpcs", "VpcId", "vpc"),
    ("describe_subnets", "subnet-id", "subnet", "Subnets", "SubnetId", "subnet"),
    (
        "describe_internet_gateways",
        "internet-gateway-id",
        "internet_gateway",
        "InternetGateways",
        "InternetGatewayId",
        "internet_gateway",
    ),
    ("describe_addresses", "allocation-id", "allocation", "Addresses", "AllocationId", "allocation"),
    ("describe_addresses", "association-id", "association", "Addresses", "AllocationId", "allocation"),
    ("describe_nat_gateways", "nat-gateway-id", "nat_gateway", "NatGateways", "NatGatewayId", "nat_gateway"),
    ("describe_route_tables", "route-table-id", "route_table", "RouteTables", "RouteTableId", "route_table"),
    (
        "describe_route_tables",
        "association.route-table-association-id",
        "route_table_association",
        "RouteTables",
        "RouteTableId",
        "route_table",
    ),
    ("describe_route_tables", "association.subnet-id", "subnet", "RouteTables", "RouteTableId", "route_table"),
    ("describe_security_groups", "group-id", "group", "SecurityGroups", "GroupId", "group"),
    (
        "describe_security_group_rules",
        "security-group-rule-id",
        "security_group_rule",
        "SecurityGroupRules",
        "SecurityGroupRuleId",
        "security_group_rule",
    ),
    ("describe_vpc_endpoints", "vpc-endpoint-id", "vpc_endpoint", "VpcEndpoints", "VpcEndpointId", "vpc_endpoint"),
    ("describe_network_acls", "network-acl-id", "network_acl", "NetworkAcls", "NetworkAclId", "network_acl"),
    ("describe_flow_logs", "flow-log-id", "flow_log", "FlowLogs", "FlowLogId", "flow_log"),
    (
        "describe_transit_gateways",
        "transit-gateway-id",
        "transit_gateway",
        "TransitGateways",
        "TransitGatewayId",
        "transit_gateway",
    ),
    (
        "describe_transit_gateway_attachments",
        "transit-gateway-attachment-id",
        "transit_gateway_attachment",
        "TransitGatewayAttachments",
        "TransitGatewayAttachmentId",
        "transit_gateway_attachment",
    ),
    (
        "describe_transit_gateway_vpc_attachments",
        "transit-gateway-attachment-id",
        "transit_gateway_attachment",
        "TransitGatewayVpcAttachments",
        "TransitGatewayAttachmentId",
        "transit_gateway_attachment",
    ),
    (
        "describe_transit_gateway_route_tables",
        "transit-gateway-route-table-id",
        "transit_gateway_route_table",
        "TransitGatewayRouteTables",
        "TransitGatewayRouteTableId",
        "transit_gateway_route_table",
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{case[1]}")
def test_found_by_id(aws, case):
    operation, name, by, member, identifier, found = case
    resources = Resources(aws)
    parameter = "Filter" if operation == "describe_flow_logs" else "Filters"
    params = {parameter: [{"Name": name, "Values": getattr(resources, by)[1:]}]}
    answer = getattr(resources.ec2, operation)(**params)[member]
    assert [one[identifier] for one in answer] == getattr(resources, found)[1:]
