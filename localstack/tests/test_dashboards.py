"""Dashboards: global, and tagged."""

import json

from support import TAGS, assert_contains, refused

ARN = "arn:aws:cloudwatch::123456789012:dashboard/d"
BODY = json.dumps({"widgets": []})


def test_dashboards_are_global(aws):
    aws("cloudwatch", "us-east-2").put_dashboard(DashboardName="d", DashboardBody=BODY, Tags=TAGS)
    for region in ("us-east-1", "us-east-2", "us-west-2"):
        cloudwatch = aws("cloudwatch", region)
        assert cloudwatch.get_dashboard(DashboardName="d")["DashboardBody"] == BODY
        assert_contains(cloudwatch.list_tags_for_resource(ResourceARN=ARN)["Tags"], TAGS)


def test_tags(aws):
    cloudwatch = aws("cloudwatch")
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY, Tags=TAGS)
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY, Tags=[{"Key": "Suffix", "Value": "other"}])
    more = [{"Key": "More", "Value": "x"}]
    cloudwatch.tag_resource(ResourceARN=ARN, Tags=more)
    assert_contains(cloudwatch.list_tags_for_resource(ResourceARN=ARN)["Tags"], TAGS + more)
    cloudwatch.untag_resource(ResourceARN=ARN, TagKeys=["More"])
    found = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "Suffix"}])["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in found] == [ARN]
    cloudwatch.delete_dashboards(DashboardNames=["d"])
    with refused("ResourceNotFoundException"):
        cloudwatch.list_tags_for_resource(ResourceARN=ARN)
    cloudwatch.put_dashboard(DashboardName="d", DashboardBody=BODY)
    assert cloudwatch.list_tags_for_resource(ResourceARN=ARN)["Tags"] == []
