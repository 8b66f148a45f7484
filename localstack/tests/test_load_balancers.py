"""Load balancers, certificates, web ACLs."""

import pytest
from support import TAGS, assert_contains, refused, two_subnets

POLICY = "ELBSecurityPolicy-TLS13-1-2-2021-06"


@pytest.fixture
def elb(aws):
    return aws("elbv2")


def a_balancer(aws, **more):
    ec2 = aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="lb", Description="d", VpcId=vpc)["GroupId"]
    settings = {"Subnets": [subnet, other], "SecurityGroups": [group], **more}
    created = aws("elbv2").create_load_balancer(Name="edge", Type="application", Tags=TAGS, **settings)
    return created["LoadBalancers"][0], settings


def a_certificate(aws):
    from datetime import datetime, timedelta, timezone

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "pay.test")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=90))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    return {
        "Certificate": certificate.public_bytes(pem),
        "PrivateKey": key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    }


def test_imported_certificate(aws):
    acm = aws("acm")
    arn = acm.import_certificate(Tags=TAGS, **a_certificate(aws))["CertificateArn"]
    assert_contains(
        acm.describe_certificate(CertificateArn=arn)["Certificate"],
        {"Type": "IMPORTED", "DomainName": "pay.test", "Status": "ISSUED"},
    )
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == TAGS
    assert arn in [
        c["CertificateArn"]
        for c in acm.list_certificates(Includes={"keyTypes": ["EC_prime256v1", "RSA_2048"]})["CertificateSummaryList"]
    ]


def test_reimported_certificate_keeps_its_tags(aws):
    acm = aws("acm")
    arn = acm.import_certificate(Tags=TAGS, **a_certificate(aws))["CertificateArn"]
    first = acm.get_certificate(CertificateArn=arn)["Certificate"]
    assert acm.import_certificate(CertificateArn=arn, **a_certificate(aws))["CertificateArn"] == arn
    assert acm.get_certificate(CertificateArn=arn)["Certificate"] != first
    assert acm.list_tags_for_certificate(CertificateArn=arn)["Tags"] == TAGS


def test_balancer_attributes_and_tags(aws, elb):
    created, settings = a_balancer(aws, Scheme="internet-facing", IpAddressType="ipv4")
    arn = created["LoadBalancerArn"]
    assert (
        elb.create_load_balancer(Name="edge", Type="application", Tags=TAGS, **settings)["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        == arn
    )
    with refused("DuplicateLoadBalancerName"):
        elb.create_load_balancer(Name="edge", Type="application", **{**settings, "Scheme": "internal"})
    attributes = {
        "routing.http.drop_invalid_header_fields.enabled": "true",
        "idle_timeout.timeout_seconds": "30",
        "routing.http2.enabled": "true",
        "deletion_protection.enabled": "false",
        "access_logs.s3.enabled": "true",
        "access_logs.s3.bucket": "logs",
        "access_logs.s3.prefix": "alb",
        "routing.http.desync_mitigation_mode": "strictest",
    }
    aws("s3").create_bucket(Bucket="logs")
    elb.modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in attributes.items()]
    )
    read = {a["Key"]: a["Value"] for a in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    assert {k: read.get(k) for k in attributes} == attributes
    assert elb.describe_tags(ResourceArns=[arn])["TagDescriptions"][0]["Tags"] == TAGS
    read = elb.describe_load_balancers(Names=["edge"])["LoadBalancers"][0]
    assert_contains(
        read, {"State": {"Code": "active"}, "SecurityGroups": settings["SecurityGroups"], "Scheme": "internet-facing"}
    )
    assert read["CanonicalHostedZoneId"]
    with refused("LoadBalancerNotFound"):
        elb.describe_load_balancers(Names=["nope"])


def test_groups_listeners_rules(aws, elb):
    created, _ = a_balancer(aws)
    arn = created["LoadBalancerArn"]
    settings = {
        "Name": "blue",
        "TargetType": "lambda",
        "HealthCheckEnabled": True,
        "HealthCheckPath": "/health",
        "HealthCheckIntervalSeconds": 35,
        "HealthCheckTimeoutSeconds": 30,
        "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2,
        "Matcher": {"HttpCode": "200"},
    }
    blue = elb.create_target_group(Tags=TAGS, **settings)["TargetGroups"][0]["TargetGroupArn"]
    assert_contains(
        elb.describe_target_groups(TargetGroupArns=[blue])["TargetGroups"],
        [{**{k: v for k, v in settings.items() if k != "Name"}, "TargetGroupName": "blue"}],
    )
    assert elb.create_target_group(Tags=TAGS, **settings)["TargetGroups"][0]["TargetGroupArn"] == blue
    with refused("DuplicateTargetGroupName"):
        elb.create_target_group(**{**settings, "HealthCheckPath": "/other"})
    elb.modify_target_group_attributes(
        TargetGroupArn=blue, Attributes=[{"Key": "lambda.multi_value_headers.enabled", "Value": "true"}]
    )
    read = {a["Key"]: a["Value"] for a in elb.describe_target_group_attributes(TargetGroupArn=blue)["Attributes"]}
    assert read["lambda.multi_value_headers.enabled"] == "true"
    green = elb.create_target_group(Name="green", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    elb.modify_target_group(TargetGroupArn=blue, HealthCheckPath="/live", Matcher={"HttpCode": "200-204"})
    assert_contains(
        elb.describe_target_groups(Names=["blue"])["TargetGroups"],
        [{"HealthCheckPath": "/live", "Matcher": {"HttpCode": "200-204"}, "HealthCheckIntervalSeconds": 35}],
    )
    certificate = aws("acm").import_certificate(**a_certificate(aws))["CertificateArn"]
    forward = [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": blue, "Weight": 100}, {"TargetGroupArn": green, "Weight": 0}],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        }
    ]
    listener = elb.create_listener(
        LoadBalancerArn=arn,
        Protocol="HTTPS",
        Port=443,
        SslPolicy=POLICY,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=forward,
        Tags=TAGS,
    )["Listeners"][0]["ListenerArn"]
    with refused("DuplicateListener"):
        elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=443, DefaultActions=forward)
    assert_contains(
        elb.describe_listeners(ListenerArns=[listener])["Listeners"],
        [
            {
                "Protocol": "HTTPS",
                "Port": 443,
                "SslPolicy": POLICY,
                "Certificates": [{"CertificateArn": certificate}],
                "DefaultActions": forward,
            }
        ],
    )
    elb.modify_listener_attributes(
        ListenerArn=listener, Attributes=[{"Key": "routing.http.response.server.enabled", "Value": "false"}]
    )
    read = {a["Key"]: a["Value"] for a in elb.describe_listener_attributes(ListenerArn=listener)["Attributes"]}
    assert read["routing.http.response.server.enabled"] == "false"
    condition = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/health"]}}]
    rule = elb.create_rule(
        ListenerArn=listener,
        Priority=10,
        Conditions=condition,
        Actions=[{"Type": "forward", "TargetGroupArn": blue}],
        Tags=TAGS,
    )["Rules"][0]["RuleArn"]
    with refused("PriorityInUse"):
        elb.create_rule(
            ListenerArn=listener,
            Priority=10,
            Conditions=condition,
            Actions=[{"Type": "forward", "TargetGroupArn": blue}],
        )
    assert_contains(
        elb.describe_rules(RuleArns=[rule])["Rules"],
        [{"Priority": "10", "Conditions": condition, "Actions": [{"Type": "forward", "TargetGroupArn": blue}]}],
    )
    tags = {
        d["ResourceArn"]: d["Tags"]
        for d in elb.describe_tags(ResourceArns=[arn, blue, listener, rule])["TagDescriptions"]
    }
    assert tags == {arn: TAGS, blue: TAGS, listener: TAGS, rule: TAGS}
    with refused("ResourceInUse"):
        elb.delete_target_group(TargetGroupArn=blue)
    forward[0]["ForwardConfig"]["TargetGroups"][0]["Weight"] = 70
    forward[0]["ForwardConfig"]["TargetGroups"][1]["Weight"] = 30
    elb.modify_listener(ListenerArn=listener, DefaultActions=forward)
    assert_contains(
        elb.describe_listeners(ListenerArns=[listener])["Listeners"],
        [
            {
                "DefaultActions": forward,
                "SslPolicy": POLICY,
                "Certificates": [{"CertificateArn": certificate}],
                "Port": 443,
            }
        ],
    )
    redirect = {
        "Type": "redirect",
        "RedirectConfig": {
            "Protocol": "HTTPS",
            "Port": "443",
            "StatusCode": "HTTP_301",
            "Host": "#{host}",
            "Path": "/#{path}",
            "Query": "#{query}",
        },
    }
    elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[redirect])
    assert_contains(
        [
            one["DefaultActions"]
            for one in elb.describe_listeners(LoadBalancerArn=arn)["Listeners"]
            if one["Port"] == 80
        ],
        [[redirect]],
    )
    with refused("ResourceInUseException"):
        aws("acm").delete_certificate(CertificateArn=certificate)
    elb.delete_rule(RuleArn=rule)
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.delete_target_group(TargetGroupArn=blue)
    aws("acm").delete_certificate(CertificateArn=certificate)


def web_acl():
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "m"}
    rules = [
        {
            "Name": "common",
            "Priority": 0,
            "Statement": {
                "ManagedRuleGroupStatement": {
                    "VendorName": "AWS",
                    "Name": "AWSManagedRulesCommonRuleSet",
                    "RuleActionOverrides": [{"Name": "SizeRestrictions_BODY", "ActionToUse": {"Count": {}}}],
                }
            },
            "OverrideAction": {"None": {}},
            "VisibilityConfig": visibility,
        },
        {
            "Name": "rate",
            "Priority": 1,
            "Statement": {"RateBasedStatement": {"Limit": 2000, "AggregateKeyType": "IP", "EvaluationWindowSec": 300}},
            "Action": {"Block": {}},
            "VisibilityConfig": visibility,
        },
    ]
    return {"DefaultAction": {"Allow": {}}, "Rules": rules, "VisibilityConfig": visibility, "Description": "edge"}


def test_web_acl(aws, elb):
    waf = aws("wafv2")
    created = waf.create_web_acl(Name="acl", Scope="REGIONAL", Tags=TAGS, **web_acl())["Summary"]
    with refused("WAFDuplicateItemException"):
        waf.create_web_acl(Name="acl", Scope="REGIONAL", **web_acl())
    address = {"Name": "acl", "Scope": "REGIONAL", "Id": created["Id"]}
    read = waf.get_web_acl(**address)
    assert_contains(read["WebACL"], web_acl())
    changed = web_acl()
    changed["Rules"][1]["Statement"]["RateBasedStatement"]["Limit"] = 500
    with refused("WAFOptimisticLockException"):
        waf.update_web_acl(LockToken="00000000-0000-0000-0000-000000000000", **address, **changed)
    waf.update_web_acl(LockToken=read["LockToken"], **address, **changed)
    assert_contains(waf.get_web_acl(**address)["WebACL"], changed)
    assert waf.list_tags_for_resource(ResourceARN=created["ARN"])["TagInfoForResource"]["TagList"] == TAGS
    balancer = a_balancer(aws)[0]["LoadBalancerArn"]
    waf.associate_web_acl(WebACLArn=created["ARN"], ResourceArn=balancer)
    assert waf.get_web_acl_for_resource(ResourceArn=balancer)["WebACL"]["Name"] == "acl"
    assert waf.list_resources_for_web_acl(WebACLArn=created["ARN"], ResourceType="APPLICATION_LOAD_BALANCER")[
        "ResourceArns"
    ] == [balancer]
    logging = {
        "ResourceArn": created["ARN"],
        "LogDestinationConfigs": ["arn:aws:logs:us-east-1:123456789012:log-group:aws-waf-logs-x"],
        "RedactedFields": [{"SingleHeader": {"Name": "authorization"}}],
    }
    waf.put_logging_configuration(LoggingConfiguration=logging)
    assert_contains(waf.get_logging_configuration(ResourceArn=created["ARN"])["LoggingConfiguration"], logging)
    token = waf.get_web_acl(**address)["LockToken"]
    with refused("WAFAssociatedItemException"):
        waf.delete_web_acl(LockToken=token, **address)
    waf.disassociate_web_acl(ResourceArn=balancer)
    waf.delete_web_acl(LockToken=waf.get_web_acl(**address)["LockToken"], **address)
    with refused("WAFNonexistentItemException"):
        waf.get_web_acl(**address)
