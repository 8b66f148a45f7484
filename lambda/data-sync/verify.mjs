/**
 * Compares green with blue up to a watermark. Blue's rows are read in chunks and transformed by the code that copies them;
 * green's database hashes its own rows. If the sums of a chunk differ, it is halved until the rows are found.
 *
 * Both sides can change during the comparison. Rows that changed on blue after the watermark are skipped, and a difference
 * counts only if a second read of blue, after green, shows that blue's row hasn't changed.
 */
import { readById, readStates } from './blue.mjs';
import { COLUMNS_SQL, differingFields, HASH_SQL, hashOf } from './canonical.mjs';
import { postgresTime, isoTime } from './times.mjs';
import { transformAll } from './transform/index.mjs';

const NO_WATERMARK = 'there is no watermark: no run has completed yet';
/** The maximum number of listed differences. All are counted. */
const MAX_LISTED = 100;
/** Chunks up to this size are compared row by row. */
const LEAF_ROWS = 250;
/** Limits a chunk to this multiple of its rows in green, in case green has more rows than blue. */
const GREEN_FACTOR = 4;
const BEFORE_FIRST_ID = '-9223372036854775808';
const LAST_ID = '9223372036854775807';

const SUMS = `
  SELECT count(*)::int AS count, coalesce(sum(${HASH_SQL}), 0)::text AS sum
  FROM payments p WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint`;
const ROWS = `SELECT ${COLUMNS_SQL} FROM payments p WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint`;
const NTH_ID = `
  SELECT legacy_id::text AS id FROM payments WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint
  ORDER BY payments.legacy_id OFFSET $3 LIMIT 1`;
const WITHOUT_IDS = ' AND NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS i (id) WHERE i.id = p.legacy_id)';

/** Compares chunks while there is time. `cursor` is from the last call's result, null at first. */
export async function verify({ checkpoints, blue, green, batchRows, workUntil, log }, cursor) {
  const watermark = cursor ? cursor.watermark : isoTime((await checkpoints.read()).progress.low);
  const found = new Findings();
  if (watermark === null) {
    return { cursor: null, watermark, ...found.result(), missing: NO_WATERMARK };
  }
  const comparison = new Comparison({ blue, green, batchRows, watermark: postgresTime(watermark), found });
  let after = cursor ? cursor.after : BEFORE_FIRST_ID;
  do {
    after = await comparison.chunk(after);
  } while (after !== LAST_ID && Date.now() < workUntil);
  const result = found.result();
  log.info('verified', { watermark, after, ...result, differences: result.differences.length });
  return { cursor: after === LAST_ID ? null : { watermark, after }, watermark, ...result };
}

class Findings {
  chunks = 0;
  rows = { blue: 0, green: 0 };
  quarantined = 0;
  #differences = [];
  #differing = 0;
  #own = { count: 0, ids: [] };

  add(id, what, fields = []) {
    this.#differing += 1;
    if (this.#differences.length < MAX_LISTED) this.#differences.push({ id, what, fields });
  }

  addOwnChange(id) {
    this.#own.count += 1;
    if (this.#own.ids.length < MAX_LISTED) this.#own.ids.push(id);
  }

  result() {
    return {
      chunks: this.chunks,
      rows: this.rows,
      differences: this.#differences,
      differing: this.#differing,
      quarantined: this.quarantined,
      ownChanges: this.#own,
    };
  }
}

class Comparison {
  #ahead;

  constructor({ blue, green, batchRows, watermark, found }) {
    Object.assign(this, { blue, green, batchRows, watermark, found });
  }

  /** Compares the chunk after this id and returns the last id that it covers. */
  async chunk(after) {
    const rows = await (this.#ahead ?? readById(this.blue, after, this.batchRows));
    const last = await this.#lastOf(after, rows);
    // Reads blue's next page while green sums its hashes. The next chunk reports a failure.
    this.#ahead = last === LAST_ID ? undefined : readById(this.blue, last, this.batchRows);
    this.#ahead?.catch(() => undefined);
    const covered = rows.filter(({ id }) => BigInt(id) <= BigInt(last));
    const settled = covered.filter(({ updated_at: time }) => isAtMost(time, this.watermark));
    const { payments, rejected } = transformAll(settled);
    const transformed = new Set(payments.map(({ legacy_id: id }) => id));
    const part = {
      after,
      last,
      expected: payments.map((payment) => ({ id: BigInt(payment.legacy_id), payment, hash: hashOf(payment) })),
      // Changed after the watermark, or quarantined: green's rows aren't compared.
      ignored: covered.filter(({ id }) => !transformed.has(id)).map(({ id }) => id),
    };
    this.found.chunks += 1;
    this.found.quarantined += rejected.length;
    this.found.rows.blue += payments.length;
    const sums = await this.#sums(part);
    this.found.rows.green += sums.count;
    await this.#compare(part, sums);
    return last;
  }

  /** The last id of blue's page, or of the table, limited to a bounded number of green's rows. */
  async #lastOf(after, rows) {
    const end = rows.length < this.batchRows ? LAST_ID : rows.at(-1).id;
    const [bound] = await this.green.rows(NTH_ID, [after, end, GREEN_FACTOR * this.batchRows]);
    return bound?.id ?? end;
  }

  async #sums({ after, last, ignored }) {
    const [{ count, sum }] = await this.#fromGreen(SUMS, { after, last, ignored });
    return { count, sum: BigInt(sum) };
  }

  #fromGreen(sql, { after, last, ignored }) {
    const some = ignored.length > 0;
    return this.green.rows(some ? sql + WITHOUT_IDS : sql, some ? [after, last, ignored] : [after, last]);
  }

  async #compare(part, { count, sum }) {
    const expected = part.expected.reduce((total, { hash }) => total + hash, 0n);
    if (count === part.expected.length && sum === expected) return;
    if (Math.max(count, part.expected.length) <= LEAF_ROWS) {
      await this.#compareRows(part);
      return;
    }
    const middle = await this.#middleOf(part, count);
    const low = { ...part, last: middle, expected: part.expected.filter(({ id }) => id <= BigInt(middle)) };
    const high = { ...part, after: middle, expected: part.expected.slice(low.expected.length) };
    for (const half of [low, high]) await this.#compare(half, await this.#sums(half));
  }

  /** The middle id of the side with more rows. */
  async #middleOf({ after, last, expected }, count) {
    if (expected.length >= count) return String(expected[Math.floor(expected.length / 2) - 1].id);
    const [{ id }] = await this.green.rows(NTH_ID, [after, last, Math.floor(count / 2) - 1]);
    return id;
  }

  async #compareRows(part) {
    const rows = await this.#fromGreen(ROWS, part);
    const actual = new Map(rows.map((row) => [row.legacy_id, row]));
    const suspects = [];
    for (const { payment } of part.expected) {
      const row = actual.get(payment.legacy_id);
      actual.delete(payment.legacy_id);
      const fields = row ? differingFields(payment, row) : [];
      if (!row || fields.length > 0) suspects.push({ id: payment.legacy_id, payment, row, fields });
    }
    for (const [id, row] of actual) suspects.push({ id, row });
    suspects.sort((one, other) => (BigInt(one.id) < BigInt(other.id) ? -1 : 1));
    await this.#judge(suspects);
  }

  async #judge(suspects) {
    const states = await readStates(this.blue, suspects.map(({ id }) => id));
    const byId = new Map(states.map((state) => [state.id, state]));
    for (const suspect of suspects) {
      const verdict = this.#verdict(suspect, byId.get(suspect.id));
      if (verdict === 'own') this.found.addOwnChange(suspect.id);
      else if (verdict !== 'changed') this.found.add(suspect.id, verdict, suspect.fields);
    }
  }

  #verdict({ payment, row }, { updated_at: updatedAt, deleted_at: deletedAt }) {
    if ([updatedAt, deletedAt].some((time) => time !== null && !isAtMost(time, this.watermark))) return 'changed';
    if (payment && !row) return 'missing';
    if (payment) return isAtMost(row.updated_at, payment.updated_at) ? 'differs' : 'own';
    if (updatedAt !== null) return 'changed';
    return deletedAt === null || isAtMost(row.updated_at, deletedAt) ? 'extra' : 'own';
  }
}

/** UTC times of the years 1 to 9999 sort as text: "+" sorts before "." and the digits. */
const isAtMost = (time, limit) => time <= limit;
