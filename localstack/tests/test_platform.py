"""Keys, queues, topics, secrets, parameters, roles, buckets, names and backups."""

import json

from support import TAGS, assert_holds, refused

POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "a",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "*",
            "Resource": "*",
        }
    ],
}


def test_kms(aws):
    kms = aws("kms")
    tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in TAGS]
    key = kms.create_key(Description="d", MultiRegion=True, Policy=json.dumps(POLICY), Tags=tags)["KeyMetadata"]
    assert key["MultiRegion"] and key["KeyId"].startswith("mrk-")
    kms.enable_key_rotation(KeyId=key["KeyId"], RotationPeriodInDays=180)
    assert_holds(
        kms.get_key_rotation_status(KeyId=key["Arn"]), {"KeyRotationEnabled": True, "RotationPeriodInDays": 180}
    )
    assert json.loads(kms.get_key_policy(KeyId=key["Arn"], PolicyName="default")["Policy"]) == POLICY
    assert kms.list_resource_tags(KeyId=key["KeyId"])["Tags"] == tags
    kms.create_alias(AliasName="alias/a", TargetKeyId=key["Arn"])
    with refused("AlreadyExistsException"):
        kms.create_alias(AliasName="alias/a", TargetKeyId=key["KeyId"])
    assert_holds(
        kms.list_aliases(KeyId=key["KeyId"])["Aliases"], [{"AliasName": "alias/a", "TargetKeyId": key["KeyId"]}]
    )
    assert kms.describe_key(KeyId="alias/a")["KeyMetadata"]["Arn"] == key["Arn"]
    kms.replicate_key(
        KeyId=key["Arn"], ReplicaRegion="us-east-2", Description="dr", Tags=tags, Policy=json.dumps(POLICY)
    )
    dr = aws("kms", "us-east-2")
    replica = dr.describe_key(KeyId=key["KeyId"])["KeyMetadata"]
    assert_holds(
        replica,
        {
            "MultiRegionConfiguration": {"MultiRegionKeyType": "REPLICA", "PrimaryKey": {"Region": "us-east-1"}},
            "Description": "dr",
        },
    )
    assert dr.list_resource_tags(KeyId=replica["Arn"])["Tags"] == tags
    with refused("AlreadyExistsException"):
        kms.replicate_key(KeyId=key["KeyId"], ReplicaRegion="us-east-2")
    encrypted = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"x")["CiphertextBlob"]
    assert dr.decrypt(CiphertextBlob=encrypted, KeyId=replica["Arn"])["Plaintext"] == b"x"
    kms.delete_alias(AliasName="alias/a")
    dr.schedule_key_deletion(KeyId=replica["Arn"], PendingWindowInDays=7)
    kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    assert kms.describe_key(KeyId=key["Arn"])["KeyMetadata"]["KeyState"] in (
        "PendingDeletion",
        "PendingReplicaDeletion",
    )
    with refused("KMSInvalidStateException"):
        kms.schedule_key_deletion(KeyId=key["Arn"], PendingWindowInDays=7)
    with refused("NotFoundException"):
        kms.describe_key(KeyId="00000000-0000-0000-0000-000000000000")


def test_sqs(aws):
    sqs = aws("sqs")
    attributes = {
        "VisibilityTimeout": "180",
        "MessageRetentionPeriod": "1209600",
        "ReceiveMessageWaitTimeSeconds": "20",
        "KmsMasterKeyId": "alias/a",
        "KmsDataKeyReusePeriodSeconds": "300",
        "RedrivePolicy": json.dumps(
            {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:123456789012:dead", "maxReceiveCount": 5}
        ),
        "Policy": json.dumps(POLICY),
    }
    sqs.create_queue(QueueName="dead", Attributes={"RedriveAllowPolicy": json.dumps({"redrivePermission": "allowAll"})})
    url = sqs.create_queue(QueueName="main", Attributes=attributes, tags={"Suffix": "t1"})["QueueUrl"]
    assert sqs.create_queue(QueueName="main", Attributes=attributes, tags={"Suffix": "t1"})["QueueUrl"] == url
    with refused("QueueAlreadyExists"):
        sqs.create_queue(QueueName="main", Attributes={**attributes, "VisibilityTimeout": "1"})
    read = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    for name, value in attributes.items():
        same = json.loads(read[name]) == json.loads(value) if value.startswith("{") else read[name] == value
        assert same, name
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "60"})
    read = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert json.loads(read["Policy"]) == POLICY and read["VisibilityTimeout"] == "60"
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    assert "Policy" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"Suffix": "t1"}
    dead = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    read = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    assert json.loads(read["RedriveAllowPolicy"]) == {"redrivePermission": "allowAll"}
    sqs.delete_queue(QueueUrl=url)
    with refused("AWS.SimpleQueueService.NonExistentQueue"):
        sqs.get_queue_url(QueueName="main")
    sqs.create_queue(QueueName="main")


def test_sns(aws):
    sns = aws("sns")
    attributes = {
        "KmsMasterKeyId": "alias/a",
        "DisplayName": "Alerts",
        "Policy": json.dumps(POLICY),
        "LambdaFailureFeedbackRoleArn": "arn:aws:iam::123456789012:role/r",
        "LambdaSuccessFeedbackSampleRate": "100",
        "SignatureVersion": "2",
        "TracingConfig": "Active",
    }
    arn = sns.create_topic(Name="t", Attributes=attributes, Tags=TAGS)["TopicArn"]
    read = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert json.loads(read["Policy"]) == POLICY
    assert_holds(read, {k: v for k, v in attributes.items() if k != "Policy"})
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == TAGS
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="New")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "New"
    pending = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@pay.test")["SubscriptionArn"]
    assert pending == "pending confirmation"
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert_holds(listed, [{"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ops@pay.test"}])
    full = sns.subscribe(
        TopicArn=arn,
        Protocol="sqs",
        Endpoint="arn:aws:sqs:us-east-1:123456789012:q",
        Attributes={"RawMessageDelivery": "true"},
    )["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=full)["Attributes"]["RawMessageDelivery"] == "true"
    sns.delete_topic(TopicArn=arn)
    assert not sns.list_subscriptions()["Subscriptions"]
    with refused("NotFound"):
        sns.get_topic_attributes(TopicArn=arn)


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
    assert_holds(
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
    assert_holds(secrets.describe_secret(SecretId=other), {"Description": "changed", "KmsKeyId": key})
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
    assert_holds(
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
    assert_holds(
        ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": ["/a"]}])[
            "Parameters"
        ],
        [{"Name": "/a/b", "Type": "SecureString", "KeyId": key, "Tier": "Advanced", "Description": "d", "Version": 1}],
    )
    assert_holds(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/b")["TagList"], TAGS)
    ssm.put_parameter(Name="/a/b", Value="w", Type="SecureString", KeyId=key, Tier="Advanced", Overwrite=True)
    read = ssm.get_parameters_by_path(Path="/a", Recursive=True, WithDecryption=True)["Parameters"]
    assert_holds(read, [{"Name": "/a/b", "Value": "w", "Version": 2}])
    assert_holds(ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId="/a/b")["TagList"], TAGS)
    ssm.delete_parameter(Name="/a/b")
    with refused("ParameterNotFound"):
        ssm.delete_parameter(Name="/a/b")


def test_iam(aws):
    iam = aws("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]}
    policy = iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(document), Description="d", Tags=TAGS)[
        "Policy"
    ]["Arn"]
    with refused("EntityAlreadyExists"):
        iam.create_policy(PolicyName="p", PolicyDocument=json.dumps(document))
    settings = {"Description": "d", "MaxSessionDuration": 7200, "Path": "/pay/"}
    iam.create_role(
        RoleName="r", AssumeRolePolicyDocument=json.dumps(trust), PermissionsBoundary=policy, Tags=TAGS, **settings
    )
    iam.put_role_policy(RoleName="r", PolicyName="inline", PolicyDocument=json.dumps(document))
    iam.attach_role_policy(RoleName="r", PolicyArn=policy)
    iam.attach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/service-role/AWS_ConfigRole")
    expected = {**settings, "Tags": TAGS, "PermissionsBoundary": {"PermissionsBoundaryArn": policy}}
    role = iam.get_role(RoleName="r")["Role"]
    assert_holds(role, expected)
    assert role["AssumeRolePolicyDocument"] == trust
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role", "LocalManagedPolicy"])
    details = [page for page in pages]
    roles = [r for page in details for r in page["RoleDetailList"] if r["RoleName"] == "r"]
    assert_holds(
        roles,
        [
            {
                "Path": "/pay/",
                "Tags": TAGS,
                "PermissionsBoundary": {"PermissionsBoundaryArn": policy},
                "RolePolicyList": [{"PolicyName": "inline", "PolicyDocument": document}],
                "AttachedManagedPolicies": [{"PolicyName": "p"}, {"PolicyName": "AWS_ConfigRole"}],
                "AssumeRolePolicyDocument": trust,
            }
        ],
    )
    policies = [p for page in details for p in page["Policies"]]
    assert_holds(
        policies,
        [
            {
                "PolicyName": "p",
                "DefaultVersionId": "v1",
                "PolicyVersionList": [{"Document": document, "IsDefaultVersion": True}],
            }
        ],
    )
    assert_holds(iam.list_policy_tags(PolicyArn=policy)["Tags"], TAGS)
    iam.update_role(RoleName="r", Description="new", MaxSessionDuration=3600)
    assert_holds(iam.get_role(RoleName="r")["Role"], {"Description": "new", "MaxSessionDuration": 3600})
    with refused("DeleteConflict"):
        iam.delete_role(RoleName="r")
    with refused("DeleteConflict"):
        iam.delete_policy(PolicyArn=policy)
    iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    with refused("NoSuchEntity"):
        iam.detach_role_policy(RoleName="r", PolicyArn=policy)
    iam.detach_role_policy(RoleName="r", PolicyArn="arn:aws:iam::aws:policy/service-role/AWS_ConfigRole")
    with refused("DeleteConflict"):
        iam.delete_role(RoleName="r")
    iam.delete_role_policy(RoleName="r", PolicyName="inline")
    iam.delete_role(RoleName="r")
    iam.delete_policy(PolicyArn=policy)


def test_bucket(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="target")
    s3.create_bucket(Bucket="bucket", ObjectOwnership="BucketOwnerEnforced")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": "arn:aws:s3:::target/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    deny["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": ["s3:PutObject"],
            "Resource": "arn:aws:s3:::target/*",
        }
    )
    s3.put_bucket_policy(Bucket="target", Policy=json.dumps(deny))
    assert json.loads(s3.get_bucket_policy(Bucket="target")["Policy"]) == deny
    encryption = {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"},
                "BucketKeyEnabled": True,
            }
        ]
    }
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration=encryption)
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration=block)
    lifecycle = {
        "Rules": [
            {
                "ID": "old",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            }
        ]
    }
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration=lifecycle)
    s3.put_bucket_logging(
        Bucket="bucket", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "target", "TargetPrefix": "x/"}}
    )
    s3.put_bucket_notification_configuration(
        Bucket="bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": TAGS})
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
    assert_holds(s3.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"], encryption)
    assert s3.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"] == block
    assert_holds(s3.get_bucket_lifecycle_configuration(Bucket="bucket"), lifecycle)
    assert_holds(
        s3.get_bucket_logging(Bucket="bucket"), {"LoggingEnabled": {"TargetBucket": "target", "TargetPrefix": "x/"}}
    )
    assert s3.get_bucket_ownership_controls(Bucket="bucket")["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="bucket")
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == TAGS
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket="bucket")
    s3.delete_object(Bucket="bucket", Key="k")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket="bucket")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket="target", Key="lock", Body=b"1")
        s3.put_object(Bucket="target", Key="lock", Body=b"2", IfNoneMatch="*")
    with refused("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket="target")


def test_route53(aws):
    route53 = aws("route53")
    zone = route53.create_hosted_zone(
        Name="pay.test.", CallerReference="1", HostedZoneConfig={"Comment": "c", "PrivateZone": False}
    )["HostedZone"]["Id"]
    assert len(route53.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]) == 4
    check_config = {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "x.test",
        "Port": 443,
        "ResourcePath": "/health",
        "RequestInterval": 10,
        "FailureThreshold": 3,
        "EnableSNI": True,
        "MeasureLatency": True,
    }
    check = route53.create_health_check(CallerReference="c", HealthCheckConfig=check_config)["HealthCheck"]["Id"]
    assert (
        route53.create_health_check(CallerReference="c", HealthCheckConfig=check_config)["HealthCheck"]["Id"] == check
    )
    assert_holds(route53.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"], check_config)
    route53.update_health_check(HealthCheckId=check, FailureThreshold=2)
    assert route53.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"]["FailureThreshold"] == 2
    weighted = {
        "Name": "api.pay.test.",
        "Type": "A",
        "SetIdentifier": "blue",
        "Weight": 255,
        "HealthCheckId": check,
        "AliasTarget": {
            "HostedZoneId": "Z35SXDOTRQ7X7K",
            "DNSName": "edge.us-east-1.elb.amazonaws.com.",
            "EvaluateTargetHealth": False,
        },
    }
    failover = {
        "Name": "f.pay.test.",
        "Type": "CNAME",
        "SetIdentifier": "p",
        "Failover": "PRIMARY",
        "TTL": 60,
        "ResourceRecords": [{"Value": "x.test"}],
        "HealthCheckId": check,
    }

    def changes(*changes):
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        return route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]

    def change(action, record):
        return changes((action, record))

    info = change("CREATE", weighted)
    assert route53.get_change(Id=info["Id"])["ChangeInfo"]["Status"] == "INSYNC"
    change("CREATE", failover)
    with refused("InvalidChangeBatch"):
        change("CREATE", weighted)
    with refused("InvalidChangeBatch"):
        change("DELETE", {**weighted, "Weight": 3})
    # Exchanged as a whole, and only if it is as it is told.
    other = {**weighted, "Weight": 3}
    changes(("DELETE", weighted), ("CREATE", other))
    changes(("DELETE", other), ("CREATE", weighted))
    with refused("InvalidChangeBatch"):
        changes(("DELETE", other), ("CREATE", weighted))
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert_holds([r for r in listed if r["Type"] not in ("NS", "SOA")], [weighted, failover])
    with refused("HostedZoneNotEmpty"):
        route53.delete_hosted_zone(Id=zone)
    change("UPSERT", {**weighted, "Weight": 0})
    zone_id = zone.rpartition("/")[2]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, AddTags=TAGS)
    sets = route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[zone_id])["ResourceTagSets"]
    assert_holds(sets, [{"ResourceId": zone_id, "Tags": TAGS}])
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/pay.test"
    aws("logs").create_log_group(logGroupName="/aws/route53/pay.test")
    logging = route53.create_query_logging_config(HostedZoneId=zone_id, CloudWatchLogsLogGroupArn=group)[
        "QueryLoggingConfig"
    ]["Id"]
    with refused("QueryLoggingConfigAlreadyExists"):
        route53.create_query_logging_config(HostedZoneId=zone_id, CloudWatchLogsLogGroupArn=group)
    assert_holds(
        route53.list_query_logging_configs(HostedZoneId=zone_id)["QueryLoggingConfigs"],
        [{"Id": logging, "HostedZoneId": zone_id, "CloudWatchLogsLogGroupArn": group}],
    )
    route53.delete_query_logging_config(Id=logging)
    change("DELETE", {**weighted, "Weight": 0})
    change("DELETE", failover)
    route53.delete_hosted_zone(Id=zone)
    with refused("NoSuchHostedZone"):
        route53.get_hosted_zone(Id=zone)
    route53.delete_health_check(HealthCheckId=check)


def test_backup(aws):
    backup = aws("backup")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    backup.create_backup_vault(BackupVaultName="v", EncryptionKeyArn=key, BackupVaultTags={"Suffix": "t1"})
    assert_holds(backup.describe_backup_vault(BackupVaultName="v"), {"EncryptionKeyArn": key})
    backup.put_backup_vault_access_policy(BackupVaultName="v", Policy=json.dumps(POLICY))
    assert json.loads(backup.get_backup_vault_access_policy(BackupVaultName="v")["Policy"]) == POLICY
    rule = {
        "RuleName": "daily",
        "TargetBackupVaultName": "v",
        "ScheduleExpression": "cron(0 5 * * ? *)",
        "StartWindowMinutes": 60,
        "CompletionWindowMinutes": 180,
        "Lifecycle": {"DeleteAfterDays": 7},
    }
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [rule]})["BackupPlanId"]
    assert_holds(backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"], {"BackupPlanName": "p", "Rules": [rule]})
    selection = {
        "SelectionName": "s",
        "IamRoleArn": "arn:aws:iam::123456789012:role/r",
        "Resources": ["arn:aws:rds:us-east-1:123456789012:cluster:c"],
    }
    made = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection, CreatorRequestId="1")[
        "SelectionId"
    ]
    assert_holds(backup.get_backup_selection(BackupPlanId=plan, SelectionId=made)["BackupSelection"], selection)
    assert_holds(
        backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"],
        [{"SelectionId": made, "SelectionName": "s"}],
    )
    with refused("InvalidRequestException"):
        backup.delete_backup_plan(BackupPlanId=plan)
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=made)
    backup.delete_backup_plan(BackupPlanId=plan)
    backup.delete_backup_vault_access_policy(BackupVaultName="v")
    backup.create_backup_vault(BackupVaultName="plain")
    assert len(backup.list_backup_vaults()["BackupVaultList"]) == 2
    backup.delete_backup_vault(BackupVaultName="v")
