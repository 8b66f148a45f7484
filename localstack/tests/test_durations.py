"""With a time scale things take as long as on AWS, divided by it. Here time goes by when a test says so."""

import time

import pytest
from support import refused, two_subnets

MINUTE = 60


@pytest.fixture
def passes(sandbox):
    """Moves the clock, which hardly moves by itself."""
    sandbox.control("PUT", "time-scale", {"scale": 0.01})
    return lambda minutes: sandbox.control("POST", "advance", {"seconds": minutes * MINUTE})


@pytest.fixture
def ec2(aws):
    return aws("ec2")


@pytest.fixture
def places(ec2):
    return two_subnets(ec2)


def test_the_scale_divides(sandbox, ec2):
    sandbox.control("PUT", "time-scale", {"scale": 1000})
    started = time.monotonic()
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    while ec2.describe_transit_gateways(TransitGatewayIds=[gateway])["TransitGateways"][0]["State"] == "pending":
        time.sleep(0.02)
    assert 2 * MINUTE / 1000 <= time.monotonic() - started < 60


def test_nothing_takes_time_by_default(sandbox, ec2):
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    assert ec2.describe_transit_gateways()["TransitGateways"][0]["State"] == "available"
    ec2.delete_transit_gateway(TransitGatewayId=gateway)
    assert ec2.describe_transit_gateways()["TransitGateways"] == []


def test_nat_gateway(passes, ec2, places):
    _, subnet, _ = places
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert made["State"] == "pending"

    def state():
        return ec2.describe_nat_gateways(NatGatewayIds=[made["NatGatewayId"]])["NatGateways"][0]["State"]

    passes(1)
    assert state() == "pending"
    passes(1)
    assert state() == "available"
    ec2.delete_nat_gateway(NatGatewayId=made["NatGatewayId"])
    assert state() == "deleting"
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    passes(1)
    assert state() == "deleted"
    ec2.release_address(AllocationId=address)


def test_a_certificate_is_issued_after_three_minutes(passes, aws):
    acm = aws("acm")
    arn = acm.request_certificate(DomainName="shop.example", ValidationMethod="DNS")["CertificateArn"]

    def status():
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]

    passes(2)
    assert status() == "PENDING_VALIDATION"
    passes(1)
    assert status() == "ISSUED"


def test_transit_gateway(passes, ec2, places):
    vpc, subnet, _ = places
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    wanted = {"TransitGatewayId": gateway, "VpcId": vpc, "SubnetIds": [subnet]}
    with refused("IncorrectState"):
        ec2.create_transit_gateway_vpc_attachment(**wanted)
    passes(2)
    made = ec2.create_transit_gateway_vpc_attachment(**wanted)["TransitGatewayVpcAttachment"]
    attachment = made["TransitGatewayAttachmentId"]
    with refused("IncorrectState"):
        ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    passes(1)

    def attachments():
        shown = ec2.describe_transit_gateway_vpc_attachments()["TransitGatewayVpcAttachments"]
        return {one["TransitGatewayAttachmentId"]: one["State"] for one in shown}

    assert attachments() == {attachment: "available"}
    gone = ec2.delete_transit_gateway_vpc_attachment(TransitGatewayAttachmentId=attachment)
    assert gone["TransitGatewayVpcAttachment"]["State"] == "deleting"
    assert attachments() == {attachment: "deleting"}
    with refused("IncorrectState"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    passes(0.5)
    assert attachments() == {}
    ec2.delete_subnet(SubnetId=subnet)
    assert ec2.delete_transit_gateway(TransitGatewayId=gateway)["TransitGateway"]["State"] == "deleting"
    assert ec2.describe_transit_gateways()["TransitGateways"][0]["State"] == "deleting"
    with refused("IncorrectState"):
        ec2.delete_transit_gateway(TransitGatewayId=gateway)
    passes(1)
    assert ec2.describe_transit_gateways()["TransitGateways"] == []


def test_interface_endpoint(passes, ec2, places):
    vpc, subnet, _ = places
    group = ec2.create_security_group(GroupName="e", Description="d", VpcId=vpc)["GroupId"]
    made = ec2.create_vpc_endpoint(
        VpcId=vpc,
        VpcEndpointType="Interface",
        ServiceName="com.amazonaws.us-east-1.kms",
        SubnetIds=[subnet],
        SecurityGroupIds=[group],
    )["VpcEndpoint"]
    assert made["State"] == "pending"

    def states():
        return [one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]]

    passes(1)
    assert states() == ["available"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    assert states() == ["deleting"]
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    passes(1)
    assert states() == []
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_an_endpoint_deleted_while_pending_does_not_come_back(passes, ec2, places):
    vpc, subnet, _ = places
    made = ec2.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.us-east-1.kms", SubnetIds=[subnet]
    )["VpcEndpoint"]
    passes(0.75)
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    passes(0.5)
    assert [one["State"] for one in ec2.describe_vpc_endpoints()["VpcEndpoints"]] == ["deleting"]
    passes(0.5)
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_a_gateway_endpoint_is_gone_at_once(passes, ec2, places):
    vpc, _, _ = places
    made = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")["VpcEndpoint"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])
    assert ec2.describe_vpc_endpoints()["VpcEndpoints"] == []


def test_load_balancer(passes, aws, ec2, places):
    vpc, subnet, other = places
    elbv2 = aws("elbv2")
    internet = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    group = ec2.create_security_group(GroupName="lb", Description="d", VpcId=vpc)["GroupId"]
    made = elbv2.create_load_balancer(Name="lb", Subnets=[subnet, other], SecurityGroups=[group])["LoadBalancers"][0]
    assert made["State"]["Code"] == "provisioning"

    def states():
        return [one["State"]["Code"] for one in elbv2.describe_load_balancers()["LoadBalancers"]]

    assert states() == ["provisioning"]
    passes(3)
    assert states() == ["active"]
    elbv2.delete_load_balancer(LoadBalancerArn=made["LoadBalancerArn"])
    assert states() == []
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    with refused("DependencyViolation"):
        ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)
    passes(1)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)
    ec2.detach_internet_gateway(InternetGatewayId=internet, VpcId=vpc)


def in_vpc(subnet, group):
    return {"SubnetIds": [subnet], "SecurityGroupIds": [group]}


def test_a_function_leaves_its_interfaces_behind(passes, aws, ec2, places, function):
    vpc, subnet, _ = places
    group = ec2.create_security_group(GroupName="f", Description="d", VpcId=vpc)["GroupId"]
    function(VpcConfig=in_vpc(subnet, group))
    before = ec2.describe_network_interfaces()["NetworkInterfaces"]
    aws("lambda").delete_function(FunctionName="fn")
    left = ec2.describe_network_interfaces()["NetworkInterfaces"]
    assert [one["NetworkInterfaceId"] for one in left] == [one["NetworkInterfaceId"] for one in before]
    passes(9)
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=group)
    passes(1)
    assert ec2.describe_network_interfaces()["NetworkInterfaces"] == []
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_a_function_that_changes_groups_leaves_the_old_one_behind(passes, aws, ec2, places, function):
    vpc, subnet, _ = places
    old, new = (ec2.create_security_group(GroupName=n, Description="d", VpcId=vpc)["GroupId"] for n in ("old", "new"))
    function(VpcConfig=in_vpc(subnet, old))
    aws("lambda").update_function_configuration(FunctionName="fn", VpcConfig=in_vpc(subnet, new))
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=old)
    passes(10)
    ec2.delete_security_group(GroupId=old)
    with refused("DependencyViolation"):
        ec2.delete_security_group(GroupId=new)


def test_a_function_leaves_nothing_by_default(aws, ec2, places, function):
    vpc, subnet, _ = places
    group = ec2.create_security_group(GroupName="f", Description="d", VpcId=vpc)["GroupId"]
    function(VpcConfig=in_vpc(subnet, group))
    aws("lambda").delete_function(FunctionName="fn")
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_security_group(GroupId=group)


def test_cluster_and_instance(passes, aws, places):
    rds = aws("rds")
    _, subnet, other = places
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
    passes(1)
    assert clusters() == ["available"]
    rds.create_db_instance(
        DBInstanceIdentifier="i", DBInstanceClass="db.serverless", Engine="aurora-mysql", DBClusterIdentifier="c"
    )
    passes(7)
    assert instances() == ["creating"]
    passes(1)
    assert instances() == ["available"]
    rds.delete_db_instance(DBInstanceIdentifier="i", SkipFinalSnapshot=True)
    assert instances() == ["deleting"]
    rds.delete_db_cluster(DBClusterIdentifier="c", SkipFinalSnapshot=True)
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="g")
    passes(5)
    assert instances() == [] == clusters()
    rds.delete_db_subnet_group(DBSubnetGroupName="g")
