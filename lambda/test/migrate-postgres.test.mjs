import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { connect, transaction } from '../lib/postgres.mjs';
import { readMigrations } from '../migrate/files.mjs';
import { postgres } from '../migrate/postgres.mjs';
import { applyMigrations, migrationStatus } from '../migrate/runner.mjs';
import { startAws } from './support/aws.mjs';
import { context, loadFunction, MIGRATIONS } from './support/function.mjs';
import { PASSWORD, startPostgres, USER } from './support/postgres.mjs';
import { FakeSecrets } from './support/secrets.mjs';

const SECRET = 'database';
const APPLY = fileURLToPath(new URL('support/apply.mjs', import.meta.url));
const HISTORY = 'schema_migrations';

const handlers = {};
let aws;
let db;

before(async () => {
  db = await startPostgres();
  const secrets = new FakeSecrets();
  secrets.add(SECRET, { username: USER, password: PASSWORD });
  aws = await startAws({ secretsmanager: secrets.service });
  for (const ENVIRONMENT of ['blue', 'green']) {
    const env = { ...aws.env, ...db.env, DB_SECRET_ARN: SECRET, ENVIRONMENT };
    handlers[ENVIRONMENT] = (await loadFunction('migrate-postgres', env)).handler;
  }
});

beforeEach(() => db.clear());

after(async () => {
  await db?.stop();
  await aws?.stop();
});

/** Calls `work(directory)` with a folder of files given as {name: sql}. */
async function withFiles(files, work) {
  const directory = mkdtempSync(join(tmpdir(), 'migrations-'));
  for (const [name, sql] of Object.entries(files)) writeFileSync(join(directory, name), sql);
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Applies files on a new connection, as the function does. */
function run(files, action = applyMigrations, options = {}) {
  return withFiles(files, async (directory) => {
    const session = await postgres.open(db.settings, db.credentials, 60_000);
    try {
      return await action(session, await readMigrations(directory, postgres.split), { log: { info() {} }, ...options });
    } finally {
      await session.close();
    }
  });
}

/** Applies files in a process that is killed when `query` returns a row, and waits until its session has ended. */
function killedWhen(query, files) {
  return withFiles(files, async (directory) => {
    const { settings, credentials, authority } = db;
    const child = spawn(process.execPath, [APPLY, JSON.stringify({ settings, credentials, authority, directory })], { stdio: 'inherit' });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(signal)));
    await until(async () => {
      assert.equal(child.exitCode, null, 'the process ended before it was killed');
      return (await db.rows(query)).length > 0;
    });
    child.kill('SIGKILL');
    assert.equal(await ended, 'SIGKILL');
    await until(async () => (await db.rows("SELECT FROM pg_stat_activity WHERE application_name = 'migrate'")).length === 0);
  });
}

/** Calls `work()` while a transaction with `statement` is open. */
async function during(statement, work) {
  const client = await connect(db.settings, db.credentials, { name: 'other', statementTimeoutMs: 60_000 });
  try {
    await transaction(client, async () => {
      await client.query(statement);
      await work();
    });
  } finally {
    await client.end();
  }
}

async function until(condition) {
  for (let attempt = 0; attempt < 600; attempt += 1) {
    if (await condition()) return;
    await pause(50);
  }
  throw new Error('timed out waiting for the condition');
}

const tables = async () =>
  (await db.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")).map(({ tablename }) => tablename);

for (const [environment, expected] of [
  ['blue', ['payment_tombstones', 'payments', HISTORY]],
  ['green', ['payments', HISTORY, 'sync_fence', 'sync_quarantine', 'sync_tombstones']],
]) {
  test(`applies the ${environment} migrations once and reports status`, async () => {
    const handler = handlers[environment];
    const { length } = await readMigrations(join(MIGRATIONS, 'postgres', environment), postgres.split);
    const before = await handler({ action: 'status' }, context());
    assert.deepEqual([before.applied, before.pending.length, before.version], [[], length, 0]);
    assert.deepEqual(await tables(), []);
    const first = await handler({ action: 'apply' }, context());
    assert.deepEqual([first.applied.length, first.version], [length, length]);
    assert.deepEqual(await handler({ action: 'apply' }, context()), { applied: [], version: length });
    const status = await handler({ action: 'status' }, context());
    assert.deepEqual([status.applied, status.pending, status.version], [first.applied, [], length]);
    assert.deepEqual(await tables(), expected);
  });

  test(`the ${environment} migrations are idempotent`, async () => {
    const handler = handlers[environment];
    await handler({ action: 'apply' }, context());
    await db.admin.query(`DELETE FROM ${HISTORY}`);
    assert.notEqual((await handler({ action: 'apply' }, context())).applied.length, 0);
  });
}

test('no column except card_token is for card data', async () => {
  for (const environment of ['blue', 'green']) {
    await db.clear();
    await handlers[environment]({ action: 'apply' }, context());
    const columns = await db.rows("SELECT column_name AS name FROM information_schema.columns WHERE table_schema = 'public'");
    assert.ok(columns.length > 10);
    for (const { name } of columns) if (name !== 'card_token') assert.doesNotMatch(name, /card|pan|cvv|cvc|expir|holder|track/i);
  }
});

test('of concurrent applies only one runs the migrations', async () => {
  const apply = () => handlers.blue({ action: 'apply' }, context());
  const counts = (await Promise.all([apply(), apply(), apply()])).map(({ applied }) => applied.length).sort();
  assert.deepEqual(counts.slice(0, 2), [0, 0]);
  assert.ok(counts[2] > 0);
});

test('a lock timeout reports the other migration', async () => {
  const other = await postgres.open(db.settings, db.credentials, 60_000);
  assert.equal(await other.lock(0), true);
  await assert.rejects(run({ '0001_a.sql': 'CREATE TABLE a ();' }, applyMigrations, { lockTimeoutSeconds: 0.3 }), /another migration/);
  await other.close();
  await run({ '0001_a.sql': 'CREATE TABLE a ();' });
});

test('only a new file is applied', async () => {
  const first = { '0001_a.sql': 'CREATE TABLE a ();' };
  await run(first);
  assert.deepEqual(await run({ ...first, '0002_b.sql': 'CREATE TABLE b ();' }), { applied: ['0002_b.sql'], version: 2 });
});

test('changed, missing and misplaced files are rejected', async () => {
  const files = { '0001_a.sql': 'CREATE TABLE a ();', '0003_c.sql': 'CREATE TABLE c ();' };
  await run(files);
  await assert.rejects(run({ ...files, '0001_a.sql': 'CREATE TABLE a (id int);' }), /0001_a.sql has changed/);
  await assert.rejects(run({ ...files, '0001_a.sql': 'CREATE TABLE a (id int);' }, migrationStatus), /has changed/);
  await assert.rejects(run({ '0001_a.sql': files['0001_a.sql'] }), /0003_c.sql was applied/);
  await assert.rejects(run({ ...files, '0002_b.sql': 'CREATE TABLE b ();' }), /0002_b.sql comes before/);
  assert.deepEqual(await tables(), ['a', 'c', HISTORY]);
});

test('a failed file is rolled back, earlier ones stay', async () => {
  const first = { '0001_a.sql': 'CREATE TABLE a ();' };
  const broken = { ...first, '0002_b.sql': 'CREATE TABLE b (); CREATE TABLE c (id nonsense);' };
  await assert.rejects(run(broken), /0002_b.sql failed at statement 2: type "nonsense" does not exist/);
  assert.deepEqual(await tables(), ['a', HISTORY]);
  assert.deepEqual((await run(broken, migrationStatus)).pending, ['0002_b.sql']);
  assert.deepEqual(await run({ ...first, '0002_b.sql': 'CREATE TABLE d ();' }), { applied: ['0002_b.sql'], version: 2 });
});

test('a killed file is rolled back and applied next time', async () => {
  await db.admin.query(`CREATE TABLE slow AS SELECT 60 AS seconds; GRANT SELECT ON slow TO ${USER}`);
  const files = { '0001_a.sql': 'CREATE TABLE a (); SELECT pg_sleep(seconds) FROM slow; CREATE TABLE b ();' };
  await killedWhen("SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep'", files);
  assert.deepEqual(await tables(), [HISTORY, 'slow']);
  await db.admin.query('UPDATE slow SET seconds = 0');
  assert.deepEqual(await run(files), { applied: ['0001_a.sql'], version: 1 });
  assert.deepEqual(await tables(), ['a', 'b', HISTORY, 'slow']);
  await db.admin.query('DROP TABLE slow');
});

test('an invalid index is recreated and the file resumes', async () => {
  const indexes = () => db.rows("SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = to_regclass('by_id')");
  await run({ '0001_a.sql': 'CREATE TABLE a (id int);' });
  const files = {
    '0001_a.sql': 'CREATE TABLE a (id int);',
    '0002_b.sql': 'CREATE TABLE b (); CREATE INDEX CONCURRENTLY IF NOT EXISTS by_id ON a (id); CREATE TABLE c ();',
  };
  const unfinished = "SELECT FROM pg_index WHERE indexrelid = to_regclass('by_id') AND NOT indisvalid";
  // CREATE INDEX CONCURRENTLY waits for the open transaction.
  await during('INSERT INTO a VALUES (1)', () => killedWhen(unfinished, files));
  assert.deepEqual(await indexes(), [{ valid: false }]);
  assert.deepEqual(await tables(), ['a', 'b', HISTORY]);
  assert.deepEqual(await run(files), { applied: ['0002_b.sql'], version: 2 });
  assert.deepEqual(await indexes(), [{ valid: true }]);
  assert.deepEqual(await tables(), ['a', 'b', 'c', HISTORY]);
});

test('a file must not end its transaction', async () => {
  await assert.rejects(run({ '0001_a.sql': 'CREATE TABLE a (); COMMIT; CREATE TABLE b ();' }), /0001_a.sql contains COMMIT/);
  assert.deepEqual(await tables(), [HISTORY]);
});

test('a statement stops waiting for a lock after 5 seconds', async () => {
  await run({ '0001_a.sql': 'CREATE TABLE a ();' });
  const files = { '0001_a.sql': 'CREATE TABLE a ();', '0002_b.sql': 'ALTER TABLE a ADD COLUMN id int;' };
  const refused = /failed at statement 1: canceling statement due to lock timeout/;
  await during('SELECT FROM a', () => assert.rejects(run(files), refused));
  await run(files);
});

test('only non-transactional files have no lock timeout', async () => {
  const note = (name) => `CREATE TABLE ${name} AS SELECT current_setting('lock_timeout') AS timeout;`;
  await run({ '0001_a.sql': note('a'), '0002_b.sql': `${note('b')} VACUUM b;`, '0003_c.sql': note('c') });
  const timeouts = await db.rows('SELECT a.timeout AS a, b.timeout AS b, c.timeout AS c FROM a, b, c');
  assert.deepEqual(timeouts, [{ a: '5s', b: '0', c: '5s' }]);
});

test('splits outside quotes, comments and dollar quotes', () => {
  const body = "$a$ BEGIN; -- ; '\n $b$;$b$ END; $a$";
  const sql = `--one; two
    SELECT 'a;b''c\\', E'd;\\';', "e;""f", date'2026-01-02', a$b$; SELECT $$;$$, $1, ${body};
    /* four; /* five; */ six; */ SELECT/*seven*/8 --nine;
    ; ;`;
  assert.deepEqual(postgres.split(sql), [
    `SELECT 'a;b''c\\', E'd;\\';', "e;""f", date'2026-01-02', a$b$`,
    `SELECT $$;$$, $1, ${body}`,
    'SELECT 8',
  ]);
});
