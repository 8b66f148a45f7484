"""Tags of AWS Config's recorder and rules, and scopes that are tags."""

import pytest
from support import TAGS, assert_contains, refused

MORE = [{"Key": "More", "Value": "x"}]
OTHERS = [{"Key": "Suffix", "Value": "other"}]
RECORDER = {"name": "default", "roleARN": "arn:aws:iam::123456789012:role/config"}
RULE = {"ConfigRuleName": "r", "Source": {"Owner": "AWS", "SourceIdentifier": "RDS_STORAGE_ENCRYPTED"}}


@pytest.fixture
def config(aws):
    return aws("config")


def test_recorder_has_an_arn_and_tags(aws, config):
    config.put_configuration_recorder(ConfigurationRecorder=RECORDER, Tags=TAGS)
    arn = _recorder(config)["arn"]
    assert arn.startswith("arn:aws:config:us-east-1:123456789012:configuration-recorder/default/")
    config.put_configuration_recorder(ConfigurationRecorder={**RECORDER, "roleARN": "arn:x"}, Tags=OTHERS)
    assert_contains(_recorder(config), {"arn": arn, "roleARN": "arn:x"})
    assert_contains(_tags(config, arn), TAGS)
    config.tag_resource(ResourceArn=arn, Tags=MORE)
    assert_contains(_tags(config, arn), TAGS + MORE)
    found = aws("resourcegroupstaggingapi").get_resources(TagFilters=[{"Key": "More"}])["ResourceTagMappingList"]
    assert [one["ResourceARN"] for one in found] == [arn]
    config.untag_resource(ResourceArn=arn, TagKeys=["More"])
    assert_contains(_tags(config, arn), TAGS)


def test_recreated_recorder_has_a_new_arn(config):
    config.put_configuration_recorder(ConfigurationRecorder=RECORDER, Tags=TAGS)
    arn = _recorder(config)["arn"]
    config.delete_configuration_recorder(ConfigurationRecorderName="default")
    with refused("ResourceNotFoundException"):
        _tags(config, arn)
    config.put_configuration_recorder(ConfigurationRecorder=RECORDER)
    assert _recorder(config)["arn"] != arn and _tags(config, _recorder(config)["arn"]) == []


def test_rule_update_ignores_tags(config):
    config.put_config_rule(ConfigRule=RULE, Tags=TAGS)
    config.put_config_rule(ConfigRule={**RULE, "Description": "d"})
    config.put_config_rule(ConfigRule={**RULE, "Description": "e"}, Tags=OTHERS)
    rule = config.describe_config_rules()["ConfigRules"][0]
    assert rule["Description"] == "e"
    assert_contains(_tags(config, rule["ConfigRuleArn"]), TAGS)


def test_rule_with_tag_scope_reads_back(config):
    for scope in ({"TagKey": "Suffix", "TagValue": "t1"}, {"TagKey": "Suffix"}):
        config.put_config_rule(ConfigRule={**RULE, "Scope": scope})
        assert config.describe_config_rules()["ConfigRules"][0]["Scope"] == scope


def test_refused_update_changes_nothing(config):
    config.put_config_rule(ConfigRule=RULE, Tags=TAGS)
    before = config.describe_config_rules()["ConfigRules"]
    with refused("InvalidParameterValueException"):
        config.put_config_rule(ConfigRule={**RULE, "Description": "d", "InputParameters": "{"})
    assert config.describe_config_rules()["ConfigRules"] == before


def _recorder(config):
    return config.describe_configuration_recorders()["ConfigurationRecorders"][0]


def _tags(config, arn):
    return config.list_tags_for_resource(ResourceArn=arn)["Tags"]
