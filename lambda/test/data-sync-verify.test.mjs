import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { captureOutput, loadFunction } from './support/function.mjs';
import { callsOf, counts, done } from './support/sync-calls.mjs';
import { differencesOf, fill, startSync } from './support/sync.mjs';

const CARD = '4111 1111 1111 1111';

let sync;
let call;
let run;
let insert;
let verify;

before(async () => {
  sync = await startSync();
  const { handler } = await loadFunction('data-sync', { ...sync.env, BATCH_ROWS: '600', OVERLAP_SECONDS: '0', LOG_LEVEL: 'debug' });
  ({ call, run, insert, verify } = callsOf(sync, handler));
});

beforeEach(async () => {
  await sync.clear();
  await sync.migrate();
});

after(() => sync?.stop());

const green = (sql, values) => sync.green.rows(sql, values);
const blue = (sql, values) => sync.blue.rows(sql, values);
const quarantine = () => green('SELECT source_table, legacy_id, reason, attempts FROM sync_quarantine ORDER BY legacy_id');

test('finds no differences if green equals blue', async () => {
  await fill(sync.blue, 2000);
  await green("INSERT INTO payments (payment_id, merchant_id, amount_minor, currency, payment_token) VALUES (gen_random_uuid(), 'm', 1, 'EUR', 't')");
  await run();
  const { differing, differences, rows, chunks } = await verify();
  assert.deepEqual({ differing, differences, rows, chunks }, { differing: 0, differences: [], rows: { blue: 2000, green: 2000 }, chunks: 4 });
});

test('lists ids and fields of differences, but no values', async () => {
  await fill(sync.blue, 2000);
  await run();
  await green('UPDATE payments SET amount_minor = amount_minor + 1 WHERE legacy_id = 17');
  await green("UPDATE payments SET merchant_id = 'm', reference = NULL, payment_id = gen_random_uuid() WHERE legacy_id = 1999");
  await green("UPDATE payments SET updated_at = updated_at - interval '1 microsecond' WHERE legacy_id = 600");
  await green('DELETE FROM payments WHERE legacy_id IN (601, 2000)');
  await green(`INSERT INTO payments (payment_id, legacy_id, merchant_id, amount_minor, currency, payment_token)
    VALUES (gen_random_uuid(), 5000, 'm', 1, 'EUR', 't'), (gen_random_uuid(), -3, 'm', 1, 'EUR', 't')`);
  const { result, output } = await captureOutput(() => verify());
  assert.deepEqual(result.differences, [
    { id: '-3', what: 'extra', fields: [] },
    { id: '17', what: 'differs', fields: ['amount_minor'] },
    { id: '600', what: 'differs', fields: ['updated_at'] },
    { id: '601', what: 'missing', fields: [] },
    { id: '1999', what: 'differs', fields: ['payment_id', 'merchant_id', 'reference'] },
    { id: '2000', what: 'missing', fields: [] },
    { id: '5000', what: 'extra', fields: [] },
  ]);
  assert.equal(result.differing, 7);
  assert.doesNotMatch(output(), /tok_|merchant-/);
});

test('finds two swapped payments', async () => {
  await fill(sync.blue, 600);
  await run();
  await green(`UPDATE payments p SET amount_minor = o.amount_minor, merchant_id = o.merchant_id FROM payments o
    WHERE (p.legacy_id, o.legacy_id) IN ((4, 8), (8, 4))`);
  const { differences } = await verify();
  assert.deepEqual(differences.map(({ id }) => id), ['4', '8']);
});

test('counts more differences than it lists', async () => {
  await fill(sync.blue, 3000);
  await run();
  await sync.blue.admin.query('SET session_replication_role = replica; DELETE FROM payments; SET session_replication_role = DEFAULT');
  const { differing, differences, chunks } = await verify();
  assert.equal(differing, 3000);
  assert.ok(differences.length >= 100 && chunks > 1);
  assert.deepEqual(differences[0], { id: '1', what: 'extra', fields: [] });
});

test('verify resumes at its cursor', async () => {
  await fill(sync.blue, 3000);
  await run();
  await green('UPDATE payments SET amount_minor = 1 WHERE legacy_id IN (20, 2980)');
  const { calls, chunks, differences, rows } = await verify(1);
  assert.deepEqual([calls, chunks, rows], [6, 6, { blue: 3000, green: 3000 }]);
  assert.deepEqual(differences.map(({ id }) => id), ['20', '2980']);
});

test('changes on blue after the watermark are no differences', async () => {
  await fill(sync.blue, 1000);
  await run();
  const { watermark } = await run();
  await blue("UPDATE payments SET status = 'F' WHERE id BETWEEN 5 AND 40");
  await blue('DELETE FROM payments WHERE id BETWEEN 50 AND 60');
  await insert();
  assert.equal((await verify()).differing, 0);
  // Green already has the changes after the watermark.
  await run();
  const after = await call({ action: 'verify', cursor: { watermark, after: '-9223372036854775808' } });
  assert.deepEqual([after.differing, after.ownChanges.count, after.watermark], [0, 0, watermark]);
});

test('a deleted payment that green changed later is an own change', async () => {
  const id = await insert();
  await run();
  await green("UPDATE payments SET updated_at = clock_timestamp() + interval '1 second' WHERE legacy_id = $1", [id]);
  await blue('DELETE FROM payments WHERE id = $1', [id]);
  assert.deepEqual(counts(await run()), done({ unchanged: 1 }));
  const { differing, ownChanges } = await verify();
  assert.deepEqual([differing, ownChanges], [0, [id]]);
});

test('rejected rows enter quarantine and leave it when corrected', async () => {
  const good = await insert();
  const card = await insert({ reference: `card ${CARD}` });
  const fraction = await insert({ currency: 'JPY', amount: '1.50' });
  const { result, output } = await captureOutput(run);
  assert.deepEqual(counts(result), done({ copied: 1, quarantined: 2 }));
  assert.deepEqual(await quarantine(), [
    { source_table: 'payments', legacy_id: card, reason: 'reference holds a card number', attempts: 1 },
    { source_table: 'payments', legacy_id: fraction, reason: 'amount has a fraction that its currency does not have', attempts: 1 },
  ]);
  const everything = await green('SELECT p::text FROM payments p UNION ALL SELECT q::text FROM sync_quarantine q');
  assert.doesNotMatch(JSON.stringify(everything) + output() + JSON.stringify(await sync.item()), /1111|1\.50/);
  assert.equal((await call({ action: 'status' })).quarantined, 2);
  const { differing, quarantined, rows } = await verify();
  assert.deepEqual([differing, quarantined, rows], [0, 2, { blue: 1, green: 1 }]);

  await blue('UPDATE payments SET reference = NULL WHERE id = $1', [card]);
  await blue('DELETE FROM payments WHERE id = $1', [fraction]);
  // A payment that became invalid: green keeps its last valid state.
  await blue('UPDATE payments SET reference = $2 WHERE id = $1', [good, CARD]);
  assert.deepEqual(counts(await run()), done({ copied: 1, quarantined: 1, unchanged: 1 }));
  assert.deepEqual((await quarantine()).map(({ legacy_id: id }) => id), [good]);
  await blue('UPDATE payments SET reference = NULL WHERE id = $1', [good]);
  assert.deepEqual(counts(await run()), done({ copied: 1 }));
  assert.deepEqual([await quarantine(), await differencesOf(sync)], [[], []]);
});

test('a quarantined row is counted once', async () => {
  await insert({ status: 'X' });
  assert.equal((await run()).quarantined, 1);
  const progress = JSON.parse((await sync.item()).progress.S);
  await sync.setItem('progress', { S: JSON.stringify({ ...progress, low: null }) });
  assert.deepEqual(counts(await run()), done({ unchanged: 1 }));
  assert.deepEqual((await quarantine()).map(({ attempts }) => attempts), [2]);
});

test('a payment rejected by the new table is quarantined', async () => {
  await fill(sync.blue, 500);
  await sync.green.admin.query('ALTER TABLE payments ADD CONSTRAINT no_sevens CHECK (legacy_id <> 77 AND legacy_id <> 277)');
  assert.deepEqual(counts(await run()), done({ copied: 498, quarantined: 2 }));
  assert.deepEqual(await quarantine(), [
    { source_table: 'payments', legacy_id: '77', reason: 'the new table refuses it: no_sevens', attempts: 1 },
    { source_table: 'payments', legacy_id: '277', reason: 'the new table refuses it: no_sevens', attempts: 1 },
  ]);
});

test('payments of an earlier transformation version are rewritten', async () => {
  await fill(sync.blue, 100);
  await run();
  await green("UPDATE payments SET status = 'created' WHERE legacy_id <= 10");
  const progress = JSON.parse((await sync.item()).progress.S);
  await sync.setItem('progress', { S: JSON.stringify({ ...progress, version: 0 }) });
  assert.deepEqual(counts(await run()), done({ copied: 8, unchanged: 92 }));
  assert.deepEqual(await differencesOf(sync), []);
});
