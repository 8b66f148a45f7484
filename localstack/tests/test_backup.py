"""Backup plans, selections and vaults."""

import json

import pytest
from support import POLICY, assert_contains, refused

RULE = {
    "RuleName": "daily",
    "TargetBackupVaultName": "v",
    "ScheduleExpression": "cron(0 5 * * ? *)",
    "StartWindowMinutes": 60,
    "CompletionWindowMinutes": 180,
    "Lifecycle": {"DeleteAfterDays": 7},
}


@pytest.fixture
def backup(aws):
    client = aws("backup")
    client.create_backup_vault(BackupVaultName="v")
    return client


@pytest.fixture
def plan(backup):
    return make_plan(backup)["BackupPlanId"]


def make_plan(backup, name="p"):
    return backup.create_backup_plan(BackupPlan={"BackupPlanName": name, "Rules": [RULE]}, BackupPlanTags={"a": "b"})


def test_update(backup, plan):
    before = backup.get_backup_plan(BackupPlanId=plan)
    params = {"BackupPlanName": "p", "Rules": [{**RULE, "Lifecycle": {"DeleteAfterDays": 35}}]}
    answer = backup.update_backup_plan(BackupPlanId=plan, BackupPlan=params)
    assert_contains(answer, {"BackupPlanId": plan, "BackupPlanArn": before["BackupPlanArn"]})
    after = backup.get_backup_plan(BackupPlanId=plan)
    assert_contains(after["BackupPlan"], params)
    assert before["VersionId"] != answer["VersionId"] == after["VersionId"]
    assert before["CreationDate"] == after["CreationDate"]
    assert backup.list_tags(ResourceArn=before["BackupPlanArn"])["Tags"] == {"a": "b"}
    with refused("ResourceNotFoundException"):
        backup.update_backup_plan(BackupPlanId="none", BackupPlan=params)


def test_deleted_plan_frees_its_name(backup, plan):
    with refused("AlreadyExistsException"):
        make_plan(backup)
    backup.delete_backup_plan(BackupPlanId=plan)
    for call in (backup.get_backup_plan, backup.delete_backup_plan, backup.list_backup_selections):
        with refused("ResourceNotFoundException"):
            call(BackupPlanId=plan)
    with refused("ResourceNotFoundException"):
        backup.update_backup_plan(BackupPlanId=plan, BackupPlan={"BackupPlanName": "p", "Rules": [RULE]})
    again = make_plan(backup)["BackupPlanId"]
    assert [one["BackupPlanId"] for one in backup.list_backup_plans()["BackupPlansList"]] == [again]
    all_plans = backup.list_backup_plans(IncludeDeleted=True)["BackupPlansList"]
    assert {one["BackupPlanId"] for one in all_plans} == {plan, again}


def test_selections(backup, plan):
    selection = {"SelectionName": "s", "IamRoleArn": "arn:aws:iam::123456789012:role/r", "Resources": ["*"]}
    created = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    one = {"BackupPlanId": plan, "SelectionId": created}
    assert_contains(backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"], [one])
    assert_contains(backup.get_backup_selection(**one), {**one, "BackupSelection": selection})
    backup.delete_backup_selection(**one)
    assert backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"] == []
    for call in (backup.get_backup_selection, backup.delete_backup_selection):
        with refused("ResourceNotFoundException"):
            call(**one)


def test_vault(backup):
    assert backup.list_recovery_points_by_backup_vault(BackupVaultName="v")["RecoveryPoints"] == []
    with refused("ResourceNotFoundException"):
        backup.list_recovery_points_by_backup_vault(BackupVaultName="none")
    backup.put_backup_vault_access_policy(BackupVaultName="v", Policy=json.dumps({"Statement": []}))
    backup.delete_backup_vault_access_policy(BackupVaultName="v")
    with refused("ResourceNotFoundException"):
        backup.get_backup_vault_access_policy(BackupVaultName="v")


@pytest.mark.parametrize("end", ["", "/"])
def test_list_tags_with_and_without_trailing_slash(backup, plan, end):
    arn = backup.get_backup_plan(BackupPlanId=plan)["BackupPlanArn"]
    backup.meta.events.register("before-sign.backup.ListTags", lambda request, **_: ending(request, end))
    backup.tag_resource(ResourceArn=arn, Tags={"c": "d"})
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"a": "b", "c": "d"}
    backup.untag_resource(ResourceArn=arn, TagKeyList=["a"])
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"c": "d"}


def ending(request, end):
    request.url = request.url.rstrip("/") + end


def test_vault_plan_and_selection(aws):
    backup = aws("backup")
    key = aws("kms").create_key()["KeyMetadata"]["Arn"]
    backup.create_backup_vault(BackupVaultName="v", EncryptionKeyArn=key, BackupVaultTags={"Suffix": "t1"})
    assert_contains(backup.describe_backup_vault(BackupVaultName="v"), {"EncryptionKeyArn": key})
    backup.put_backup_vault_access_policy(BackupVaultName="v", Policy=json.dumps(POLICY))
    assert json.loads(backup.get_backup_vault_access_policy(BackupVaultName="v")["Policy"]) == POLICY
    plan = backup.create_backup_plan(BackupPlan={"BackupPlanName": "p", "Rules": [RULE]})["BackupPlanId"]
    assert_contains(backup.get_backup_plan(BackupPlanId=plan)["BackupPlan"], {"BackupPlanName": "p", "Rules": [RULE]})
    selection = {
        "SelectionName": "s",
        "IamRoleArn": "arn:aws:iam::123456789012:role/r",
        "Resources": ["arn:aws:rds:us-east-1:123456789012:cluster:c"],
    }
    created = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection, CreatorRequestId="1")[
        "SelectionId"
    ]
    assert_contains(backup.get_backup_selection(BackupPlanId=plan, SelectionId=created)["BackupSelection"], selection)
    assert_contains(
        backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"],
        [{"SelectionId": created, "SelectionName": "s"}],
    )
    with refused("InvalidRequestException"):
        backup.delete_backup_plan(BackupPlanId=plan)
    backup.delete_backup_selection(BackupPlanId=plan, SelectionId=created)
    backup.delete_backup_plan(BackupPlanId=plan)
    backup.delete_backup_vault_access_policy(BackupVaultName="v")
    backup.create_backup_vault(BackupVaultName="plain")
    assert len(backup.list_backup_vaults()["BackupVaultList"]) == 2
    backup.delete_backup_vault(BackupVaultName="v")
