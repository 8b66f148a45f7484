/**
 * The load of a busy legacy system: short and long transactions that insert, update and delete, some of which roll back.
 */
import { setTimeout as pause } from 'node:timers/promises';

import { open } from './sync.mjs';

const between = (min, max) => min + Math.floor(Math.random() * (max - min + 1));

const INSERT = `
  INSERT INTO payments (merchant_ref, amount, currency, card_token)
  SELECT 'storm-' || n, n, 'EUR', 'tok_storm' FROM generate_series(1, $1) AS s (n)`;
// Half of them old rows, half of them rows that change often.
const PICK = `id IN (
  SELECT CASE WHEN n % 2 = 0 THEN 1 + floor(random() * 200)::int ELSE 1 + floor(random() * 200000)::int END FROM generate_series(1, $1) AS s (n))`;
const UPDATE = `UPDATE payments SET status = substr('NACRF', 1 + floor(random() * 5)::int, 1), amount = amount + 1 WHERE ${PICK}`;
const DELETE = `DELETE FROM payments WHERE ${PICK}`;
const REUSE_IDS = `
  INSERT INTO payments (id, merchant_ref, amount, currency, card_token)
  SELECT id, 'again', 1, 'EUR', 'tok_again' FROM payment_tombstones WHERE random() < 0.5 LIMIT $1 ON CONFLICT DO NOTHING`;

/** Runs for `seconds`; returns the number of committed transactions of each kind. */
export async function storm(blue, seconds) {
  const end = Date.now() + seconds * 1000;
  const committed = { short: 0, long: 0, rolledBack: 0 };
  const brief = () => worker(blue, end, committed, { kind: 'short', statements: 2, holdMs: [0, 20], rows: 5 });
  const long = () => worker(blue, end, committed, { kind: 'long', statements: 4, holdMs: [500, 3000], rows: 20 });
  await Promise.all([brief(), brief(), long(), long(), long()]);
  return committed;
}

async function worker(blue, end, committed, { kind, statements, holdMs, rows }) {
  const client = await open(blue);
  try {
    while (Date.now() < end) {
      const rollsBack = Math.random() < 0.1;
      try {
        await client.query('BEGIN');
        for (let count = between(1, statements); count > 0; count -= 1) {
          const sql = [INSERT, UPDATE, UPDATE, DELETE, REUSE_IDS][between(0, 4)];
          await client.query(sql, [between(1, rows)]);
          await pause(between(...holdMs));
        }
        await client.query(rollsBack ? 'ROLLBACK' : 'COMMIT');
        committed[rollsBack ? 'rolledBack' : kind] += 1;
      } catch (error) {
        // Deadlocks and lock timeouts are expected.
        if (!/^(?:40P01|55P03|40001|23505)$/.test(error.code)) throw error;
        await client.query('ROLLBACK');
        committed.rolledBack += 1;
      }
    }
  } finally {
    await client.end();
  }
}
