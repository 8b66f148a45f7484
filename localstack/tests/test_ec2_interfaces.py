"""The network interfaces of services, which block the deletion of subnets and security groups."""

import pytest
from support import refused, two_subnets


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def network(ec2):
    vpc, subnet, other = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="g", Description="d", VpcId=vpc)["GroupId"]
    return subnet, other, group


def test_load_balancer_interfaces(aws, ec2, network):
    subnet, other, group = network
    elb = aws("elbv2")
    created = elb.create_load_balancer(Name="lb", Subnets=[subnet, other], SecurityGroups=[group])["LoadBalancers"][0]
    described = f"ELB {created['LoadBalancerArn'].partition('loadbalancer/')[2]}"
    found = _found(ec2, "description", described)
    assert {one["SubnetId"] for one in found} == {subnet, other}
    assert all(one["RequesterManaged"] and one["Status"] == "in-use" for one in found)
    assert len(_found(ec2, "group-id", group)) == 2
    assert _found(ec2, "network-interface-id", found[0]["NetworkInterfaceId"]) == found[:1]
    with refused("InvalidParameterValue"):
        ec2.delete_network_interface(NetworkInterfaceId=found[0]["NetworkInterfaceId"])
    elb.delete_load_balancer(LoadBalancerArn=created["LoadBalancerArn"])
    assert _found(ec2, "description", described) == []


def test_nat_gateway_interface(ec2, network):
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=network[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    found = _found(ec2, "interface-type", "nat_gateway")
    assert [one["Description"] for one in found] == [f"Interface for NAT Gateway {nat}"]


def test_endpoint_interfaces(ec2, network):
    subnet, _, group = network
    endpoint = ec2.create_vpc_endpoint(
        VpcId=ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["VpcId"],
        ServiceName="com.amazonaws.us-east-1.sqs",
        VpcEndpointType="Interface",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
    )["VpcEndpoint"]
    found = _found(ec2, "interface-type", "vpc_endpoint")
    assert [one["NetworkInterfaceId"] for one in found] == endpoint["NetworkInterfaceIds"]
    assert found[0]["Description"] == f"VPC Endpoint Interface {endpoint['VpcEndpointId']}"
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[endpoint["VpcEndpointId"]])
    ec2.delete_security_group(GroupId=group)


def test_database_interfaces(aws, ec2, network):
    subnet, other, group = network
    rds = aws("rds")
    rds.create_db_subnet_group(DBSubnetGroupName="s", DBSubnetGroupDescription="d", SubnetIds=[subnet, other])
    engine = {"Engine": "aurora-mysql", "DBClusterIdentifier": "c"}
    rds.create_db_cluster(
        **engine,
        MasterUsername="a",
        MasterUserPassword="bbbbbbbb",
        DBSubnetGroupName="s",
        VpcSecurityGroupIds=[group],
    )
    rds.create_db_instance(
        **engine, DBInstanceIdentifier="i", DBInstanceClass="db.r6g.large", AvailabilityZone="us-east-1b"
    )
    found = _found(ec2, "description", "RDSNetworkInterface*")
    assert [(one["SubnetId"], one["Groups"][0]["GroupId"]) for one in found] == [(other, group)]
    rds.delete_db_instance(DBInstanceIdentifier="i", SkipFinalSnapshot=True)
    assert _found(ec2, "description", "RDSNetworkInterface*") == []


def test_function_interfaces(aws, ec2, network, function):
    subnet, _, group = network
    function(VpcConfig={"SubnetIds": [subnet], "SecurityGroupIds": [group]})
    found = _found(ec2, "description", "AWS Lambda VPC ENI-fn-*")
    assert [(one["SubnetId"], one["InterfaceType"]) for one in found] == [(subnet, "lambda")]
    aws("lambda").delete_function(FunctionName="fn")
    assert _found(ec2, "description", "AWS Lambda VPC ENI-fn-*") == []


def _found(ec2, name, value):
    return ec2.describe_network_interfaces(Filters=[{"Name": name, "Values": [value]}])["NetworkInterfaces"]
