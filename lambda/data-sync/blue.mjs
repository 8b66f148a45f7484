/** Reads from blue's database in pages. Each page is one statement, so no snapshot stays open on a busy server. */
import { MAX_REFERENCE_LENGTH } from './transform/index.mjs';

/** Session setup for blue: read-only. */
export const BLUE_SET_UP = 'SET default_transaction_read_only = on';

/**
 * All as text: see transform/v1.mjs. A reference is cut one character above its limit, which shows that it is too long,
 * so that a page has a maximum size.
 */
const COLUMNS = `id::text, merchant_ref, amount::text, currency, status, card_token,
  left(reference, ${MAX_REFERENCE_LENGTH + 1}) AS reference, created::text, updated_at::text`;

/** The smallest bigint. */
const MIN_ID = '-9223372036854775808';
/** Above this number, rows are estimated and not counted. */
const COUNTED_ROWS = 100_000;

/** The two streams of changes: written rows, and tombstones of deleted ones. */
export const STREAMS = {
  payments: { table: 'payments', time: 'updated_at', columns: COLUMNS },
  tombstones: { table: 'payment_tombstones', time: 'deleted_at', columns: 'id::text, deleted_at::text' },
};

/** The position before all changes at or after `start`. */
export const positionAt = (start) => ({ at: start, id: MIN_ID });

/**
 * A page of a stream after a position {at, id}, up to `target`: {rows, position, isLast}. The id orders rows with equal
 * times.
 */
export async function readPage(blue, { table, time, columns }, position, target, limit) {
  const sql = `
    SELECT ${columns} FROM ${table}
    WHERE (${time}, id) > ($1::timestamptz, $2::bigint) AND ${time} <= $3::timestamptz
    ORDER BY ${table}.${time}, ${table}.id LIMIT $4`;
  const rows = await blue.rows(sql, [position.at, position.id, target, limit]);
  const last = rows.at(-1);
  return { rows, position: last ? { at: last[time], id: last.id } : position, isLast: rows.length < limit };
}

/** A page of payments with ids after `after`, in the order of ids. */
export function readById(blue, after, limit) {
  return blue.rows(`SELECT ${COLUMNS} FROM payments WHERE id > $1::bigint ORDER BY payments.id LIMIT $2`, [after, limit]);
}

/** The current state of these ids: [{id, updated_at, deleted_at}], with null for a missing row or tombstone. */
export function readStates(blue, ids) {
  const sql = `
    SELECT i.id::text, p.updated_at::text, t.deleted_at::text
    FROM unnest($1::bigint[]) AS i (id) LEFT JOIN payments p USING (id) LEFT JOIN payment_tombstones t USING (id)`;
  return blue.rows(sql, [ids]);
}

/** The number of changes after the positions of both streams; an estimate if they are many. */
export async function countAfter(blue, positions) {
  let total = 0;
  for (const [name, { table, time }] of Object.entries(STREAMS)) {
    if (positions[name] === undefined) continue;
    total += await countRows(blue, `${table} WHERE (${time}, id) > ($1::timestamptz, $2::bigint)`, positions[name]);
  }
  return total;
}

async function countRows(blue, from, { at, id }) {
  const some = `SELECT FROM ${from} LIMIT ${COUNTED_ROWS + 1}`;
  const [{ n }] = await blue.rows(`SELECT count(*)::int AS n FROM (${some}) AS counted`, [at, id]);
  if (n <= COUNTED_ROWS) return n;
  const [plan] = await blue.rows(`EXPLAIN (FORMAT JSON) SELECT FROM ${from}`, [at, id]);
  return Math.max(n, plan['QUERY PLAN'][0].Plan['Plan Rows']);
}

/** The age of a time in seconds, by blue's clock; null for null. */
export async function secondsSince(blue, time) {
  if (time === null) return null;
  const sql = 'SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)::float8 AS seconds';
  const [{ seconds }] = await blue.rows(sql, [time]);
  return Math.max(0, Math.round(seconds * 1000) / 1000);
}
