"""Hosted zones, records, query logging and health checks."""

from support import TAGS, assert_contains, refused


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
    assert_contains(route53.get_health_check(HealthCheckId=check)["HealthCheck"]["HealthCheckConfig"], check_config)
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
    # A record is replaced as a whole, and only by its current values.
    other = {**weighted, "Weight": 3}
    changes(("DELETE", weighted), ("CREATE", other))
    changes(("DELETE", other), ("CREATE", weighted))
    with refused("InvalidChangeBatch"):
        changes(("DELETE", other), ("CREATE", weighted))
    listed = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert_contains([r for r in listed if r["Type"] not in ("NS", "SOA")], [weighted, failover])
    with refused("HostedZoneNotEmpty"):
        route53.delete_hosted_zone(Id=zone)
    change("UPSERT", {**weighted, "Weight": 0})
    zone_id = zone.rpartition("/")[2]
    route53.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zone_id, AddTags=TAGS)
    sets = route53.list_tags_for_resources(ResourceType="hostedzone", ResourceIds=[zone_id])["ResourceTagSets"]
    assert_contains(sets, [{"ResourceId": zone_id, "Tags": TAGS}])
    group = "arn:aws:logs:us-east-1:123456789012:log-group:/aws/route53/pay.test"
    aws("logs").create_log_group(logGroupName="/aws/route53/pay.test")
    logging = route53.create_query_logging_config(HostedZoneId=zone_id, CloudWatchLogsLogGroupArn=group)[
        "QueryLoggingConfig"
    ]["Id"]
    with refused("QueryLoggingConfigAlreadyExists"):
        route53.create_query_logging_config(HostedZoneId=zone_id, CloudWatchLogsLogGroupArn=group)
    assert_contains(
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


def test_set_identifiers_are_unique_per_name_and_type(aws):
    route53 = aws("route53")
    zone = route53.create_hosted_zone(Name="pay.test.", CallerReference="1")["HostedZone"]["Id"]

    def record(name, identifier, **routing):
        values = {"TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        return {"Name": f"{name}.pay.test.", "Type": "A", "SetIdentifier": identifier, **routing, **values}

    def change(action, *records):
        changes = [{"Action": action, "ResourceRecordSet": one} for one in records]
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})

    blue, green = record("live", "blue", Weight=1), record("live", "green", Weight=1)
    other = record("pay", "blue", Failover="SECONDARY")
    change("CREATE", blue, green, other)
    change("DELETE", blue)
    sets = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    left = {(one["Name"], one["SetIdentifier"]) for one in sets if "SetIdentifier" in one}
    assert left == {("live.pay.test.", "green"), ("pay.pay.test.", "blue")}
    change("DELETE", green, other)
    route53.delete_hosted_zone(Id=zone)
