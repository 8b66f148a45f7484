"""Queues and topics."""

import json

from support import POLICY, TAGS, assert_contains, refused


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
    assert_contains(read, {k: v for k, v in attributes.items() if k != "Policy"})
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == TAGS
    sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="New")
    assert sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"] == "New"
    pending = sns.subscribe(TopicArn=arn, Protocol="email", Endpoint="ops@pay.test")["SubscriptionArn"]
    assert pending == "pending confirmation"
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert_contains(
        listed, [{"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": "ops@pay.test"}]
    )
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
