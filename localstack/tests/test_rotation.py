"""Secrets are rotated by their function."""

from __future__ import annotations

import pytest
from live import arn_of, eventually

ROTATION = """
import http from 'node:http';
const SCOPE = 'test/20240101/us-east-1/secretsmanager/aws4_request';
const call = (operation, input) => new Promise((resolve, reject) => {
    const url = new URL(process.env.AWS_ENDPOINT_URL);
    const request = http.request({ host: url.hostname, port: url.port, method: 'POST', headers: {
        'content-type': 'application/x-amz-json-1.1', 'x-amz-target': 'secretsmanager.' + operation,
        authorization: `AWS4-HMAC-SHA256 Credential=${SCOPE}, SignedHeaders=host, Signature=x`,
    } }, async (response) => {
        let text = ''; for await (const part of response) text += part;
        response.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(text));
    });
    request.end(JSON.stringify(input));
});
export const handler = async ({ Step, SecretId, ClientRequestToken: token }) => {
    const staged = { SecretId, VersionId: token, VersionStage: 'AWSPENDING' };
    const { SecretString: Pending } = await call('GetSecretValue', staged).catch(() => ({}));
    console.log('GOT ' + JSON.stringify({ Step, SecretId, Pending }));
    const { VersionIdsToStages: stages } = await call('DescribeSecret', { SecretId });
    if (!stages[token]?.includes('AWSPENDING')) throw new Error('not pending: ' + JSON.stringify(stages));
    if (Step === 'createSecret') {
        const missing = await call('GetSecretValue', staged).catch((error) => error.message ?? '');
        if (!`${missing}`.includes('ResourceNotFound')) throw new Error('a value already');
        const made = { SecretString: 'new', VersionStages: ['AWSPENDING'] };
        await call('PutSecretValue', { SecretId, ClientRequestToken: token, ...made });
    }
    if (Step === 'testSecret' && process.env.FAIL) throw new Error('test failed');
    if (Step === 'finishSecret') {
        const current = Object.keys(stages).find((id) => stages[id].includes('AWSCURRENT'));
        await call('UpdateSecretVersionStage',
            { SecretId, VersionStage: 'AWSCURRENT', MoveToVersionId: token, RemoveFromVersionId: current });
    }
};
"""


class TestRotation:
    @pytest.fixture
    def rotator(self, cloud):
        name = cloud.function(ROTATION)
        cloud.permit(name, "secretsmanager.amazonaws.com")
        return name

    def test_the_function_takes_the_four_steps(self, cloud, rotator):
        secrets = cloud.client("secretsmanager")
        made = secrets.create_secret(Name="rotated", SecretString="old")
        rules = {"AutomaticallyAfterDays": 30}
        token = secrets.rotate_secret(SecretId="rotated", RotationLambdaARN=arn_of(rotator), RotationRules=rules)[
            "VersionId"
        ]
        eventually(lambda: secrets.get_secret_value(SecretId="rotated")["SecretString"] == "new")
        eventually(lambda: len(cloud.events(rotator)) == 4)
        steps = cloud.events(rotator)
        assert [step["Step"] for step in steps] == ["createSecret", "setSecret", "testSecret", "finishSecret"]
        assert {step["SecretId"] for step in steps} == {made["ARN"]}
        described = secrets.describe_secret(SecretId="rotated")
        assert "AWSCURRENT" in described["VersionIdsToStages"][token]
        assert described["VersionIdsToStages"][made["VersionId"]] == ["AWSPREVIOUS"]
        assert described["RotationEnabled"] and described["RotationRules"] == rules
        previous = secrets.get_secret_value(SecretId="rotated", VersionStage="AWSPREVIOUS")
        assert previous["SecretString"] == "old"
        # And once more, which the two labels on one version must not keep from working.
        secrets.rotate_secret(SecretId="rotated")
        eventually(lambda: len(cloud.events(rotator)) == 8)

    def test_a_failed_step_leaves_the_new_version_pending(self, cloud, rotator):
        secrets, lambda_ = cloud.client("secretsmanager"), cloud.client("lambda")
        lambda_.update_function_configuration(FunctionName=rotator, Environment={"Variables": {"FAIL": "1"}})
        secrets.create_secret(Name="stuck", SecretString="old")
        token = secrets.rotate_secret(SecretId="stuck", RotationLambdaARN=arn_of(rotator))["VersionId"]
        eventually(lambda: len(cloud.events(rotator)) == 3)
        assert secrets.describe_secret(SecretId="stuck")["VersionIdsToStages"][token] == ["AWSPENDING"]
        assert secrets.get_secret_value(SecretId="stuck")["SecretString"] == "old"
        with pytest.raises(secrets.exceptions.InvalidRequestException, match="previous rotation"):
            secrets.rotate_secret(SecretId="stuck")

    def test_not_at_once_only_tries_the_function_out(self, cloud, rotator):
        secrets = cloud.client("secretsmanager")
        made = secrets.create_secret(Name="later", SecretString="old")
        later = {"SecretId": "later", "RotationLambdaARN": arn_of(rotator), "RotateImmediately": False}
        # Where durations don't count nothing is tried out, and no Node.js started.
        secrets.rotate_secret(**later)
        assert list(secrets.describe_secret(SecretId="later")["VersionIdsToStages"]) == [made["VersionId"]]
        cloud.control("PUT", "time-scale", {"scale": 1000})
        try:
            secrets.rotate_secret(**later)
            eventually(lambda: [event["Step"] for event in cloud.events(rotator)] == ["testSecret"])
        finally:
            cloud.control("PUT", "time-scale", {"scale": 0})
        # The function saw the value that is current.
        assert [event["Pending"] for event in cloud.events(rotator)] == ["old"]
        eventually(lambda: list(secrets.describe_secret(SecretId="later")["VersionIdsToStages"]) == [made["VersionId"]])

    def test_needs_a_permission(self, cloud):
        secrets = cloud.client("secretsmanager")
        secrets.create_secret(Name="unpermitted", SecretString="old")
        _, arn = cloud.recorder()
        with pytest.raises(secrets.exceptions.ClientError, match="AccessDenied"):
            secrets.rotate_secret(SecretId="unpermitted", RotationLambdaARN=arn)
