"""Lists networks and load balancers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from inventory import Item, Things, kind, pages, thing


# EC2: tags come with every description


def ec2(
    name: str,
    operation: str,
    key: str,
    identifier: str,
    leave_out: Callable[[Item], bool] = lambda _: False,
    also: tuple[str, ...] = (),
) -> None:
    @kind(f"ec2.{name}", also=also)
    def list_them(client: Any) -> Things:
        for item in pages(client, operation, key):
            if not leave_out(item) and str(item.get("State", "")) not in ("deleted", "terminated"):
                yield thing(item[identifier], item.get("GroupName"), item.get("Tags", []))


def is_main(table: Item) -> bool:
    return any(association.get("Main") for association in table["Associations"])


ec2("vpc", "describe_vpcs", "Vpcs", "VpcId", lambda vpc: vpc["IsDefault"])
ec2("subnet", "describe_subnets", "Subnets", "SubnetId", lambda subnet: subnet["DefaultForAz"])
ec2("nat_gateway", "describe_nat_gateways", "NatGateways", "NatGatewayId")
ec2("elastic_ip", "describe_addresses", "Addresses", "AllocationId")
ec2("route_table", "describe_route_tables", "RouteTables", "RouteTableId", is_main)
ec2("network_acl", "describe_network_acls", "NetworkAcls", "NetworkAclId", lambda acl: acl["IsDefault"])
ec2("network_interface", "describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId")
ec2("security_group", "describe_security_groups", "SecurityGroups", "GroupId", lambda group: group["GroupName"] == "default")
ec2("interface_endpoint", "describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", also=("ec2.gateway_endpoint",))
ec2("vpc_peering_connection", "describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId")
ec2("flow_log", "describe_flow_logs", "FlowLogs", "FlowLogId")
ec2("transit_gateway", "describe_transit_gateways", "TransitGateways", "TransitGatewayId")
ec2(
    "transit_gateway_vpc_attachment",
    "describe_transit_gateway_attachments",
    "TransitGatewayAttachments",
    "TransitGatewayAttachmentId",
)
ec2(
    "transit_gateway_route_table",
    "describe_transit_gateway_route_tables",
    "TransitGatewayRouteTables",
    "TransitGatewayRouteTableId",
    lambda table: table.get("DefaultAssociationRouteTable"),
)


@kind("ec2.internet_gateway")
def internet_gateways(client: Any) -> Things:
    defaults = {vpc["VpcId"] for vpc in pages(client, "describe_vpcs", "Vpcs") if vpc["IsDefault"]}
    for gateway in pages(client, "describe_internet_gateways", "InternetGateways"):
        if not any(attachment["VpcId"] in defaults for attachment in gateway["Attachments"]):
            yield thing(gateway["InternetGatewayId"], None, gateway.get("Tags", []))


@kind("ec2.instance")
def instances(client: Any) -> Things:
    for reservation in pages(client, "describe_instances", "Reservations"):
        for instance in reservation["Instances"]:
            if instance["State"]["Name"] != "terminated":
                yield thing(instance["InstanceId"], None, instance.get("Tags", []))


# Elastic Load Balancing


def elb_tags(client: Any, arn: str) -> Any:
    return client.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"]


@kind("elb.load_balancer")
def load_balancers(client: Any) -> Things:
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        arn = balancer["LoadBalancerArn"]
        yield thing(arn, balancer["LoadBalancerName"], elb_tags(client, arn))


@kind("elb.target_group")
def target_groups(client: Any) -> Things:
    for group in pages(client, "describe_target_groups", "TargetGroups"):
        arn = group["TargetGroupArn"]
        yield thing(arn, group["TargetGroupName"], elb_tags(client, arn))


def listener_arns(client: Any) -> Iterator[str]:
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        for listener in pages(client, "describe_listeners", "Listeners", LoadBalancerArn=balancer["LoadBalancerArn"]):
            yield listener["ListenerArn"]


@kind("elb.listener")
def listeners(client: Any) -> Things:
    for arn in listener_arns(client):
        yield thing(arn, None, elb_tags(client, arn))


@kind("elb.listener_rule")
def rules(client: Any) -> Things:
    for arn in listener_arns(client):
        for rule in client.describe_rules(ListenerArn=arn)["Rules"]:
            if not rule["IsDefault"]:
                yield thing(rule["RuleArn"], None, elb_tags(client, rule["RuleArn"]))
