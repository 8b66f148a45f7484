import io
import json
import zipfile

import pytest
from support import assert_contains, refused, two_subnets

NODE = "nodejs22.x"


def package(text="exports.handler = async () => 1"):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.js", text)
    return buffer.getvalue()


@pytest.fixture
def role(aws):
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    return aws("iam").create_role(RoleName="fn", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]


def test_function(aws, role):
    lambda_, ec2 = aws("lambda"), aws("ec2")
    vpc, subnet, other = two_subnets(ec2)
    group = ec2.create_security_group(GroupName="fn", Description="d", VpcId=vpc)["GroupId"]
    queue = "arn:aws:sqs:us-east-1:123456789012:dead"
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    params = {
        "FunctionName": "fn",
        "Runtime": NODE,
        "Role": role,
        "Handler": "index.handler",
        "Description": "does",
        "Timeout": 30,
        "MemorySize": 512,
        "Environment": {"Variables": {"A": "b"}},
        "DeadLetterConfig": {"TargetArn": queue},
        "KMSKeyArn": key,
        "TracingConfig": {"Mode": "Active"},
        "EphemeralStorage": {"Size": 1024},
        "Architectures": ["arm64"],
        "LoggingConfig": {
            "LogFormat": "JSON",
            "ApplicationLogLevel": "INFO",
            "SystemLogLevel": "WARN",
            "LogGroup": "/fn",
        },
    }
    created = lambda_.create_function(
        Code={"ZipFile": package()},
        Tags={"Suffix": "t1"},
        VpcConfig={"SubnetIds": [subnet, other], "SecurityGroupIds": [group]},
        **params,
    )
    with refused("ResourceConflictException"):
        lambda_.create_function(Code={"ZipFile": package()}, **params)
    expected = {
        **params,
        "VpcConfig": {"SubnetIds": [subnet, other], "SecurityGroupIds": [group], "VpcId": vpc},
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
    }
    assert_contains(lambda_.get_function_configuration(FunctionName="fn"), expected)
    lambda_.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=5)
    read = lambda_.get_function(FunctionName=created["FunctionArn"])
    assert_contains(
        read, {"Configuration": expected, "Tags": {"Suffix": "t1"}, "Concurrency": {"ReservedConcurrentExecutions": 5}}
    )
    assert lambda_.get_function_concurrency(FunctionName="fn")["ReservedConcurrentExecutions"] == 5
    assert_contains(lambda_.list_functions()["Functions"], [expected])
    assert lambda_.list_tags(Resource=created["FunctionArn"])["Tags"] == {"Suffix": "t1"}
    changed = {
        "Timeout": 60,
        "MemorySize": 256,
        "Environment": {"Variables": {"C": "d"}},
        "TracingConfig": {"Mode": "PassThrough"},
        "DeadLetterConfig": {"TargetArn": f"{queue}2"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/other"},
        "EphemeralStorage": {"Size": 512},
    }
    lambda_.update_function_configuration(FunctionName="fn", **changed)
    assert_contains(lambda_.get_function_configuration(FunctionName="fn"), {**expected, **changed})
    before = created["CodeSha256"]
    after = lambda_.update_function_code(FunctionName="fn", ZipFile=package("exports.handler = async () => 2"))
    assert after["CodeSha256"] != before
    lambda_.update_function_code(FunctionName="fn", ZipFile=package(), Architectures=["x86_64"])
    assert lambda_.get_function_configuration(FunctionName="fn")["Architectures"] == ["x86_64"]
    with refused("DependencyViolation"):
        ec2.delete_subnet(SubnetId=subnet)
    lambda_.delete_function(FunctionName="fn")
    with refused("ResourceNotFoundException"):
        lambda_.get_function(FunctionName="fn")
    ec2.delete_subnet(SubnetId=subnet)


def test_defaults_and_unknown_runtime(aws, role):
    lambda_ = aws("lambda")
    settings = {"FunctionName": "fn", "Role": role, "Handler": "index.handler", "Code": {"ZipFile": package()}}
    with refused("InvalidParameterValueException"):
        lambda_.create_function(Runtime="nodejs99.x", **settings)
    lambda_.create_function(Runtime="nodejs24.x", **settings)
    assert_contains(
        lambda_.get_function_configuration(FunctionName="fn"),
        {
            "TracingConfig": {"Mode": "PassThrough"},
            "EphemeralStorage": {"Size": 512},
            "Architectures": ["x86_64"],
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/fn"},
            "Runtime": "nodejs24.x",
        },
    )


def test_permissions(aws, role):
    lambda_ = aws("lambda")
    arn = lambda_.create_function(
        FunctionName="fn", Runtime=NODE, Role=role, Handler="index.handler", Code={"ZipFile": package()}
    )["FunctionArn"]
    with refused("ResourceNotFoundException"):
        lambda_.get_policy(FunctionName="fn")
    permission = {
        "StatementId": "alb",
        "Action": "lambda:InvokeFunction",
        "Principal": "elasticloadbalancing.amazonaws.com",
        "SourceArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/a/b",
        "SourceAccount": "123456789012",
    }
    lambda_.add_permission(FunctionName="fn", **permission)
    with refused("ResourceConflictException"):
        lambda_.add_permission(FunctionName="fn", **permission)
    policy = json.loads(lambda_.get_policy(FunctionName="fn")["Policy"])
    assert_contains(
        policy["Statement"],
        [
            {
                "Sid": "alb",
                "Effect": "Allow",
                "Principal": {"Service": "elasticloadbalancing.amazonaws.com"},
                "Action": "lambda:InvokeFunction",
                "Resource": arn,
                "Condition": {
                    "StringEquals": {"AWS:SourceAccount": "123456789012"},
                    "ArnLike": {"AWS:SourceArn": permission["SourceArn"]},
                },
            }
        ],
    )
    lambda_.remove_permission(FunctionName="fn", StatementId="alb")
    with refused("ResourceNotFoundException"):
        lambda_.remove_permission(FunctionName="fn", StatementId="alb")


def test_event_source_mapping(aws, role):
    lambda_ = aws("lambda")
    queue_url = aws("sqs").create_queue(QueueName="q")["QueueUrl"]
    queue = aws("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = lambda_.create_function(
        FunctionName="fn", Runtime=NODE, Role=role, Handler="index.handler", Code={"ZipFile": package()}
    )["FunctionArn"]
    params = {
        "EventSourceArn": queue,
        "BatchSize": 7,
        "MaximumBatchingWindowInSeconds": 3,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 5},
    }
    created = lambda_.create_event_source_mapping(FunctionName="fn", Enabled=False, Tags={"Suffix": "t1"}, **params)
    expected = {**params, "FunctionArn": arn, "State": "Disabled"}
    assert_contains(lambda_.get_event_source_mapping(UUID=created["UUID"]), expected)
    assert lambda_.list_tags(Resource=created["EventSourceMappingArn"])["Tags"] == {"Suffix": "t1"}
    with refused("ResourceConflictException"):
        lambda_.create_event_source_mapping(FunctionName="fn", EventSourceArn=queue)
    lambda_.update_event_source_mapping(
        UUID=created["UUID"], BatchSize=9, Enabled=True, ScalingConfig={"MaximumConcurrency": 3}
    )
    changed = {**expected, "BatchSize": 9, "State": "Enabled", "ScalingConfig": {"MaximumConcurrency": 3}}
    for name in ("fn", arn, "123456789012:function:fn"):
        assert_contains(lambda_.list_event_source_mappings(FunctionName=name)["EventSourceMappings"], [changed])
    assert lambda_.list_event_source_mappings(FunctionName="n")["EventSourceMappings"] == []
    lambda_.delete_event_source_mapping(UUID=created["UUID"])
    with refused("ResourceNotFoundException"):
        lambda_.get_event_source_mapping(UUID=created["UUID"])
