import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { loadFunction } from './support/function.mjs';
import { callsOf, counts, done } from './support/sync-calls.mjs';
import { differencesOf, fill, open, startSync } from './support/sync.mjs';

/** The progress before the first run. */
const INITIAL_PROGRESS = { S: JSON.stringify({ low: null, reached: null, pass: null, version: null, copiedTotal: 0, deletedTotal: 0 }) };

const opened = [];
let sync;
let call;
let run;
let insert;
let verify;

before(async () => {
  sync = await startSync();
  // No overlap, to test the watermark alone. Small batches, so that a few hundred rows are many pages.
  const { handler } = await loadFunction('data-sync', { ...sync.env, BATCH_ROWS: '50', OVERLAP_SECONDS: '0' });
  ({ call, run, insert, verify } = callsOf(sync, handler));
});

beforeEach(async () => {
  // Connections of a failed test would keep its tables locked.
  await Promise.all(opened.splice(0).map((client) => client.end()));
  await sync.clear();
  await sync.migrate();
});

after(() => sync?.stop());

const green = (sql, values) => sync.green.rows(sql, values);
const blue = (sql, values) => sync.blue.rows(sql, values);

async function assertEqual() {
  assert.deepEqual(await differencesOf(sync), []);
}

/** Runs `sql` in a transaction on blue and leaves it open. */
async function openTransaction(sql) {
  const client = await open(sync.blue);
  opened.push(client);
  await client.query('BEGIN');
  await client.query(sql);
  return {
    async commit() {
      await client.query('COMMIT');
      await client.end();
    },
    query: (text) => client.query(text),
    end: () => client.end(),
  };
}

test('without tables the status reports it and a run fails', async () => {
  await sync.clear();
  const status = await call({ action: 'status' });
  assert.deepEqual([status.state, status.running, status.watermark, status.remaining], ['stopped', false, null, null]);
  assert.match(status.missing, /blue has no tables yet.*; .*green has no tables yet/);
  await assert.rejects(run(), /the database of blue has no tables yet: run `provisioner migrate`/);
  assert.match((await call({ action: 'status' })).lastRun.error, /has no tables yet/);
  assert.match((await call({ action: 'verify' })).missing, /no watermark/);
});

test('the status reports an unreachable database', async () => {
  const { result } = await sync.call({ action: 'status' }, { more: { GREEN_DB_PORT: '1' } });
  assert.match(result.missing, /^the database of green can not be reached \(ECONNREFUSED\)$/);
  assert.equal(result.remaining, 0);
});

test('the status reports wrong credentials', async () => {
  const { result } = await sync.call({ action: 'status' }, { more: { BLUE_DB_SECRET_ARN: 'other' } });
  assert.match(result.missing, /^the database of blue rejects the credentials of its secret$/);
});

test('the schedule runs only between start and stop', async () => {
  await insert();
  const scheduled = { source: 'aws.events', 'detail-type': 'Scheduled Event' };
  assert.deepEqual(await call(scheduled), { state: 'stopped' });
  assert.deepEqual(await call({ action: 'start' }), { state: 'started' });
  assert.equal((await call(scheduled)).copied, 1);
  assert.deepEqual(await call({ action: 'stop' }), { state: 'stopped' });
  assert.deepEqual(await call(scheduled), { state: 'stopped' });
  assert.equal((await run()).outcome, 'done');
});

test('an unknown action is rejected', async () => {
  for (const event of [{}, undefined, { action: 'drop' }, { action: 'constructor' }]) {
    await assert.rejects(call(event), /action must be start, stop, run-once, status or verify/);
  }
});

test('copies only changes since the last run', async () => {
  await fill(sync.blue, 230);
  assert.deepEqual(counts(await run()), done({ copied: 230 }));
  await assertEqual();
  assert.deepEqual(counts(await run()), done());
  const id = await insert();
  await blue("UPDATE payments SET status = 'R' WHERE id BETWEEN 10 AND 19");
  await blue('DELETE FROM payments WHERE id BETWEEN 100 AND 104');
  assert.deepEqual(counts(await run()), done({ copied: 11, deleted: 5 }));
  await assertEqual();
  await blue('DELETE FROM payments WHERE id = $1', [id]);
  await blue("INSERT INTO payments (id, merchant_ref, amount, currency, card_token) VALUES ($1, 'again', 1, 'EUR', 'tok_abcdefgh')", [id]);
  assert.equal((await run()).outcome, 'done');
  await assertEqual();
  const status = await call({ action: 'status' });
  assert.deepEqual([status.quarantined, status.remaining, status.secondsLeft, status.running, status.missing], [0, 0, 0, false, undefined]);
  assert.equal(status.lastRun.outcome, 'done');
  assert.ok(status.lagSeconds < 60 && status.copiedTotal >= 241 && status.deletedTotal >= 5);
});

test('rows with equal times are copied once across pages', async () => {
  await fill(sync.blue, 330);
  await sync.blue.admin.query(`
    BEGIN; SET LOCAL session_replication_role = replica;
    UPDATE payments SET updated_at = '2026-01-01 00:00:00.000001+00' WHERE id <= 170;
    UPDATE payments SET updated_at = timestamptz '2026-01-01 00:00:00.000002+00' + (id % 3) * interval '1 microsecond' WHERE id > 170;
    COMMIT`);
  assert.deepEqual(counts(await run()), done({ copied: 330 }));
  await assertEqual();
});

test('a late commit is not missed', async () => {
  await insert();
  const late = await openTransaction("INSERT INTO payments (merchant_ref, amount, currency, card_token) VALUES ('late', 1, 'EUR', 'tok_late')");
  const lateDeletion = await openTransaction('DELETE FROM payments WHERE id = 1');
  const [{ now }] = await blue('SELECT clock_timestamp()::text AS now');
  for (let round = 0; round < 3; round += 1) {
    await insert();
    const { watermark } = await run();
    assert.ok(watermark.replace('T', ' ') < now, 'the watermark passed an open transaction');
    // Changes of other transactions are copied.
    assert.equal((await green('SELECT count(*)::int AS n FROM payments'))[0].n, round + 2);
  }
  await late.commit();
  await lateDeletion.commit();
  assert.deepEqual(counts(await run()), done({ copied: 1, deleted: 1, unchanged: 3 }));
  await assertEqual();
  assert.ok((await run()).watermark.replace('T', ' ') > now);
});

test('a read-only transaction does not delay the watermark', async () => {
  const reader = await openTransaction('SELECT count(*) FROM payments');
  const [{ now }] = await blue('SELECT clock_timestamp()::text AS now');
  assert.ok((await run()).watermark.replace('T', ' ') > now);
  await reader.end();
});

test('a transaction delays the watermark from its first write', async () => {
  const writer = await openTransaction('SELECT count(*) FROM payments');
  await run();
  await writer.query("INSERT INTO payments (merchant_ref, amount, currency, card_token) VALUES ('late', 1, 'EUR', 'tok_late')");
  await run();
  await run();
  await writer.commit();
  assert.equal((await run()).copied, 1);
  await assertEqual();
});

test('a prepared transaction delays the watermark', async () => {
  const { watermark } = await run();
  await blue('BEGIN');
  await blue("INSERT INTO payments (merchant_ref, amount, currency, card_token) VALUES ('late', 1, 'EUR', 'tok_late')");
  await blue("PREPARE TRANSACTION 'one'");
  await insert();
  assert.equal((await run()).watermark, watermark);
  await blue("COMMIT PREPARED 'one'");
  assert.equal((await run()).copied, 1);
  await assertEqual();
});

test('a session with track_activities off delays the watermark', async () => {
  const { watermark } = await run();
  await blue('SET track_activities = off');
  assert.equal((await run()).watermark, watermark);
  await blue('RESET track_activities');
  assert.notEqual((await run()).watermark, watermark);
});

test('a run without pg_read_all_stats fails with advice', async () => {
  await sync.blue.admin.query(`REVOKE pg_monitor FROM ${sync.blue.credentials.user}`);
  try {
    await assert.rejects(run(), /grant it pg_read_all_stats/);
  } finally {
    await sync.blue.admin.query(`GRANT pg_monitor TO ${sync.blue.credentials.user}`);
  }
});

test('later changes of green stay until blue changes again', async () => {
  const [one, two, three] = [await insert(), await insert(), await insert()];
  await run();
  await green("UPDATE payments SET status = 'captured', updated_at = clock_timestamp() WHERE legacy_id = ANY($1)", [[one, two]]);
  // Reads all rows again, as after a lost checkpoint.
  await sync.setItem('progress', INITIAL_PROGRESS);
  assert.deepEqual(counts(await run()), done({ unchanged: 3 }));
  const { ownChanges, differing } = await verify();
  assert.deepEqual([ownChanges, differing], [[one, two], 0]);
  await blue("UPDATE payments SET status = 'F' WHERE id = $1", [one]);
  await blue("UPDATE payments SET status = 'R' WHERE id = $1", [three]);
  assert.deepEqual(counts(await run()), done({ copied: 2 }));
  const statuses = await green('SELECT status FROM payments ORDER BY legacy_id');
  assert.deepEqual(statuses.map(({ status }) => status), ['failed', 'captured', 'refunded']);
});

test('a deleted row is not restored by an older state', async () => {
  const [deleted, reused] = [await insert(), await insert()];
  const [{ now }] = await blue('SELECT clock_timestamp()::text AS now');
  // The deletion arrives first.
  await green('INSERT INTO sync_tombstones VALUES ($1, $3), ($2, $3)', [deleted, reused, now]);
  await blue("UPDATE payments SET status = 'C' WHERE id = $1", [reused]);
  assert.deepEqual(counts(await run()), done({ copied: 1, unchanged: 1 }));
  assert.deepEqual(await green('SELECT legacy_id, status FROM payments'), [{ legacy_id: reused, status: 'captured' }]);
  // The deletion arrives later and is older than green's row.
  await sync.blue.admin.query("INSERT INTO payment_tombstones VALUES ($1, clock_timestamp() - interval '1 second')", [reused]);
  await sync.setItem('progress', INITIAL_PROGRESS);
  assert.equal((await run()).deleted, 0);
  assert.equal((await green('SELECT count(*)::int AS n FROM payments'))[0].n, 1);
});
