"""What the tests of payments do in AWS, through boto3: `payments.py FUNCTION ARGUMENTS` prints its result as JSON."""

import json
import sys
import time
from functools import cache

import boto3


@cache
def aws(service, region=None):
    """A client. Each costs a tenth of a second, and what is called here needs one or two."""
    return boto3.client(service, region_name=region)


def eventually(look, seconds=60):
    """What `look` gives once that is something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.1)
    return found


# Functions


def invoke(function, event):
    answer = aws("lambda").invoke(FunctionName=function, Payload=event)
    payload = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, payload
    return payload


def pause(function):
    """Its queue delivers nothing to it until `resume`."""
    _consume(function, False)


def resume(function):
    _consume(function, True)


def _consume(function, enabled):
    (mapping,) = aws("lambda").list_event_source_mappings(FunctionName=function)["EventSourceMappings"]
    aws("lambda").update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
    wanted = "Enabled" if enabled else "Disabled"
    eventually(lambda: aws("lambda").get_event_source_mapping(UUID=mapping["UUID"])["State"] == wanted)


# Secrets


def credentials(function):
    """What the secret of the function's database holds."""
    variables = aws("lambda").get_function_configuration(FunctionName=function)["Environment"]["Variables"]
    return read_secret(variables["DB_SECRET_ARN"])


def read_secret(secret):
    return json.loads(aws("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])


def rotate(secret):
    """Rotates and waits for the end; gives what was current and what is."""
    before = read_secret(secret)
    version = aws("secretsmanager").rotate_secret(SecretId=secret)["VersionId"]
    stages = lambda: aws("secretsmanager").describe_secret(SecretId=secret)["VersionIdsToStages"]
    eventually(lambda: "AWSCURRENT" in stages()[version])
    return {"before": before, "after": read_secret(secret)}


# Queues


def send(queue, body):
    aws("sqs").send_message(QueueUrl=queue, MessageBody=body)


def drained(queue):
    """Waits until nothing is in the queue, neither waiting nor being worked on."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]

    def is_empty():
        counts = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
        return all(counts[name] == "0" for name in names)

    eventually(is_empty)


def take(queue, key):
    """Takes the one message of this idempotency key out of the queue; gives its body and attributes."""
    received = aws("sqs").receive_message(QueueUrl=queue, MessageAttributeNames=["All"], WaitTimeSeconds=5)["Messages"]
    (message,) = received
    assert message["MessageAttributes"]["IdempotencyKey"]["StringValue"] == key
    aws("sqs").delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return {"body": message["Body"], "attributes": message["MessageAttributes"]}


def put_back(queue, message, times):
    """The same message, as often as said."""
    message = json.loads(message)
    for _ in range(int(times)):
        aws("sqs").send_message(QueueUrl=queue, MessageBody=message["body"], MessageAttributes=message["attributes"])


def dead_letters(queue):
    attributes = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["RedrivePolicy"])["Attributes"]
    name = json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"].rsplit(":", 1)[1]
    return aws("sqs").get_queue_url(QueueName=name)["QueueUrl"]


def dead(queue, body):
    """Waits until a message with this body is in the dead-letter queue."""
    eventually(lambda: body in _bodies(dead_letters(queue)))


def _bodies(queue):
    received = aws("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return [message["Body"] for message in received.get("Messages", [])]


# Logs


def logged(group, key):
    """The values of `key` in a log's JSON lines, in order."""
    events = aws("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    lines = [json.loads(event["message"]) for page in events for event in page["events"]]
    return [line[key] for line in lines if key in line]


def ran():
    """The log groups of the functions that have run at least once."""
    logs = aws("logs")
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix="/aws/lambda/")
    names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
    return [name for name in names if logs.describe_log_streams(logGroupName=name)["logStreams"]]


def traces(*texts):
    """Where any of these texts is in a log or in a queue, and how much was looked at."""
    looked = {"events": 0, "queues": 0}
    found = []
    for region in ("us-east-1", "us-east-2"):
        logs = aws("logs", region)
        for groups in logs.get_paginator("describe_log_groups").paginate():
            for group in groups["logGroups"]:
                for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"]):
                    looked["events"] += len(page["events"])
                    found += [e["message"] for e in page["events"] if any(text in e["message"] for text in texts)]
    for queue in aws("sqs").list_queues()["QueueUrls"]:
        looked["queues"] += 1
        found += [body for body in _bodies(queue) if any(text in body for text in texts)]
    return looked | {"found": found}


# Traffic


def _listeners():
    """Those that forward by weight."""
    for balancer in aws("elbv2").describe_load_balancers()["LoadBalancers"]:
        for listener in aws("elbv2").describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
            (action,) = listener["DefaultActions"]
            # Others lead to one environment alone.
            if listener["Port"] == 443 and len(action.get("ForwardConfig", {}).get("TargetGroups", [])) > 1:
                yield balancer["LoadBalancerName"], listener


def _shares(listener):
    (action,) = listener["DefaultActions"]
    # A target group's ARN has its name in it: to-green-…
    colors = {"blue": "/to-blue-", "green": "/to-green-"}
    groups = action["ForwardConfig"]["TargetGroups"]
    return {
        color: group["Weight"] for group in groups for color, part in colors.items() if part in group["TargetGroupArn"]
    }


def _zone(name):
    zones = aws("route53").list_hosted_zones()["HostedZones"]
    (zone,) = [zone["Id"] for zone in zones if f"{name}.".endswith(f".{zone['Name']}")]
    records = aws("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return zone, [record for record in records if record["Name"] == f"{name}."]


def weights(name):
    """The weights of all listeners, and of the records of this name."""
    _, records = _zone(name)
    return {
        "listeners": {balancer: _shares(listener) for balancer, listener in _listeners()},
        "records": {record["SetIdentifier"]: record["Weight"] for record in records},
    }


def shift(name, blue, green):
    """Sets the weights of all listeners and records."""
    wanted = {"blue": int(blue), "green": int(green)}
    for _, listener in _listeners():
        (action,) = listener["DefaultActions"]
        for group, color in zip(action["ForwardConfig"]["TargetGroups"], _shares(listener), strict=True):
            group["Weight"] = wanted[color]
        action.pop("TargetGroupArn", None)
        aws("elbv2").modify_listener(ListenerArn=listener["ListenerArn"], DefaultActions=[action])
    zone, records = _zone(name)
    changes = [
        {"Action": "UPSERT", "ResourceRecordSet": record | {"Weight": wanted[record["SetIdentifier"]]}}
        for record in records
    ]
    aws("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


# Alarms


def listen(topic):
    """A queue that gets what is published to the topic; gives its URL."""
    (arn,) = [t["TopicArn"] for t in aws("sns").list_topics()["Topics"] if t["TopicArn"].endswith(f":{topic}")]
    queue = aws("sqs").create_queue(QueueName="listener")["QueueUrl"]
    endpoint = aws("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    aws("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=endpoint)
    return queue


def heard(queue):
    """The first message that comes: its subject and its text."""
    envelope = json.loads(eventually(lambda: _bodies(queue))[0])
    return {"subject": envelope["Subject"], "message": json.loads(envelope["Message"])}


def sound(composite):
    """Sets the first alarm that the composite alarm is made of off; gives its name."""
    named = {"AlarmNames": [composite], "AlarmTypes": ["CompositeAlarm"]}
    (alarm,) = aws("cloudwatch").describe_alarms(**named)["CompositeAlarms"]
    child = alarm["AlarmRule"].split('"')[1]
    aws("cloudwatch").set_alarm_state(AlarmName=child, StateValue="ALARM", StateReason="customers suffer")
    return child


def returned(name):
    """Waits until all weights are blue's again; gives after how many seconds."""
    started = time.monotonic()
    blue = {"blue": 100, "green": 0}

    def is_blue():
        now = weights(name)
        return now["records"] == blue and all(shares == blue for shares in now["listeners"].values())

    eventually(is_blue)
    return time.monotonic() - started


if __name__ == "__main__":
    _, name, *arguments = sys.argv
    print(json.dumps(globals()[name](*arguments)))
