import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { connect } from '../lib/database.mjs';
import { startAws } from './support/aws.mjs';
import { captureOutput, context, loadFunction } from './support/function.mjs';
import { PASSWORD, startMariaDb, USER } from './support/mariadb.mjs';
import { FakeSecrets } from './support/secrets.mjs';

const STEPS = ['createSecret', 'setSecret', 'testSecret', 'finishSecret'];

let aws;
let db;
let handler;
let secrets;

before(async () => {
  db = await startMariaDb();
  aws = await startAws({ secretsmanager: (...call) => secrets.service(...call) });
  ({ handler } = await loadFunction('rotate-secret', { ...aws.env, ...db.env, ENVIRONMENT: 'blue' }));
});

beforeEach(async () => {
  aws.calls.length = 0;
  secrets = new FakeSecrets();
  secrets.add('database', { kind: 'aurora-mysql', username: USER, password: PASSWORD, note: 'kept' });
  secrets.add('api', { kind: 'api-key', value: 'A'.repeat(48) });
  secrets.add('encryption', { kind: 'encryption-key', value: Buffer.alloc(32, 1).toString('base64') });
  await setPassword(PASSWORD);
});

after(async () => {
  await db?.stop();
  await aws?.stop();
});

const setPassword = (password) => db.admin.query('ALTER USER ?@? IDENTIFIED BY ?', [USER, '%', password]);

const step = (name, id, versionId) => handler({ SecretId: id, ClientRequestToken: versionId, Step: name }, context());

async function steps(names, id, versionId = secrets.beginRotation(id)) {
  for (const name of names) await step(name, id, versionId);
  return versionId;
}

async function canLogIn(password) {
  try {
    (await connect(db.settings, { user: USER, password })).destroy();
    return true;
  } catch (error) {
    assert.equal(error.code, 'ER_ACCESS_DENIED_ERROR');
    return false;
  }
}

test('rotates the password in database and secret', async () => {
  await steps(STEPS, 'database');
  const current = secrets.valueAt('database', 'AWSCURRENT');
  assert.notEqual(current.password, PASSWORD);
  assert.deepEqual({ ...current, password: PASSWORD }, secrets.valueAt('database', 'AWSPREVIOUS'));
  assert.equal(await canLogIn(current.password), true);
  assert.equal(await canLogIn(PASSWORD), false);
});

test('an open session survives a rotation', async () => {
  const session = await connect(db.settings, { user: USER, password: PASSWORD });
  await steps(STEPS, 'database');
  assert.deepEqual((await session.query('SELECT 1 AS one'))[0], [{ one: 1 }]);
  session.destroy();
});

test('every step can be repeated', async () => {
  const versionId = await steps(STEPS.flatMap((name) => [name, name]), 'database');
  await steps(STEPS, 'database', versionId);
  assert.equal(aws.operations().filter((name) => name === 'PutSecretValue').length, 1);
  assert.equal(await canLogIn(secrets.valueAt('database', 'AWSCURRENT').password), true);
});

test('two rotations in sequence succeed', async () => {
  await steps(STEPS, 'database');
  const first = secrets.valueAt('database', 'AWSCURRENT').password;
  await steps(STEPS, 'database');
  assert.notEqual(secrets.valueAt('database', 'AWSCURRENT').password, first);
  assert.equal(await canLogIn(secrets.valueAt('database', 'AWSCURRENT').password), true);
});

test('a restored database is set with the previous password', async () => {
  await steps(STEPS, 'database');
  await setPassword(PASSWORD);
  await steps(STEPS, 'database');
  assert.equal(await canLogIn(secrets.valueAt('database', 'AWSCURRENT').password), true);
});

test('fails if the database rejects all passwords', async () => {
  await setPassword('changed-manually');
  await assert.rejects(steps(STEPS, 'database'), /rejects the pending, the current and the previous password/);
  assert.equal(secrets.valueAt('database', 'AWSCURRENT').password, PASSWORD);
});

test('testSecret fails before setSecret', async () => {
  await assert.rejects(steps(['createSecret', 'testSecret'], 'database'));
  assert.equal(secrets.valueAt('database', 'AWSCURRENT').password, PASSWORD);
});

test('a pending version for another user is rejected', async () => {
  const versionId = await steps(['createSecret'], 'database');
  secrets.setValueAt('database', 'AWSPENDING', { kind: 'aurora-mysql', username: 'root', password: 'x' });
  await assert.rejects(step('setSecret', 'database', versionId), /another user/);
});

for (const [id, pattern] of [['api', /^[A-Za-z0-9]{48}$/], ['encryption', /^[A-Za-z0-9+/]{43}=$/]]) {
  test(`the ${id} key is rotated without the database`, async () => {
    const before = secrets.valueAt(id, 'AWSCURRENT');
    await steps(STEPS, id);
    const current = secrets.valueAt(id, 'AWSCURRENT');
    assert.match(current.value, pattern);
    assert.equal(current.kind, before.kind);
    assert.notEqual(current.value, before.value);
    assert.deepEqual(secrets.valueAt(id, 'AWSPREVIOUS'), before);
  });

  test(`an invalid or unchanged ${id} key is rejected`, async () => {
    const current = secrets.valueAt(id, 'AWSCURRENT');
    const versionId = await steps(['createSecret'], id);
    for (const value of ['short', '', 7, current.value]) {
      secrets.setValueAt(id, 'AWSPENDING', { ...current, value });
      await assert.rejects(steps(['setSecret', 'testSecret'], id, versionId));
    }
  });
}

test('testSecret alone succeeds with the current value', async () => {
  for (const id of ['database', 'api', 'encryption']) {
    const versionId = secrets.beginRotation(id);
    secrets.setValueAt(id, 'AWSPENDING', secrets.valueAt(id, 'AWSCURRENT'));
    await step('testSecret', id, versionId);
  }
});

test('a rotation that has not begun is rejected', async () => {
  const versionId = secrets.beginRotation('api');
  await assert.rejects(step('createSecret', 'api', 'another-version-of-the-secret-0000'), /not staged as AWSPENDING/);
  await assert.rejects(step('dropSecret', 'api', versionId), /unknown rotation step/);
  await assert.rejects(step('constructor', 'api', versionId), /unknown rotation step/);
  secrets.disableRotation('api');
  await assert.rejects(step('createSecret', 'api', versionId), /rotation is not enabled/);
});

test('a superseded rotation is rejected', async () => {
  const old = await steps(['createSecret'], 'api');
  secrets.beginRotation('api');
  await assert.rejects(step('setSecret', 'api', old), /not staged as AWSPENDING/);
});

test('a secret of unknown kind is rejected', async () => {
  secrets.add('odd', { kind: 'toString', value: 'x' });
  await assert.rejects(steps(STEPS, 'odd'), /unknown kind/);
});

test('no secret value is logged', async () => {
  const { output } = await captureOutput(async () => {
    for (const id of ['database', 'api', 'encryption']) await steps(STEPS, id);
  });
  const values = ['AWSCURRENT', 'AWSPREVIOUS'].flatMap((stage) => [
    secrets.valueAt('database', stage).password,
    secrets.valueAt('api', stage).value,
    secrets.valueAt('encryption', stage).value,
  ]);
  for (const value of values) assert.ok(!output().includes(value));
  assert.match(output(), /rotation step completed/);
});

test('a failed password change does not expose the password', async () => {
  const versionId = await steps(['createSecret'], 'database');
  const { password } = secrets.valueAt('database', 'AWSPENDING');
  await db.admin.query('SET GLOBAL read_only = 1');
  try {
    await assert.rejects(step('setSecret', 'database', versionId), (error) => {
      assert.match(error.message, /did not change the password: ER_OPTION_PREVENTS_STATEMENT/);
      assert.ok(!`${error.stack}${JSON.stringify({ ...error })}`.includes(password));
      return true;
    });
  } finally {
    await db.admin.query('SET GLOBAL read_only = 0');
  }
});
