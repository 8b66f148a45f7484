/** The guarantees of the schemas in migrations/postgres. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { connect } from '../lib/postgres.mjs';
import { postgres } from '../migrate/postgres.mjs';
import { startPostgres } from './support/postgres.mjs';
import { applySchema } from './support/schema.mjs';

let db;
let client;
let other;

before(async () => {
  db = await startPostgres();
});

beforeEach(async () => {
  await db.clear();
  [client, other] = await Promise.all(['one', 'other'].map((name) => connect(db.settings, db.credentials, { name })));
});

afterEach(() => Promise.all([client?.end(), other?.end()]));

after(() => db?.stop());

const schemaOf = (environment) => applySchema(postgres, db, environment);

const INSERT = `
  INSERT INTO payments (id, merchant_ref, amount, currency, card_token, updated_at)
  VALUES ($1, 'm-1', 19.99, 'EUR', 'tok_abcdefgh', $2) RETURNING updated_at`;
const PAST = '2020-01-01 00:00:00+00';
const FUTURE = '2090-01-01 00:00:00+00';

/** These return the time of the change. */
const insert = async (connection, id, updatedAt = PAST) => (await connection.query(INSERT, [id, updatedAt])).rows[0].updated_at;
const update = async (connection, id, changes = "status = 'A'") =>
  (await connection.query(`UPDATE payments SET ${changes} WHERE id = $1 RETURNING updated_at`, [id])).rows[0].updated_at;
const remove = (connection, id) => connection.query('DELETE FROM payments WHERE id = $1', [id]);
const tombstones = () => db.rows('SELECT id, deleted_at FROM payment_tombstones ORDER BY id');

/** Sets a row's time in the future, as if the clock had been ahead. */
async function putInFuture(id) {
  await db.admin.query('SET session_replication_role = replica');
  const sql = "UPDATE payments SET updated_at = clock_timestamp() + interval '1 hour' WHERE id = $1 RETURNING updated_at";
  const [{ updated_at: time }] = await db.rows(sql, [id]);
  await db.admin.query('RESET session_replication_role');
  return time;
}

async function otherWaits() {
  const sql = "SELECT FROM pg_stat_activity WHERE application_name = 'other' AND wait_event_type = 'Lock'";
  for (let attempt = 0; attempt < 300; attempt += 1) {
    if ((await db.rows(sql)).length > 0) return;
    await pause(10);
  }
  throw new Error('no session waits for a lock');
}

async function assertIncreasing(...times) {
  const [{ increasing }] = await db.rows(
    'SELECT bool_and(earlier < later) AS increasing FROM unnest($1::timestamptz[], $2::timestamptz[]) AS pairs (earlier, later)',
    [times.slice(0, -1), times.slice(1)],
  );
  assert.ok(increasing, times.join(' '));
}

test('changes of a payment have strictly increasing times', async () => {
  await schemaOf('blue');
  const times = [PAST, await insert(client, 1)];
  for (let count = 0; count < 50; count += 1) times.push(await update(client, 1, `updated_at = '${PAST}'`));
  times.push(await update(other, 1, `updated_at = '${FUTURE}'`), FUTURE);
  await assertIncreasing(...times);
});

test('changes in one transaction have increasing times', async () => {
  await schemaOf('blue');
  await client.query('BEGIN');
  const times = [await insert(client, 1), await update(client, 1), await update(client, 1)];
  await client.query('COMMIT');
  const upsert = "INSERT INTO payments SELECT * FROM payments ON CONFLICT (id) DO UPDATE SET status = 'C' RETURNING updated_at";
  times.push((await client.query(upsert)).rows[0].updated_at);
  await assertIncreasing(...times);
});

test('times increase after the clock was set back', async () => {
  await schemaOf('blue');
  await insert(client, 1);
  const times = [await putInFuture(1), await update(client, 1), await update(client, 1)];
  await remove(client, 1);
  times.push((await tombstones())[0].deleted_at, await insert(client, 1), await update(client, 1));
  await remove(client, 1);
  times.push((await tombstones())[0].deleted_at);
  await assertIncreasing(...times);
});

test('concurrent changes have times in their order', async () => {
  await schemaOf('blue');
  await insert(client, 1);
  await putInFuture(1);
  await client.query('BEGIN');
  await update(client, 1);
  const second = update(other, 1);
  await otherWaits();
  const first = await update(client, 1);
  await client.query('COMMIT');
  await assertIncreasing(first, await second);
});

test('only a committed deletion leaves a tombstone', async () => {
  await schemaOf('blue');
  const written = [await insert(client, 1), await insert(client, 2), await insert(client, 3)];
  await client.query('DELETE FROM payments WHERE id < 3');
  await client.query('BEGIN');
  await remove(client, 3);
  await client.query('ROLLBACK');
  const left = await tombstones();
  assert.deepEqual(left.map(({ id }) => id), ['1', '2']);
  for (const [index, { deleted_at: deletedAt }] of left.entries()) await assertIncreasing(written[index], deletedAt);
});

test('a reused id has a later time than its tombstone', async () => {
  await schemaOf('blue');
  await insert(client, 1);
  await putInFuture(1);
  await client.query('BEGIN');
  await remove(client, 1);
  const again = insert(other, 1);
  await otherWaits();
  await client.query('COMMIT');
  await assertIncreasing((await tombstones())[0].deleted_at, await again);
});

test('changing an id and TRUNCATE are rejected', async () => {
  await schemaOf('blue');
  await insert(client, 1);
  await assert.rejects(update(client, 1, 'id = 2'), /payment 1 keeps its id/);
  await assert.rejects(client.query('TRUNCATE payments'), /use DELETE/);
});

test('the legacy table sets ids and creation times in UTC', async () => {
  await schemaOf('blue');
  await client.query("SET timezone = 'Asia/Tokyo'");
  const sql = `
    INSERT INTO payments (merchant_ref, amount, currency, card_token) VALUES ('m-1', 1, 'EUR', 'tok_abcdefgh')
    RETURNING id, status, created = now() AT TIME ZONE 'UTC' AS in_utc`;
  assert.deepEqual((await client.query(sql)).rows, [{ id: '1', status: 'N', in_utc: true }]);
});

test('an index finds changes by time', async () => {
  await schemaOf('blue');
  const some = "INSERT INTO payments (merchant_ref, amount, currency, card_token) SELECT 'm', 1, 'EUR', 't' FROM generate_series(1, 5000)";
  await client.query(some);
  await client.query('ANALYZE payments');
  const since = 'SELECT * FROM payments WHERE (updated_at, id) > (now(), 0) ORDER BY updated_at, id LIMIT 100';
  const { rows } = await client.query(`EXPLAIN ${since}`);
  assert.match(rows.map((row) => row['QUERY PLAN']).join('\n'), /Index Scan using payments_by_change/);
});

const NEW_PAYMENT = {
  legacy_id: 1, merchant_id: 'm-1', amount_minor: 1999, currency: 'EUR', status: 'captured', payment_token: 'tok_abcdefgh',
};

function insertNew(changes) {
  const row = { ...NEW_PAYMENT, payment_id: randomUUID(), ...changes };
  const names = Object.keys(row);
  return client.query(`INSERT INTO payments (${names}) VALUES (${names.map((_, index) => `$${index + 1}`)})`, Object.values(row));
}

test('the new table accepts payments of green itself', async () => {
  await schemaOf('green');
  await insertNew({});
  await insertNew({ legacy_id: null, amount_minor: '9007199254740993' });
  await insertNew({ legacy_id: null });
  assert.equal((await db.rows('SELECT FROM payments WHERE created_at = updated_at')).length, 3);
});

test('the new table rejects invalid and duplicate payments', async () => {
  await schemaOf('green');
  await insertNew({});
  for (const [changes, constraint] of [
    [{ legacy_id: 1 }, 'payments_legacy_id_key'],
    [{ merchant_id: '' }, 'merchant_is_named'],
    [{ amount_minor: 0 }, 'amount_is_positive'],
    [{ amount_minor: -1 }, 'amount_is_positive'],
    [{ currency: 'eur' }, 'currency_is_a_code'],
    [{ currency: 'E' }, 'currency_is_a_code'],
    [{ status: 'C' }, 'status_is_known'],
    [{ payment_token: '' }, 'token_is_there'],
  ]) {
    const refused = (error) => error.constraint === constraint;
    await assert.rejects(insertNew({ legacy_id: 2, ...changes }), refused, constraint);
  }
});
