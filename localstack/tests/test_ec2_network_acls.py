from support import a_vpc


def test_icmp_entry_reads_back(aws):
    ec2 = aws("ec2")
    acl = ec2.create_network_acl(VpcId=a_vpc(ec2))["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "RuleNumber": 100, "Protocol": "1", "RuleAction": "allow", "Egress": False}
    ec2.create_network_acl_entry(**entry, CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": 3, "Code": 4})
    assert _entries(ec2, acl)[0]["IcmpTypeCode"] == {"Type": 3, "Code": 4}
    ec2.replace_network_acl_entry(**entry, CidrBlock="0.0.0.0/0", IcmpTypeCode={"Type": -1, "Code": -1})
    assert _entries(ec2, acl)[0]["IcmpTypeCode"] == {"Type": -1, "Code": -1}


def test_endpoint_found_by_id(aws):
    ec2 = aws("ec2")
    service = "com.amazonaws.us-east-1.s3"
    wanted = {"ServiceName": service, "VpcEndpointType": "Gateway"}
    made = [ec2.create_vpc_endpoint(VpcId=a_vpc(ec2), **wanted)["VpcEndpoint"]["VpcEndpointId"] for _ in range(2)]
    found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-endpoint-id", "Values": made[1:]}])["VpcEndpoints"]
    assert [endpoint["VpcEndpointId"] for endpoint in found] == made[1:]


def _entries(ec2, acl):
    by_id = [{"Name": "network-acl-id", "Values": [acl]}]
    return ec2.describe_network_acls(Filters=by_id)["NetworkAcls"][0]["Entries"]
