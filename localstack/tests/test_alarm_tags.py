from support import TAGS


def test_deleting_an_alarm_deletes_its_tags(aws):
    cloudwatch = aws("cloudwatch")
    metric = {"Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1}
    compared = {"Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
    cloudwatch.put_metric_alarm(AlarmName="plain", **metric, **compared, Tags=TAGS)
    cloudwatch.put_composite_alarm(AlarmName="composite", AlarmRule="ALARM(plain)", Tags=TAGS)
    assert len(_tagged(aws)) == 2
    cloudwatch.delete_alarms(AlarmNames=["composite"])
    cloudwatch.delete_alarms(AlarmNames=["plain"])
    assert _tagged(aws) == []


def _tagged(aws):
    return aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Suffix"}])["ResourceTagMappingList"]
