/** What is written to green's database: whole batches, each in one transaction, and repeatable in any order. */
import { transaction } from '../lib/postgres.mjs';
import { isRefusedValue } from '../lib/postgres-errors.mjs';
import { LeaseLost } from './checkpoint.mjs';
import { quoted, unquoted } from './arrays.mjs';

/**
 * For every connection to green: each row of a batch is looked up by its index. The planner knows nothing of a batch,
 * nor at first of the table, and would rather read all of it for each of them.
 */
export const GREEN_SET_UP = `
  SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_material = off; SET enable_seqscan = off; SET jit = off`;

/** The columns of a payment in green, with their types and how they go into an array. */
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
 * A run that was taken for dead can wake up in the middle. Its batches do no harm by themselves, but one that asked for
 * tombstones before its successor wrote them would bring a deleted payment back. So each transaction first takes the
 * row of its stream, which lets one at a time through, and none that has a smaller number than one before.
 */
const PASS_FENCE = `
  INSERT INTO sync_fence AS f (stream, fence) VALUES ('payments', $1)
  ON CONFLICT (stream) DO UPDATE SET fence = excluded.fence WHERE f.fence <= excluded.fence
  RETURNING fence`;

const BATCH = `unnest(${ARRAYS}) AS i (${NAMES})`;
const NOT_BURIED = `
  NOT EXISTS (SELECT FROM sync_tombstones t WHERE t.legacy_id = i.legacy_id AND t.deleted_at >= i.updated_at)`;

/**
 * Those that are not there yet. For a first copy that is all there is to do, and it takes a seventh less time than the
 * next one.
 */
const INSERT_NEW = `
  INSERT INTO payments (${NAMES}) SELECT ${NAMES} FROM ${BATCH}
  WHERE ${NOT_BURIED} AND NOT EXISTS (SELECT FROM payments k WHERE k.legacy_id = i.legacy_id)`;

/**
 * The later state wins, by the times of blue's rows; equal ones are the same state. What green has changed since has a
 * later time still. Only with $rewrite, when a new version of the transformation runs, an equal one is written again,
 * where it differs. What changes nothing is left out beforehand: ON CONFLICT would lock those rows all the same, and a
 * lock is a write.
 */
const UPSERT = `
  INSERT INTO payments AS p (${NAMES}) SELECT ${NAMES} FROM ${BATCH}
  WHERE ${NOT_BURIED} AND NOT EXISTS (
    SELECT FROM payments k
    WHERE k.legacy_id = i.legacy_id AND k.updated_at >= i.updated_at AND (k.updated_at > i.updated_at OR NOT ${REWRITE})
  )
  ON CONFLICT (legacy_id) DO UPDATE
  SET ${CONTENT.map((name) => `${name} = excluded.${name}`).join(', ')}, updated_at = excluded.updated_at
  WHERE p.updated_at < excluded.updated_at OR (
    ${REWRITE} AND p.updated_at = excluded.updated_at AND (${contentOf('p')}) IS DISTINCT FROM (${contentOf('excluded')})
  )`;

/** What is transformed is no longer refused. */
const LEAVE_QUARANTINE = `
  DELETE FROM sync_quarantine q USING unnest($1::bigint[], $2::timestamptz[]) AS i (legacy_id, updated_at)
  WHERE q.source_table = 'payments' AND q.legacy_id = i.legacy_id AND q.source_updated_at <= i.updated_at`;

/**
 * A deletion wins over every earlier state, also over one that comes later; a state from after it (the id was used
 * again) stays.
 */
const BURY = `
  WITH incoming AS MATERIALIZED (
    SELECT * FROM unnest($1::bigint[], $2::timestamptz[]) AS i (legacy_id, deleted_at)
  ), noted AS (
    INSERT INTO sync_tombstones AS t (legacy_id, deleted_at)
    SELECT i.legacy_id, i.deleted_at FROM incoming i
    WHERE NOT EXISTS (SELECT FROM sync_tombstones k WHERE k.legacy_id = i.legacy_id AND k.deleted_at >= i.deleted_at)
    ON CONFLICT (legacy_id) DO UPDATE SET deleted_at = excluded.deleted_at WHERE t.deleted_at < excluded.deleted_at
  ), mended AS (
    DELETE FROM sync_quarantine q USING incoming i
    WHERE q.source_table = 'payments' AND q.legacy_id = i.legacy_id AND q.source_updated_at <= i.deleted_at
  ), gone AS (
    DELETE FROM payments p USING incoming i WHERE p.legacy_id = i.legacy_id AND p.updated_at <= i.deleted_at
    RETURNING 1
  )
  SELECT count(*)::int AS count FROM gone`;

/** Counts those that are new in it, or that have changed on blue since and are still refused. */
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
 * What it takes to write payments and to set refused rows aside. Apart from the writing, so that it is done while green
 * writes the batch before. `first`: most rows are new; `rewrite`: the same states are written again.
 */
export function prepareBatch(payments, refused, options) {
  return { payments, refused, values: PAYMENT_COLUMNS.map(([name, , array]) => array(payments, name)), options };
}

/** Green as a run writes to it, under the fence of its lease. */
export class Green {
  #session;
  #fence;

  constructor(session, fence) {
    this.#session = session;
    this.#fence = fence;
  }

  /**
   * Writes a batch, as prepareBatch made it: {copied, quarantined}. A payment that the table doesn't take is found by
   * halving the batch, and set aside too.
   */
  async writePayments(batch) {
    try {
      return await this.#write(batch);
    } catch (error) {
      if (!isRefusedValue(error)) throw error;
      const counts = { copied: 0, quarantined: 0 };
      for (const part of withoutOffender(batch, error)) {
        const { copied, quarantined } = await this.writePayments(part);
        counts.copied += copied;
        counts.quarantined += quarantined;
      }
      return counts;
    }
  }

  /** Deletes what blue has deleted: the number of payments that there still were. */
  async bury(tombstones) {
    const values = [unquoted(tombstones, 'id'), unquoted(tombstones, 'deleted_at')];
    return this.#fenced(async (client) => (await client.query(BURY, values)).rows[0].count);
  }

  #write({ payments, refused, values, options }) {
    return this.#fenced(async (client) => ({
      copied: payments.length === 0 ? 0 : await upsert(client, values, payments.length, options),
      quarantined: refused.length === 0 ? 0 : await quarantine(client, refused),
    }));
  }

  #fenced(work) {
    return this.#session.use((client) =>
      transaction(client, async () => {
        const { rowCount } = await client.query(PASS_FENCE, [this.#fence]);
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

async function quarantine(client, refused) {
  const values = [unquoted(refused, 'id'), unquoted(refused, 'updatedAt'), quoted(refused, 'reason')];
  return (await client.query(QUARANTINE, values)).rows[0].count;
}

/** A batch that was refused as two that are smaller, or as one without the payment that it was refused for. */
function withoutOffender({ payments, refused, options }, error) {
  if (payments.length === 0) throw error;
  if (payments.length === 1) return [prepareBatch([], [...refused, asRefused(payments[0], error)], options)];
  const middle = Math.ceil(payments.length / 2);
  return [prepareBatch(payments.slice(0, middle), refused, options), prepareBatch(payments.slice(middle), [], options)];
}

/** By the name of the rule that it breaks: the message of the error may quote the row. */
const asRefused = ({ legacy_id: id, updated_at: updatedAt }, { constraint, code }) => ({
  id,
  updatedAt,
  reason: `the new table refuses it: ${constraint ?? `error ${code}`}`,
});

export async function countQuarantined(green) {
  const [{ n }] = await green.rows("SELECT count(*)::int AS n FROM sync_quarantine WHERE source_table = 'payments'");
  return n;
}
