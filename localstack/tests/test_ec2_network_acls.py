from support import a_subnet, a_vpc, refused


def test_icmp_entry_reads_back(aws):
    ec2 = aws("ec2")
    acl = ec2.create_network_acl(VpcId=a_vpc(ec2))["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Protocol": "1", "RuleAction": "allow", "Egress": False}
    ec2.create_network_acl_entry(**entry, CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": 3, "Code": 4})
    assert _entries(ec2, acl)[0]["IcmpTypeCode"] == {"Type": 3, "Code": 4}
    ec2.replace_network_acl_entry(**entry, CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": -1, "Code": -1})
    assert _entries(ec2, acl)[0]["IcmpTypeCode"] == {"Type": -1, "Code": -1}


def test_entry_is_deleted_once(aws):
    ec2 = aws("ec2")
    acl = ec2.create_network_acl(VpcId=a_vpc(ec2))["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Egress": True}
    ec2.create_network_acl_entry(**entry, Protocol="-1", RuleAction="allow", CidrBlock="0.0.0.0/0")
    ec2.delete_network_acl_entry(**entry)
    with refused("InvalidNetworkAclEntry.NotFound"):
        ec2.delete_network_acl_entry(**entry)


def test_unknown_association_is_not_replaced(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    subnet = a_subnet(ec2, vpc)
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    of_subnet = [{"Name": "association.subnet-id", "Values": [subnet]}]
    [association] = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]["Associations"]
    replace = {"AssociationId": association["NetworkAclAssociationId"], "NetworkAclId": acl}
    new = ec2.replace_network_acl_association(**replace)["NewAssociationId"]
    assert new != association["NetworkAclAssociationId"]
    with refused("InvalidAssociationID.NotFound"):
        ec2.replace_network_acl_association(**replace)
    [association] = ec2.describe_network_acls(Filters=of_subnet)["NetworkAcls"][0]["Associations"]
    assert (association["NetworkAclAssociationId"], association["NetworkAclId"]) == (new, acl)


def test_vpc_is_deleted_with_its_default_acl(aws):
    ec2 = aws("ec2")
    vpc = a_vpc(ec2)
    of_vpc = [{"Name": "vpc-id", "Values": [vpc]}]
    assert len(ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"]) == 1
    ec2.delete_vpc(VpcId=vpc)
    assert ec2.describe_network_acls(Filters=of_vpc)["NetworkAcls"] == []


def test_filter_matches_one_of_several_subnets(aws):
    ec2 = aws("ec2")
    first, second = (a_vpc(ec2), a_vpc(ec2))
    cidrs = ("10.0.1.0/24", "10.0.2.0/24")
    a, b, c = (a_subnet(ec2, vpc, cidr) for vpc, cidr in ((first, cidrs[0]), (first, cidrs[1]), (second, cidrs[0])))
    named = [{"Name": "association.subnet-id", "Values": [a, c]}]
    found = ec2.describe_network_acls(Filters=named)["NetworkAcls"]
    subnets = {association["SubnetId"] for acl in found for association in acl["Associations"]}
    assert subnets == {a, b, c}


def test_endpoint_found_by_id(aws):
    ec2 = aws("ec2")
    service = "com.amazonaws.us-east-1.s3"
    params = {"ServiceName": service, "VpcEndpointType": "Gateway"}
    created = [ec2.create_vpc_endpoint(VpcId=a_vpc(ec2), **params)["VpcEndpoint"]["VpcEndpointId"] for _ in range(2)]
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-id", "Values": created[1:]}])["VpcEndpoints"]
    assert [endpoint["VpcEndpointId"] for endpoint in found] == created[1:]


def _entries(ec2, acl):
    by_id = [{"Name": "network-acl-id", "Values": [acl]}]
    return ec2.describe_network_acls(Filters=by_id)["NetworkAcls"][0]["Entries"]
