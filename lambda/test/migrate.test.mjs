import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';

import { readMigrations } from '../migrate/files.mjs';
import { mysql } from '../migrate/mysql.mjs';
import { applyMigrations, migrationStatus } from '../migrate/runner.mjs';
import { startAws } from './support/aws.mjs';
import { context, loadFunction, MIGRATIONS } from './support/function.mjs';
import { DATABASE, PASSWORD, startMariaDb, USER } from './support/mariadb.mjs';
import { FakeSecrets } from './support/secrets.mjs';

const SECRET = 'database';
const OPTIONS = { log: { info() {} } };

let aws;
let db;
let handler;

before(async () => {
  db = await startMariaDb();
  const secrets = new FakeSecrets();
  secrets.add(SECRET, { username: USER, password: PASSWORD });
  aws = await startAws({ secretsmanager: secrets.service });
  ({ handler } = await loadFunction('migrate', { ...aws.env, ...db.env, DB_SECRET_ARN: SECRET, ENVIRONMENT: 'blue' }));
});

beforeEach(async () => {
  await db.admin.query(`DROP DATABASE ${DATABASE}`);
  await db.admin.query(`CREATE DATABASE ${DATABASE}`);
  await db.admin.query(`USE ${DATABASE}`);
});

after(async () => {
  await db?.stop();
  await aws?.stop();
});

/** Applies files given as {name: sql} on a new connection, as the function does. */
async function run(files, action = applyMigrations) {
  const directory = mkdtempSync(join(tmpdir(), 'migrations-'));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  const session = await mysql.open(db.settings, db.credentials);
  try {
    return await action(session, await readMigrations(directory, mysql.split), OPTIONS);
  } finally {
    session.close();
    rmSync(directory, { recursive: true });
  }
}

const tables = async () => (await db.rows('SHOW TABLES')).map((row) => Object.values(row)[0]).sort();

test('applies the packaged migrations once and reports status', async () => {
  const { length } = await readMigrations(join(MIGRATIONS, 'mysql'), mysql.split);
  const before = await handler({ action: 'status' }, context());
  assert.deepEqual([before.applied, before.pending.length, before.version], [[], length, 0]);
  const first = await handler({ action: 'apply' }, context());
  assert.deepEqual([first.applied.length, first.version], [length, length]);
  assert.deepEqual(await handler({ action: 'apply' }, context()), { applied: [], version: length });
  const status = await handler({ action: 'status' }, context());
  assert.deepEqual([status.applied, status.pending, status.version], [first.applied, [], length]);
  assert.deepEqual(await tables(), ['idempotency_conflicts', 'payment_events', 'payments', 'schema_migrations']);
});

test('no column is for card data', async () => {
  await handler({ action: 'apply' }, context());
  const columns = await db.rows('SELECT column_name AS name FROM information_schema.columns WHERE table_schema = ?', [DATABASE]);
  for (const { name } of columns) assert.doesNotMatch(name, /card|pan|cvv|cvc|expir|holder|track/i);
});

test('an unknown action is rejected', async () => {
  for (const event of [{}, { action: 'drop' }, { action: 'constructor' }, undefined]) {
    await assert.rejects(handler(event, context()), /apply or status/);
  }
});

test('of concurrent applies only one runs the migrations', async () => {
  const results = await Promise.all([handler({ action: 'apply' }, context()), handler({ action: 'apply' }, context())]);
  const counts = results.map(({ applied }) => applied.length).sort();
  assert.equal(counts[0], 0);
  assert.ok(counts[1] > 0);
});

test('only a new file is applied', async () => {
  const first = { '0001_a.sql': 'CREATE TABLE a (id INT);' };
  await run(first);
  assert.deepEqual(await run({ ...first, '0002_b.sql': 'CREATE TABLE b (id INT);' }), { applied: ['0002_b.sql'], version: 2 });
});

test('changed, missing and misplaced files are rejected', async () => {
  const files = { '0001_a.sql': 'CREATE TABLE a (id INT);', '0003_c.sql': 'CREATE TABLE c (id INT);' };
  await run(files);
  await assert.rejects(run({ ...files, '0001_a.sql': 'CREATE TABLE a (id BIGINT);' }), /0001_a.sql has changed/);
  await assert.rejects(run({ ...files, '0001_a.sql': 'CREATE TABLE a (id BIGINT);' }, migrationStatus), /has changed/);
  await assert.rejects(run({ '0001_a.sql': files['0001_a.sql'] }), /0003_c.sql was applied/);
  await assert.rejects(run({ ...files, '0002_b.sql': 'CREATE TABLE b (id INT);' }), /0002_b.sql comes before/);
  assert.deepEqual(await tables(), ['a', 'c', 'schema_migrations']);
});

test('a corrected file resumes at the failed statement', async () => {
  const good = 'CREATE TABLE a (id INT);';
  await assert.rejects(run({ '0001_a.sql': `${good} CREATE TABLE b (id NONSENSE); CREATE TABLE c (id INT);` }), /failed at statement 2/);
  assert.deepEqual(await tables(), ['a', 'schema_migrations']);
  await assert.rejects(run({ '0001_a.sql': 'CREATE TABLE z (id INT); CREATE TABLE b (id INT);' }), /has changed/);
  const corrected = { '0001_a.sql': `${good} CREATE TABLE b (id INT); CREATE TABLE c (id INT);` };
  assert.deepEqual((await run(corrected, migrationStatus)).pending, ['0001_a.sql']);
  assert.deepEqual(await run(corrected), { applied: ['0001_a.sql'], version: 1 });
  assert.deepEqual(await tables(), ['a', 'b', 'c', 'schema_migrations']);
});

test('the migrations are idempotent', async () => {
  await handler({ action: 'apply' }, context());
  await db.admin.query('DELETE FROM schema_migrations');
  assert.notEqual((await handler({ action: 'apply' }, context())).applied.length, 0);
});

test('invalid names and duplicate versions are rejected', async () => {
  await assert.rejects(run({ 'first.sql': 'SELECT 1' }), /first.sql is not a valid name/);
  await assert.rejects(run({ '0001_a.sql': 'SELECT 1', '0001_b.sql': 'SELECT 1' }), /migration 1 exists twice/);
  await assert.rejects(run({ '0001_a.sql': '-- nothing' }), /has no statement/);
  await assert.rejects(run({}), /no migrations/);
});

test('splits outside quotes and comments', () => {
  const sql = `-- one; two
    SELECT 'a;b''c\\';', "d;", \`e;\`; # three;
    /* four;
    */ SELECT 5 -- six;
    ; ;`;
  assert.deepEqual(mysql.split(sql), ["SELECT 'a;b''c\\';', \"d;\", `e;`", 'SELECT 5']);
});
