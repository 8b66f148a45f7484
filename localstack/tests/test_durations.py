"""Durations of creations and deletions with a time scale. The tests advance the clock."""

import time

import pytest
from support import refused, two_subnets

MINUTE = 60


@pytest.fixture
def advance(sandbox):
    """Advances the clock by minutes. Between calls, its time hardly passes."""
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    return lambda minutes: sandbox.control("POST", "advance", {"seconds": minutes * MINUTE})


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def network(ec2):
    return two_subnets(ec2)


def test_time_scale_divides_durations(sandbox, ec2):
    sandbox.control("PUT", "time-scale", {"scale": 1000})
    started = time.monotonic()
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    while ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"][0]["State"] == "pending":
        time.sleep(0.02)
    assert 2 * MINUTE / 1000 <= time.monotonic() - started < 60


def test_durations_are_zero_by_default(sandbox, ec2):
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    assert ec2.describe_transit_gateways()["TransitGateways"][0]["State"] == "available"
    ec2.delete_transit_gateway(TransitGatewayId=gateway)
    assert ec2.describe_transit_gateways()["TransitGateways"] == []


def test_nat_gateway(advance, ec2, network):
    _, subnet, _ = network
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    created = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert created["State"] == "pending"

    def state():
        return ec2.describe_nat_gateways(NatGatewayIds=[created["NatGatewayId"]])["NatGateways"][0]["State"]

    advance(1)
    assert state() == "pending"
    advance(1)
    assert state() == "available"
    ec2.delete_nat_gateway(NatGatewayId=created["NatGatewayId"])
    assert state() == "deleting"
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    advance(1)
    assert state() == "deleted"
    ec2.release_address(AllocationId=address)


def test_certificate_is_issued_after_three_minutes(advance, aws):
    acm = aws("acm")
    arn = acm.request_certificate(DomainName="shop.example", ValidationMethod="DNS")["CertificateArn"]

    def status():
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]

    advance(2)
    assert status() == "PENDING_VALIDATION"
    advance(1)
    assert status() == "ISSUED"


def test_transit_gateway(advance, ec2, network):
    vpc, subnet, _ = network
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    params = {"TransitGatewayId": gateway, "VpcId": vpc, "SubnetIds": [subnet]}
    with refused("IncorrectState"):
        ec2.create_transit_gateway_vpc_attachment(**params)
    advance(2)
    created = ec2.create_transit_gateway_vpc_attachment(**params)["TransitGatewayVpcAttachment"]
    attachment = created["TransitGatewayAttachmentId"]
    with refused("IncorrectState"):
        ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    advance(1)

    def attachments():
        shown = ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
        return {one["TransitGatewayAttachmentId"]: one["State"] for one in shown}

    assert attachments() == {attachment: "available"}
    deleted = ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    assert deleted["TransitGatewayVpcAttachment"]["State"] == "deleting"
    assert attachments() == {attachment: "deleting"}
    with refused("IncorrectState"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    advance(0.5)
    assert attachments() == {}
    ec2.delete_subnet(SubnetId=subnet)
    assert ec2.delete_transit_gateway(TransitGatewayId=gateway)["TransitGateway"]["State"] == "deleting"
    assert ec2.describe_transit_gateways()["TransitGateways"][0]["State"] == "deleting"
    with refused("IncorrectState"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    advance(1)
    assert ec2.describe_transit_gateways()["TransitGateways"] == []


def test_interface_endpoint(advance, ec2, network):
    vpc, subnet, _ = network
    group = ec2.create_security_group(GroupName="e", Description="d", VpcId=vpc)["GroupId"]
    created = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.kms",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
    )["VpcEndpoint"]
    assert created["State"] == "pending"

    def states():
        return [one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]]

    advance(1)
    assert states() == ["available"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[created["VpcEndpointId"]])
    assert states() == ["deleting"]
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    advance(1)
    assert states() == []
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_endpoint_deleted_while_pending_stays_deleted(advance, ec2, network):
    vpc, subnet, _ = network
    created = ec2.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.us-east-1.kms", SubnetIds=[subnet]
    )["VpcEndpoint"]
    advance(0.75)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[created["VpcEndpointId"]])
    advance(0.5)
    assert [one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]] == ["deleting"]
    advance(0.5)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_gateway_endpoint_is_deleted_at_once(advance, ec2, network):
    vpc, _, _ = network
    created = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[created["VpcEndpointId"]])
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_load_balancer(advance, aws, ec2, network):
    vpc, subnet, other = network
    elbv2 = aws("elbv2")
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    group = ec2.create_security_group(GroupName="lb", Description="d", VpcId=vpc)["GroupId"]
    created = elbv2.create_load_balancer(Name="lb", Subnets=[subnet, other], SecurityGroups=[group])["LoadBalancers"][0]
    assert created["State"]["Code"] == "provisioning"

    def states():
        return [one["State"]["Code"] for one in elbv2.describe_load_balancers()["LoadBalancers"]]

    assert states() == ["provisioning"]
    advance(3)
    assert states() == ["active"]
    elbv2.delete_load_balancer(LoadBalancerArn=created["LoadBalancerArn"])
    assert states() == []
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    with refused("DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    advance(1)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)


def in_vpc(subnet, group):
    return {"SubnetIds": [subnet], "SecurityGroupIds": [group]}


def test_interfaces_outlive_their_function(advance, aws, ec2, network, function):
    vpc, subnet, _ = network
    group = ec2.create_security_group(GroupName="f", Description="d", VpcId=vpc)["GroupId"]
    function(VpcConfig=in_vpc(subnet, group))
    before = ec2.describe_network_interfaces()["NetworkInterfaces"]
    aws("lambda").delete_function(FunctionName="fn")
    left = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [one["NetworkInterfaceId"] for one in left] == [one["NetworkInterfaceId"] for one in before]
    advance(9)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    advance(1)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_interfaces_outlive_a_change_of_security_groups(advance, aws, ec2, network, function):
    vpc, subnet, _ = network
    old, new = (ec2.create_security_group(GroupName=n, Description="d", VpcId=vpc)["GroupId"] for n in ("old", "new"))
    function(VpcConfig=in_vpc(subnet, old))
    aws("lambda").update_function_configuration(FunctionName="fn", VpcConfig=in_vpc(subnet, new))
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=old)
    advance(10)
    ec2.delete_security_group(GroupId=old)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=new)


def test_interfaces_are_deleted_with_their_function_by_default(aws, ec2, network, function):
    vpc, subnet, _ = network
    group = ec2.create_security_group(GroupName="f", Description="d", VpcId=vpc)["GroupId"]
    function(VpcConfig=in_vpc(subnet, group))
    aws("lambda").delete_function(FunctionName="fn")
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_cluster_and_instance(advance, aws, network):
    rds = aws("rds")
    _, subnet, other = network
    rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=[subnet, other])
    rds.create_db_cluster(
        DBClusterIdentifier="c",
        Engine="aurora-mysql",
        MasterUsername="m",
        MasterUserPassword="verysecret",
        DBSubnetGroupName="g",
    )

    def clusters():
        return [one["Status"] for one in rds.describe_db_clusters()["DBClusters"]]

    def instances():
        return [one["DBInstanceStatus"] for one in rds.describe_db_instances()["DBInstances"]]

    assert clusters() == ["creating"] == clusters()
    advance(1)
    assert clusters() == ["available"]
    rds.create_db_instance(
        DBInstanceIdentifier="i", DBInstanceClass="db.serverless", Engine="aurora-mysql", DBClusterIdentifier="c"
    )
    advance(7)
    assert instances() == ["creating"]
    advance(1)
    assert instances() == ["available"]
    rds.delete_db_instance(DBInstanceIdentifier="i", SkipFinalSnapshot=True)
    assert instances() == ["deleting"]
    rds.delete_db_cluster(DBClusterIdentifier="c", SkipFinalSnapshot=True)
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="g")
    advance(5)
    assert instances() == [] == clusters()
    rds.delete_db_subnet_group(DBSubnetGroupName="g")
