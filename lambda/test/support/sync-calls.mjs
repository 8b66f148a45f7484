/** Shared by the tests of data-sync. */
import { context } from './function.mjs';

/** The counts of a run without its times. */
export const counts = ({ outcome, copied, deleted, unchanged, quarantined }) => ({ outcome, copied, deleted, unchanged, quarantined });

/** The expected counts of a run that caught up: zero except `changes`. */
export const done = (changes) => ({ outcome: 'done', copied: 0, deleted: 0, unchanged: 0, quarantined: 0, ...changes });

export function callsOf(sync, handler) {
  const call = (event, remainingMs = 60_000) => handler(event, context(remainingMs));
  return {
    call,
    run: () => call({ action: 'run-once' }),
    /** Adds a payment on blue and returns its id. */
    async insert(changes = {}) {
      const row = { merchant_ref: 'm-1', amount: '12.34', currency: 'EUR', status: 'N', card_token: 'tok_abcdefgh', reference: null, ...changes };
      const names = Object.keys(row);
      const [{ id }] = await sync.blue.rows(
        `INSERT INTO payments (${names.join(', ')}) VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')}) RETURNING id`,
        Object.values(row),
      );
      return id;
    },
    /** Verifies everything, with as many calls of `remainingMs` as needed. */
    async verify(remainingMs) {
      const whole = { calls: 0, differing: 0, differences: [], ownChanges: [], rows: { blue: 0, green: 0 }, chunks: 0, quarantined: 0 };
      let cursor = null;
      do {
        const part = await call({ action: 'verify', cursor }, remainingMs);
        whole.calls += 1;
        whole.differences.push(...part.differences);
        whole.ownChanges.push(...part.ownChanges.ids);
        for (const name of ['differing', 'chunks', 'quarantined']) whole[name] += part[name];
        for (const side of ['blue', 'green']) whole.rows[side] += part.rows[side];
        // Serialised, as in an invocation.
        cursor = JSON.parse(JSON.stringify(part.cursor));
      } while (cursor !== null);
      return whole;
    },
  };
}
