/**
 * Compares green with blue up to a watermark. Blue's rows are read in chunks and put through the same transformation
 * that copies them, so that there is one truth about what should come out; green's database hashes its own. Where the
 * sums of a chunk differ it is halved until the rows are found.
 *
 * Both go on changing meanwhile. What was changed or deleted on blue after the watermark is left out, and a difference
 * counts only if blue says, asked again after green, that its side has not changed since.
 */
import { readById, readStates } from './blue.mjs';
import { COLUMNS_SQL, differingFields, HASH_SQL, hashOf } from './canonical.mjs';
import { postgresTime, isoTime } from './times.mjs';
import { transformAll } from './transform/index.mjs';

const NO_WATERMARK = 'no run has come to its end yet: there is no watermark';
/** How many differences are named. All are counted. */
const LISTED = 100;
/** So few rows are compared one by one. */
const LEAF_ROWS = 250;
/** A chunk ends after so many times its rows in green, so that it is bounded also where green has more than blue. */
const GREEN_FACTOR = 4;
const BEFORE_ALL = '-9223372036854775808';
const AFTER_ALL = '9223372036854775807';

const SUMS = `
  SELECT count(*)::int AS count, coalesce(sum(${HASH_SQL}), 0)::text AS sum
  FROM payments p WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint`;
const ROWS = `SELECT ${COLUMNS_SQL} FROM payments p WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint`;
const NTH_ID = `
  SELECT legacy_id::text AS id FROM payments WHERE legacy_id > $1::bigint AND legacy_id <= $2::bigint
  ORDER BY payments.legacy_id OFFSET $3 LIMIT 1`;
const NOT_THESE = ' AND NOT EXISTS (SELECT FROM unnest($3::bigint[]) AS i (id) WHERE i.id = p.legacy_id)';

/** As many chunks as there is time for; `cursor` is what the last call returned, null at first. */
export async function verify({ checkpoints, blue, green, batchRows, workUntil, log }, cursor) {
  const watermark = cursor ? cursor.watermark : isoTime((await checkpoints.read()).progress.low);
  const found = new Findings();
  if (watermark === null) {
    return { cursor: null, watermark, ...found.result(), missing: NO_WATERMARK };
  }
  const comparison = new Comparison({ blue, green, batchRows, watermark: postgresTime(watermark), found });
  let after = cursor ? cursor.after : BEFORE_ALL;
  do {
    after = await comparison.chunk(after);
  } while (after !== AFTER_ALL && Date.now() < workUntil);
  const result = found.result();
  log.info('verified', { watermark, after, ...result, differences: result.differences.length });
  return { cursor: after === AFTER_ALL ? null : { watermark, after }, watermark, ...result };
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
    if (this.#differences.length < LISTED) this.#differences.push({ id, what, fields });
  }

  addOwnChange(id) {
    this.#own.count += 1;
    if (this.#own.ids.length < LISTED) this.#own.ids.push(id);
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
    // Blue reads on while green adds up its hashes. Its failure is for the next chunk.
    this.#ahead = last === AFTER_ALL ? undefined : readById(this.blue, last, this.batchRows);
    this.#ahead?.catch(() => undefined);
    const covered = rows.filter(({ id }) => BigInt(id) <= BigInt(last));
    const settled = covered.filter(({ updated_at: time }) => isAtMost(time, this.watermark));
    const { payments, refused } = transformAll(settled);
    const left = new Set(payments.map(({ legacy_id: id }) => id));
    const part = {
      after,
      last,
      expected: payments.map((payment) => ({ id: BigInt(payment.legacy_id), payment, hash: hashOf(payment) })),
      // Changed since, or in quarantine: whatever green has of them says nothing.
      ignored: covered.filter(({ id }) => !left.has(id)).map(({ id }) => id),
    };
    this.found.chunks += 1;
    this.found.quarantined += refused.length;
    this.found.rows.blue += payments.length;
    const sums = await this.#sums(part);
    this.found.rows.green += sums.count;
    await this.#compare(part, sums);
    return last;
  }

  /** The end of blue's page, or of all there is, but not more than a bounded part of green. */
  async #lastOf(after, rows) {
    const end = rows.length < this.batchRows ? AFTER_ALL : rows.at(-1).id;
    const [bound] = await this.green.rows(NTH_ID, [after, end, GREEN_FACTOR * this.batchRows]);
    return bound?.id ?? end;
  }

  async #sums({ after, last, ignored }) {
    const [{ count, sum }] = await this.#fromGreen(SUMS, { after, last, ignored });
    return { count, sum: BigInt(sum) };
  }

  #fromGreen(sql, { after, last, ignored }) {
    const some = ignored.length > 0;
    return this.green.rows(some ? sql + NOT_THESE : sql, some ? [after, last, ignored] : [after, last]);
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

  /** The id that halves the side with more rows. */
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

/** Texts of times in UTC of the years 1 to 9999 are ordered as the times are: "+" comes before "." and the digits. */
const isAtMost = (time, limit) => time <= limit;
