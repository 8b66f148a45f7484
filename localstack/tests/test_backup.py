"""Backup plans as they change and go, their selections, and what vaults say."""

import json

import pytest
from support import assert_holds, refused

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
    wanted = {"BackupPlanName": "p", "Rules": [{**RULE, "Lifecycle": {"DeleteAfterDays": 35}}]}
    answer = backup.update_backup_plan(BackupPlanId=plan, BackupPlan=wanted)
    assert_holds(answer, {"BackupPlanId": plan, "BackupPlanArn": before["BackupPlanArn"]})
    after = backup.get_backup_plan(BackupPlanId=plan)
    assert_holds(after["BackupPlan"], wanted)
    assert before["VersionId"] != answer["VersionId"] == after["VersionId"]
    assert before["CreationDate"] == after["CreationDate"]
    assert backup.list_tags(ResourceArn=before["BackupPlanArn"])["Tags"] == {"a": "b"}
    with refused("ResourceNotFoundException"):
        backup.update_backup_plan(BackupPlanId="none", BackupPlan=wanted)


def test_a_deleted_plan_frees_its_name(backup, plan):
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
    everything = backup.list_backup_plans(IncludeDeleted=True)["BackupPlansList"]
    assert {one["BackupPlanId"] for one in everything} == {plan, again}


def test_selections(backup, plan):
    selection = {"SelectionName": "s", "IamRoleArn": "arn:aws:iam::123456789012:role/r", "Resources": ["*"]}
    made = backup.create_backup_selection(BackupPlanId=plan, BackupSelection=selection)["SelectionId"]
    one = {"BackupPlanId": plan, "SelectionId": made}
    assert_holds(backup.list_backup_selections(BackupPlanId=plan)["BackupSelectionsList"], [one])
    assert_holds(backup.get_backup_selection(**one), {**one, "BackupSelection": selection})
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
def test_tags_are_listed_however_the_path_ends(backup, plan, end):
    arn = backup.get_backup_plan(BackupPlanId=plan)["BackupPlanArn"]
    backup.meta.events.register("before-sign.backup.ListTags", lambda request, **_: ending(request, end))
    backup.tag_resource(ResourceArn=arn, Tags={"c": "d"})
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"a": "b", "c": "d"}
    backup.untag_resource(ResourceArn=arn, TagKeyList=["a"])
    assert backup.list_tags(ResourceArn=arn)["Tags"] == {"c": "d"}


def ending(request, end):
    request.url = request.url.rstrip("/") + end
