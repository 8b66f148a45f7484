/** Writes batches to green's database, each in one transaction. A batch can be repeated, in any order. */
import { transaction } from '../lib/postgres.mjs';
import { isRejectedValue } from '../lib/postgres-errors.mjs';
import { LeaseLost } from './checkpoint.mjs';
import { quoted, unquoted } from './arrays.mjs';

/**
 * Session setup for green: makes the planner look up each row of a batch by index. Without statistics about the batch and
 * the new table it would choose full scans.
 */
export const GREEN_SET_UP = `
  SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_seqscan = off; SET jit = off`;

/** The columns of a payment in green: name, type, and how to write an array of it. */
export const PAYMENT_COLUMNS = [
  ['payment_id', 'uuid', unquoted],
  ['legacy_id', 'bigint', unquoted],
  ['merchant_id', 'text', quoted],
  ['amount_minor', 'bigint', unquoted],
  ['currency', 'text', unquoted],
  ['status', 'text', unquoted],
  ['payment_token', 'text', quoted],
  ['reference', 'text', quoted],
  ['created_at', 'timestamptz', unquoted],
  ['updated_at', 'timestamptz', unquoted],
];
const NAMES = PAYMENT_COLUMNS.map(([name]) => name).join(', ');
const CONTENT = PAYMENT_COLUMNS.map(([name]) => name).filter((name) => name !== 'legacy_id' && name !== 'updated_at');
const contentOf = (row) => CONTENT.map((name) => `${row}.${name}`).join(', ');
const ARRAYS = PAYMENT_COLUMNS.map(([, type], index) => `$${index + 1}::${type}[]`).join(', ');
const REWRITE = `$${PAYMENT_COLUMNS.length + 1}::boolean`;

/**
 * A paused run can resume after its lease was taken over. A batch of it that read the tombstones before its successor
 * wrote them would restore a deleted payment. So each transaction first updates the row of its stream, which serialises
 * them and rejects a smaller fence.
 */
const CHECK_FENCE = `
  INSERT INTO sync_fence AS f (stream, fence) VALUES ('payments', $1)
  ON CONFLICT (stream) DO UPDATE SET fence = excluded.fence WHERE f.fence <= excluded.fence
  RETURNING fence`;

const BATCH = `unnest(${ARRAYS}) AS i (${NAMES})`;
const NOT_DELETED = `
  NOT EXISTS (SELECT FROM sync_tombstones t WHERE t.legacy_id = i.legacy_id AND t.deleted_at >= i.updated_at)`;

/** Inserts new rows. Sufficient for the first copy, and a seventh faster than the upsert. */
const INSERT_NEW = `
  INSERT INTO payments (${NAMES}) SELECT ${NAMES} FROM ${BATCH}
  WHERE ${NOT_DELETED} AND NOT EXISTS (SELECT FROM payments k WHERE k.legacy_id = i.legacy_id)`;

/**
 * The later state wins, by the times of blue's rows; equal times mean the same state. Rows that green has changed have a
 * later time. With $rewrite (a new version of the transformation) rows with equal times are written again if they differ.
 * Unchanged rows are filtered out first, because ON CONFLICT would lock them, and a lock is a write.
 */
const UPSERT = `
  INSERT INTO payments AS p (${NAMES}) SELECT ${NAMES} FROM ${BATCH}
  WHERE ${NOT_DELETED} AND NOT EXISTS (
    SELECT FROM payments k
    WHERE k.legacy_id = i.legacy_id AND k.updated_at >= i.updated_at AND (k.updated_at > i.updated_at OR NOT ${REWRITE})
  )
  ON CONFLICT (legacy_id) DO UPDATE
  SET ${CONTENT.map((name) => `${name} = excluded.${name}`).join(', ')}, updated_at = excluded.updated_at
  WHERE p.updated_at < excluded.updated_at OR (
    ${REWRITE} AND p.updated_at = excluded.updated_at AND (${contentOf('p')}) IS DISTINCT FROM (${contentOf('excluded')})
  )`;

/** A row that is transformed leaves quarantine. */
const LEAVE_QUARANTINE = `
  DELETE FROM sync_quarantine q USING unnest($1::bigint[], $2::timestamptz[]) AS i (legacy_id, updated_at)
  WHERE q.source_table = 'payments' AND q.legacy_id = i.legacy_id AND q.source_updated_at <= i.updated_at`;

/** A deletion wins over all earlier states, even if they arrive later. A later state (the id was reused) stays. */
const DELETE_ROWS = `
  WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS i (legacy_id, deleted_at)
  ), recorded AS (
    INSERT INTO sync_tombstones AS t (legacy_id, deleted_at)
    SELECT i.legacy_id, i.deleted_at FROM incoming i
    WHERE NOT EXISTS (SELECT FROM sync_tombstones k WHERE k.legacy_id = i.legacy_id AND k.deleted_at >= i.deleted_at)
    ON CONFLICT (legacy_id) DO UPDATE SET deleted_at = excluded.deleted_at WHERE t.deleted_at < excluded.deleted_at
  ), released AS (
    DELETE FROM sync_quarantine q USING incoming i
    WHERE q.source_table = 'payments' AND q.legacy_id = i.legacy_id AND q.source_updated_at <= i.deleted_at
  ), deleted AS (
    DELETE FROM payments p USING incoming i WHERE p.legacy_id = i.legacy_id AND p.updated_at <= i.deleted_at
    RETURNING 1
  )
  SELECT count(*)::int AS count FROM deleted`;

/** Adds rows to quarantine. Counts new rows, and rows that have changed on blue and are still rejected. */
const QUARANTINE = `
  WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[]) AS i (legacy_id, source_updated_at, reason)
    WHERE NOT EXISTS (SELECT FROM sync_tombstones t WHERE t.legacy_id = i.legacy_id AND t.deleted_at >= i.source_updated_at)
  ), known AS (
    SELECT legacy_id, source_updated_at FROM sync_quarantine
    WHERE source_table = 'payments' AND legacy_id IN (SELECT legacy_id FROM incoming)
  ), written AS (
    INSERT INTO sync_quarantine AS q (source_table, legacy_id, source_updated_at, reason)
    SELECT 'payments', legacy_id, source_updated_at, reason FROM incoming
    ON CONFLICT (source_table, legacy_id) DO UPDATE SET
      source_updated_at = excluded.source_updated_at, reason = excluded.reason, last_seen = now(), attempts = q.attempts + 1
    WHERE q.source_updated_at <= excluded.source_updated_at
  )
  SELECT count(*)::int AS count FROM incoming i LEFT JOIN known k USING (legacy_id)
  WHERE k.legacy_id IS NULL OR k.source_updated_at < i.source_updated_at`;

/**
 * Prepares the values of a batch, separately from the write, so that it runs while green writes the batch before.
 * `first`: most rows are new; `rewrite`: rows with equal times are written again.
 */
export function prepareBatch(payments, rejected, options) {
  return { payments, rejected, values: PAYMENT_COLUMNS.map(([name, , array]) => array(payments, name)), options };
}

/** Writes to green under the fence of a lease. */
export class Green {
  #session;
  #fence;

  constructor(session, fence) {
    this.#session = session;
    this.#fence = fence;
  }

  /**
   * Writes a batch from prepareBatch: {copied, quarantined}. A payment that the table rejects is found by halving the
   * batch, and quarantined too.
   */
  async writePayments(batch) {
    try {
      return await this.#write(batch);
    } catch (error) {
      if (!isRejectedValue(error)) throw error;
      const counts = { copied: 0, quarantined: 0 };
      for (const part of splitRejected(batch, error)) {
        const { copied, quarantined } = await this.writePayments(part);
        counts.copied += copied;
        counts.quarantined += quarantined;
      }
      return counts;
    }
  }

  /** Deletes the rows that blue has deleted, and returns their number. */
  async deleteRows(tombstones) {
    const values = [unquoted(tombstones, 'id'), unquoted(tombstones, 'deleted_at')];
    return this.#fenced(async (client) => (await client.query(DELETE_ROWS, values)).rows[0].count);
  }

  #write({ payments, rejected, values, options }) {
    return this.#fenced(async (client) => ({
      copied: payments.length === 0 ? 0 : await upsert(client, values, payments.length, options),
      quarantined: rejected.length === 0 ? 0 : await quarantine(client, rejected),
    }));
  }

  #fenced(work) {
    return this.#session.use((client) =>
      transaction(client, async () => {
        const { rowCount } = await client.query(CHECK_FENCE, [this.#fence]);
        if (rowCount === 0) throw new LeaseLost();
        return work(client);
      }),
    );
  }
}

async function upsert(client, values, count, { first, rewrite }) {
  await client.query(LEAVE_QUARANTINE, [values[1], values.at(-1)]);
  const inserted = first ? (await client.query(INSERT_NEW, values)).rowCount : 0;
  return inserted === count ? count : inserted + (await client.query(UPSERT, [...values, rewrite])).rowCount;
}

async function quarantine(client, rejected) {
  const values = [unquoted(rejected, 'id'), unquoted(rejected, 'updatedAt'), quoted(rejected, 'reason')];
  return (await client.query(QUARANTINE, values)).rows[0].count;
}

/** Splits a rejected batch into two halves; a batch of one payment becomes a quarantined row. */
function splitRejected({ payments, rejected, options }, error) {
  if (payments.length === 0) throw error;
  if (payments.length === 1) return [prepareBatch([], [...rejected, asRejected(payments[0], error)], options)];
  const middle = Math.ceil(payments.length / 2);
  return [prepareBatch(payments.slice(0, middle), rejected, options), prepareBatch(payments.slice(middle), [], options)];
}

/** Names the constraint: the message of the error may quote the row. */
const asRejected = ({ legacy_id: id, updated_at: updatedAt }, { constraint, code }) => ({
  id,
  updatedAt,
  reason: `the new table refuses it: ${constraint ?? `error ${code}`}`,
});

export async function countQuarantined(green) {
  const [{ n }] = await green.rows("SELECT count(*)::int AS n FROM sync_quarantine WHERE source_table = 'payments'");
  return n;
}
