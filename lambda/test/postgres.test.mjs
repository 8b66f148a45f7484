/** Connections to PostgreSQL. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { connect, transaction } from '../lib/postgres.mjs';
import { resolveLocally } from './support/network.mjs';
import { startPostgres } from './support/postgres.mjs';

let db;

before(async () => {
  db = await startPostgres();
});

after(() => db?.stop());

const open = (options = {}, settings = {}, credentials = {}) =>
  connect({ ...db.settings, ...settings }, { ...db.credentials, ...credentials }, { name: 'test', ...options });

/** Calls `work(client)` with a connection. */
async function withClient(options, work) {
  const client = await open(options);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

const one = async (client, sql) => Object.values((await client.query(sql)).rows[0])[0];

test('a connection is encrypted and has an application name', async () => {
  await withClient({ name: 'data-sync' }, async (client) => {
    assert.match(await one(client, 'SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()'), /^TLSv1\.[23]$/);
    assert.equal(await one(client, "SELECT current_setting('application_name')"), 'data-sync');
  });
});

test('a certificate for another host name is rejected', async () => {
  const host = 'other.cluster-test.eu-central-1.rds.amazonaws.com';
  resolveLocally(host);
  await assert.rejects(open({}, { host }), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
});

test('a certificate of an unknown authority is rejected', () => {
  const script = `
    import { connect } from '${new URL('../lib/postgres.mjs', import.meta.url)}';
    import { resolveLocally } from '${new URL('support/network.mjs', import.meta.url)}';
    const { settings, credentials } = ${JSON.stringify({ settings: db.settings, credentials: db.credentials })};
    resolveLocally(settings.host);
    await connect(settings, credentials, { name: 'test' }).catch(({ code }) => console.log(code));`;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd, encoding: 'utf8' });
  assert.match(stdout, /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_/);
});

test('a wrong password fails and is not in the error', async () => {
  await assert.rejects(open({}, {}, { password: 'another-password' }), (error) => {
    assert.equal(error.code, '28P01');
    assert.doesNotMatch(JSON.stringify(error) + error.stack, /another-password/);
    return true;
  });
});

test('times keep microseconds and large numbers all digits', async () => {
  await withClient({}, async (client) => {
    assert.equal(await one(client, "SELECT '2026-01-02 03:04:05.123456+09'::timestamptz"), '2026-01-01 18:04:05.123456+00');
    assert.equal(await one(client, "SELECT '2026-01-02 03:04:05.123456'::timestamp"), '2026-01-02 03:04:05.123456');
    assert.equal(await one(client, 'SELECT 9007199254740993'), '9007199254740993');
    assert.equal(await one(client, 'SELECT 123456789012.30::numeric(14, 2)'), '123456789012.30');
    assert.equal(await one(client, 'SELECT 7'), 7);
  });
});

test('the server cancels a statement after its timeout', async () => {
  await withClient({ statementTimeoutMs: 100 }, async (client) => {
    await assert.rejects(client.query('SELECT pg_sleep(20)'), { code: '57014' });
    assert.equal(await one(client, 'SELECT 1'), 1);
  });
});

test('a closed session fails only the next statement', async () => {
  const client = await open();
  const pid = await one(client, 'SELECT pg_backend_pid()');
  await db.rows('SELECT pg_terminate_backend($1)', [pid]);
  await assert.rejects(async () => {
    for (;;) await client.query('SELECT 1');
  });
  await client.end();
});

test('a transaction commits on success and rolls back on failure', async () => {
  await withClient({}, async (client) => {
    await client.query('CREATE TABLE kept (id int)');
    assert.equal(await transaction(client, () => one(client, 'INSERT INTO kept VALUES (1) RETURNING id')), 1);
    const failing = transaction(client, async () => {
      await client.query('INSERT INTO kept VALUES (2)');
      await client.query('SELECT nonsense');
    });
    await assert.rejects(failing, /nonsense/);
    assert.deepEqual(await db.rows('SELECT id FROM kept'), [{ id: 1 }]);
  });
});
