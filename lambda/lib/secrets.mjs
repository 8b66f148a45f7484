/** Reads JSON secrets from AWS Secrets Manager. */
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

import { isPlainObject, tryParseJson } from './json.mjs';

/** Short timeouts: an unreachable endpoint must be an error in the log, not a timeout of the function. */
export function createSecretsClient() {
  return new SecretsManagerClient({ maxAttempts: 4, requestHandler: { connectionTimeout: 2000, requestTimeout: 5000 } });
}

export async function readSecret(client, { secretId, versionId, stage }) {
  const answer = await client.send(
    new GetSecretValueCommand({ SecretId: secretId, VersionId: versionId, VersionStage: stage }),
  );
  const value = tryParseJson(answer.SecretString ?? '');
  if (!isPlainObject(value)) throw new Error(`secret ${secretId} (${stage}) is not a JSON object`);
  return value;
}

export function databaseCredentials(secret, secretId) {
  for (const field of ['username', 'password']) {
    if (typeof secret[field] !== 'string' || secret[field] === '') {
      throw new Error(`secret ${secretId} has no ${field}`);
    }
  }
  return { user: secret.username, password: secret.password };
}

/** The current database credentials of a secret. */
export async function readDatabaseCredentials(client, secretId) {
  return databaseCredentials(await readSecret(client, { secretId, stage: 'AWSCURRENT' }), secretId);
}
