"""Roles and policies."""

import json

from support import TAGS, assert_contains, refused


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
    assert_contains(role, expected)
    assert role["AssumeRolePolicyDocument"] == trust
    pages = iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role", "LocalManagedPolicy"])
    details = [page for page in pages]
    roles = [r for page in details for r in page["RoleDetailList"] if r["RoleName"] == "r"]
    assert_contains(
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
    assert_contains(
        policies,
        [
            {
                "PolicyName": "p",
                "DefaultVersionId": "v1",
                "PolicyVersionList": [{"Document": document, "IsDefaultVersion": True}],
            }
        ],
    )
    assert_contains(iam.list_policy_tags(PolicyArn=policy)["Tags"], TAGS)
    iam.update_role(RoleName="r", Description="new", MaxSessionDuration=3600)
    assert_contains(iam.get_role(RoleName="r")["Role"], {"Description": "new", "MaxSessionDuration": 3600})
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
