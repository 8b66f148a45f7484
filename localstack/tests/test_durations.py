"""With a time scale things take as long as on AWS, divided by it."""

import time

from support import refused, two_subnets


def wait_until(what, seconds=10):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "too slow"
        time.sleep(0.1)


def test_creations_and_deletions_take_time(sandbox, aws):
    ec2, rds = aws("ec2"), aws("rds")
    vpc, subnet, other = two_subnets(ec2)
    rds.create_db_subnet_group(DBSubnetGroupName="g", DBSubnetGroupDescription="d", SubnetIds=[subnet, other])
    sandbox.control("PUT", "time-scale", {"scale": 120})
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]
    assert nat["State"] == "pending"
    gateway = ec2.create_transit_gateway()["TransitGateway"]["TransitGatewayId"]
    with refused("IncorrectState"):
        ec2.create_transit_gateway_vpc_attachment(TransitGatewayId=gateway, VpcId=vpc, SubnetIds=[subnet])
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, VpcEndpointType="Interface", ServiceName="com.amazonaws.us-east-1.kms", SubnetIds=[subnet]
    )["VpcEndpoint"]
    assert endpoint["State"] == "pending"
    balancer = aws("elbv2").create_load_balancer(Name="lb", Subnets=[subnet, other])["LoadBalancers"][0]
    assert balancer["State"]["Code"] == "provisioning"
    arn = balancer["LoadBalancerArn"]
    assert (
        aws("elbv2").describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"]
        == "provisioning"
    )
    rds.create_db_cluster(
        DBClusterIdentifier="c",
        Engine="aurora-mysql",
        MasterUsername="m",
        MasterUserPassword="verysecret",
        DBSubnetGroupName="g",
    )

    def cluster():
        return rds.describe_db_clusters(DBClusterIdentifier="c")["DBClusters"][0]

    assert cluster()["Status"] == "creating" == cluster()["Status"]
    wait_until(lambda: cluster()["Status"] == "available")
    rds.create_db_instance(
        DBInstanceIdentifier="i", DBInstanceClass="db.serverless", Engine="aurora-mysql", DBClusterIdentifier="c"
    )

    def instance():
        return rds.describe_db_instances(DBInstanceIdentifier="i")["DBInstances"][0]["DBInstanceStatus"]

    assert instance() == "creating"
    wait_until(lambda: instance() == "available")

    def gateways():
        return ec2.describe_nat_gateways(NatGatewayIds=[nat["NatGatewayId"]])["NatGateways"][0]["State"]

    wait_until(lambda: gateways() == "available")
    assert aws("elbv2").describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]["State"]["Code"] == "active"
    ec2.delete_nat_gateway(NatGatewayId=nat["NatGatewayId"])
    assert gateways() == "deleting"
    with refused("InvalidIPAddress.InUse"):
        ec2.release_address(AllocationId=address)
    rds.delete_db_instance(DBInstanceIdentifier="i", SkipFinalSnapshot=True)
    assert instance() == "deleting"
    rds.delete_db_cluster(DBClusterIdentifier="c", SkipFinalSnapshot=True)
    with refused("InvalidDBSubnetGroupStateFault"):
        rds.delete_db_subnet_group(DBSubnetGroupName="g")
    wait_until(lambda: not rds.describe_db_instances()["DBInstances"] and not rds.describe_db_clusters()["DBClusters"])
    rds.delete_db_subnet_group(DBSubnetGroupName="g")
    wait_until(lambda: gateways() == "deleted")
    ec2.release_address(AllocationId=address)
