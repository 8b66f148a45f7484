/**
 * What is read from blue's database, in pages: each is one statement and so one snapshot, and none keeps a snapshot
 * open on a busy server.
 */
import { LONGEST_REFERENCE } from './transform/index.mjs';

/** For every connection to blue: nothing here ever writes to it. */
export const BLUE_SET_UP = 'SET default_transaction_read_only = on';

/**
 * All as text: see transform/v1.mjs. One character more than a reference may have shows that it is too long, whatever
 * its size.
 */
const COLUMNS = `id::text, merchant_ref, amount::text, currency, status, card_token,
  left(reference, ${LONGEST_REFERENCE + 1}) AS reference, created::text, updated_at::text`;

/** Before every id. */
const FIRST_ID = '-9223372036854775808';
/** Beyond this many, rows are estimated instead of counted. */
const COUNTED_ROWS = 100_000;

/** The two kinds of changes and where they are: rows that were written, ids that were deleted. */
export const STREAMS = {
  payments: { table: 'payments', time: 'updated_at', columns: COLUMNS },
  tombstones: { table: 'payment_tombstones', time: 'deleted_at', columns: 'id::text, deleted_at::text' },
};

/** The position before everything that is as late as `start`. */
export const positionAt = (start) => ({ at: start, id: FIRST_ID });

/**
 * A page of a stream after a position {at, id}, up to `target`: {rows, position}. Times may be equal, the id tells them
 * apart.
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

/** A page of payments in the order of ids, after one of them, whatever their times. */
export function readById(blue, after, limit) {
  return blue.rows(`SELECT ${COLUMNS} FROM payments WHERE id > $1::bigint ORDER BY payments.id LIMIT $2`, [after, limit]);
}

/** The state of these ids as it is now: [{id, updated_at, deleted_at}], each null where there is none. */
export function readStates(blue, ids) {
  const sql = `
    SELECT i.id::text, p.updated_at::text, t.deleted_at::text
    FROM unnest($1::bigint[]) AS i (id) LEFT JOIN payments p USING (id) LEFT JOIN payment_tombstones t USING (id)`;
  return blue.rows(sql, [ids]);
}

/** How many changes come after a position, of both streams; exact as long as they are few. */
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

/** How many seconds ago this was, by blue's clock; null for null. */
export async function secondsSince(blue, time) {
  if (time === null) return null;
  const sql = 'SELECT extract(epoch FROM clock_timestamp() - $1::timestamptz)::float8 AS seconds';
  const [{ seconds }] = await blue.rows(sql, [time]);
  return Math.max(0, Math.round(seconds * 1000) / 1000);
}
