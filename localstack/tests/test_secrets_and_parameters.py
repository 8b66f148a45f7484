"""Secrets of Secrets Manager and parameters of SSM."""

import json

from support import POLICY, TAGS, assert_contains, refused


def test_secrets(aws):
    secrets = aws("secretsmanager")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    arn = secrets.create_secret(
        Name="s", Description="d", KmsKeyId=key, SecretString="{}", Tags=TAGS, ClientRequestToken="a" * 32
    )["ARN"]
    assert (
        secrets.create_secret(
            Name="s", Description="d", KmsKeyId=key, SecretString="{}", Tags=TAGS, ClientRequestToken="a" * 32
        )["ARN"]
        == arn
    )
    with refused("ResourceExistsException"):
        secrets.create_secret(Name="s", SecretString="other", ClientRequestToken="b" * 32)
    secrets.put_resource_policy(SecretId=arn, ResourcePolicy=json.dumps(POLICY))
    secrets.replicate_secret_to_regions(SecretId=arn, AddReplicaRegions=[{"Region": "us-east-2"}])
    read = secrets.describe_secret(SecretId="s")
    assert_contains(
        read,
        {
            "Description": "d",
            "KmsKeyId": key,
            "Tags": TAGS,
            "ReplicationStatus": [{"Region": "us-east-2", "Status": "InSync"}],
        },
    )
    assert json.loads(secrets.get_resource_policy(SecretId=arn)["ResourcePolicy"]) == POLICY
    assert aws("secretsmanager", "us-east-2").get_secret_value(SecretId="s")["SecretString"] == "{}"
    other = secrets.create_secret(Name="s2", SecretString="{}")["ARN"]
    secrets.update_secret(SecretId=other, Description="changed", KmsKeyId=key)
    assert_contains(secrets.describe_secret(SecretId=other), {"Description": "changed", "KmsKeyId": key})
    secrets.remove_regions_from_replication(SecretId=arn, RemoveReplicaRegions=["us-east-2"])
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    with refused("ResourceNotFoundException"):
        secrets.describe_secret(SecretId=arn)
    secrets.create_secret(Name="s", SecretString="again")
    assert len(secrets.get_random_password(PasswordLength=40, ExcludePunctuation=True)["RandomPassword"]) == 40


def test_rotation(aws):
    from test_lambda import package

    trust = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
            ],
        }
    )
    role = aws("iam").create_role(RoleName="fn", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    function = aws("lambda").create_function(
        FunctionName="rot", Runtime="nodejs22.x", Role=role, Handler="index.handler", Code={"ZipFile": package()}
    )["FunctionArn"]
    aws("lambda").add_permission(
        FunctionName="rot", StatementId="s", Action="lambda:InvokeFunction", Principal="secretsmanager.amazonaws.com"
    )
    secrets = aws("secretsmanager")
    arn = secrets.create_secret(Name="s", SecretString="{}")["ARN"]
    rules = {"ScheduleExpression": "rate(30 days)", "Duration": "2h"}
    secrets.rotate_secret(SecretId=arn, RotationLambdaARN=function, RotationRules=rules, RotateImmediately=False)
    assert_contains(
        secrets.describe_secret(SecretId=arn),
        {"RotationEnabled": True, "RotationLambdaARN": function, "RotationRules": rules},
    )


def test_ssm(aws):
    ssm = aws("ssm")
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    ssm.put_parameter(
        Name="/a/b", Value="v", Type="SecureString", KeyId=key, Tier="Advanced", Description="d", Tags=TAGS
    )
    with refused("ParameterAlreadyExists"):
        ssm.put_parameter(Name="/a/b", Value="v", Type="SecureString", KeyId=key)
    assert ssm.get_parameter(Name="/a/b", WithDecryption=True)["Parameter"]["Value"] == "v"
    assert_contains(
        ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": ["/a"]}])[
            "Parameters"
        ],
        [{"Name": "/a/b", "Type": "SecureString", "KeyId": key, "Tier": "Advanced", "Description": "d", "Version": 1}],
    )
    assert_contains(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/b")["TagList"], TAGS)
    ssm.put_parameter(Name="/a/b", Value="w", Type="SecureString", KeyId=key, Tier="Advanced", Overwrite=True)
    read = ssm.get_parameters_by_path(Path="/a", Recursive=True, WithDecryption=True)["Parameters"]
    assert_contains(read, [{"Name": "/a/b", "Value": "w", "Version": 2}])
    assert_contains(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/b")["TagList"], TAGS)
    ssm.delete_parameter(Name="/a/b")
    with refused("ParameterNotFound"):
        ssm.delete_parameter(Name="/a/b")
