import { randomUUID } from 'node:crypto';

import { AwsError } from './aws.mjs';

/** Secrets Manager in memory, with its rules for versions and stages, as far as a rotation needs it. */
export class FakeSecrets {
  #secrets = new Map();
  #passwords = 0;

  add(id, value) {
    const versionId = randomUUID();
    this.#secrets.set(id, {
      rotationEnabled: true,
      values: new Map([[versionId, JSON.stringify(value)]]),
      stages: new Map([[versionId, new Set(['AWSCURRENT'])]]),
    });
  }

  /** Adds an AWSPENDING version without a value, as Secrets Manager does before the first step. */
  beginRotation(id) {
    const versionId = randomUUID();
    for (const labels of this.#secrets.get(id).stages.values()) labels.delete('AWSPENDING');
    this.#secrets.get(id).stages.set(versionId, new Set(['AWSPENDING']));
    return versionId;
  }

  disableRotation(id) {
    this.#secrets.get(id).rotationEnabled = false;
  }

  valueAt(id, stage) {
    const secret = this.#secrets.get(id);
    const versionId = this.#versionAt(secret, stage);
    return secret.values.has(versionId) ? JSON.parse(secret.values.get(versionId)) : undefined;
  }

  setValueAt(id, stage, value) {
    const secret = this.#secrets.get(id);
    secret.values.set(this.#versionAt(secret, stage), JSON.stringify(value));
  }

  /** For startAws. */
  service = (operation, input) => {
    if (operation === 'GetRandomPassword') return this.#randomPassword(input);
    const secret = this.#secrets.get(input.SecretId);
    if (!secret) throw new AwsError('ResourceNotFoundException');
    switch (operation) {
      case 'DescribeSecret':
        return {
          RotationEnabled: secret.rotationEnabled,
          VersionIdsToStages: Object.fromEntries([...secret.stages].map(([id, labels]) => [id, [...labels]])),
        };
      case 'GetSecretValue':
        return this.#getValue(secret, input);
      case 'PutSecretValue':
        return this.#putValue(secret, input);
      case 'UpdateSecretVersionStage':
        return this.#moveStage(secret, input);
      default:
        throw new AwsError('InvalidAction', operation);
    }
  };

  #versionAt(secret, stage) {
    return [...secret.stages].find(([, labels]) => labels.has(stage))?.[0];
  }

  #getValue(secret, { VersionId, VersionStage = 'AWSCURRENT' }) {
    const versionId = this.#versionAt(secret, VersionStage);
    if (versionId === undefined || (VersionId && VersionId !== versionId) || !secret.values.has(versionId)) {
      throw new AwsError('ResourceNotFoundException');
    }
    return { VersionId: versionId, SecretString: secret.values.get(versionId) };
  }

  #putValue(secret, { ClientRequestToken, SecretString, VersionStages }) {
    if (secret.values.has(ClientRequestToken)) throw new AwsError('ResourceExistsException');
    secret.values.set(ClientRequestToken, SecretString);
    secret.stages.set(ClientRequestToken, new Set(VersionStages));
    return {};
  }

  #moveStage(secret, { VersionStage, MoveToVersionId, RemoveFromVersionId }) {
    if (this.#versionAt(secret, VersionStage) !== RemoveFromVersionId) throw new AwsError('InvalidParameterException');
    for (const labels of secret.stages.values()) labels.delete('AWSPREVIOUS');
    secret.stages.get(RemoveFromVersionId).delete(VersionStage);
    secret.stages.get(RemoveFromVersionId).add('AWSPREVIOUS');
    secret.stages.get(MoveToVersionId).add(VersionStage);
    return {};
  }

  #randomPassword({ PasswordLength, ExcludePunctuation }) {
    this.#passwords += 1;
    const seed = `Generated${this.#passwords}${ExcludePunctuation ? 'x' : '-_.'}`;
    return { RandomPassword: seed.repeat(10).slice(0, PasswordLength) };
  }
}
