import {
  DescribeSecretCommand,
  PutSecretValueCommand,
  ResourceNotFoundException,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';

import { readSecret } from '../lib/secrets.mjs';

/**
 * The four steps of a rotation. Secrets Manager repeats failed steps, and whole rotations with the same version, so each step is
 * idempotent.
 *
 * A kind of secret (its JSON member "kind") creates a new value (`renew(current)`), sets it (`put({pending, current, previous})`)
 * and tests it (`test(pending)`).
 */
export function createRotation(client, kinds) {
  const steps = { createSecret, setSecret, testSecret, finishSecret };

  return async ({ SecretId: secretId, ClientRequestToken: versionId, Step: step }, log) => {
    const stepLog = log.with({ secretId, versionId, step });
    if (!Object.hasOwn(steps, step)) throw new Error(`unknown rotation step for secret ${secretId}`);
    const stages = await readStages(client, secretId);
    if (isStagedAs(stages, versionId, 'AWSCURRENT')) {
      stepLog.info('version is already current');
      return;
    }
    if (!isStagedAs(stages, versionId, 'AWSPENDING')) {
      throw new Error(`version ${versionId} of secret ${secretId} is not staged as AWSPENDING`);
    }
    const rotation = new Rotation(client, { secretId, versionId, stages });
    const outcome = await steps[step](rotation, kinds);
    stepLog.info('rotation step completed', { outcome });
  };
}

async function readStages(client, secretId) {
  const secret = await client.send(new DescribeSecretCommand({ SecretId: secretId }));
  if (!secret.RotationEnabled) throw new Error(`rotation is not enabled for secret ${secretId}`);
  return secret.VersionIdsToStages ?? {};
}

const isStagedAs = (stages, versionId, stage) => stages[versionId]?.includes(stage) ?? false;

/** The versions of one secret in one rotation. */
class Rotation {
  constructor(client, { secretId, versionId, stages }) {
    Object.assign(this, { client, secretId, versionId, stages });
  }

  current() {
    return readSecret(this.client, { secretId: this.secretId, stage: 'AWSCURRENT' });
  }

  pending() {
    return readSecret(this.client, { secretId: this.secretId, versionId: this.versionId, stage: 'AWSPENDING' });
  }

  previous() {
    return undefinedIfMissing(readSecret(this.client, { secretId: this.secretId, stage: 'AWSPREVIOUS' }));
  }
}

/** At the start of a rotation the staged version has no value. */
async function undefinedIfMissing(reading) {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined;
    throw error;
  }
}

function kindOf(kinds, secret, secretId) {
  if (!Object.hasOwn(kinds, secret.kind ?? '')) {
    throw new Error(`secret ${secretId} has an unknown kind: expected one of ${Object.keys(kinds).join(', ')}`);
  }
  return kinds[secret.kind];
}

async function createSecret(rotation, kinds) {
  const current = await rotation.current();
  const kind = kindOf(kinds, current, rotation.secretId);
  if ((await undefinedIfMissing(rotation.pending())) !== undefined) return 'pending version already exists';
  await rotation.client.send(
    new PutSecretValueCommand({
      SecretId: rotation.secretId,
      ClientRequestToken: rotation.versionId,
      SecretString: JSON.stringify({ ...current, ...(await kind.renew(current)) }),
      VersionStages: ['AWSPENDING'],
    }),
  );
  return 'pending version created';
}

async function setSecret(rotation, kinds) {
  const [pending, current, previous] = await Promise.all([rotation.pending(), rotation.current(), rotation.previous()]);
  return kindOf(kinds, pending, rotation.secretId).put({ pending, current, previous });
}

async function testSecret(rotation, kinds) {
  const pending = await rotation.pending();
  await kindOf(kinds, pending, rotation.secretId).test(pending);
  return 'pending version works';
}

async function finishSecret(rotation) {
  const current = Object.keys(rotation.stages).find((versionId) => isStagedAs(rotation.stages, versionId, 'AWSCURRENT'));
  await rotation.client.send(
    new UpdateSecretVersionStageCommand({
      SecretId: rotation.secretId,
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: rotation.versionId,
      RemoveFromVersionId: current,
    }),
  );
  return 'pending version is now current';
}
