import { NotReady } from './session.mjs';

/**
 * The horizon: the time up to which blue's changes are final.
 *
 * A row's updated_at is the time of its statement, but the row becomes visible at the commit. A transaction of one hour
 * commits rows that are one hour old, older than rows that were already read. So a position in the order of updated_at
 * doesn't prove that everything before it was read. The watermark does: no change before it can appear any more. It is
 * the earliest of
 *
 * - the time of this query: transactions that begin later write later times;
 * - the start of each open transaction that has written (it has a backend_xid): all its times are later;
 * - the start of the running statement of other transactions. They have written nothing yet, and their next write gets
 *   the time of its statement. (So a report of many read-only statements doesn't delay the watermark.)
 *
 * The pages are read after this query. PostgreSQL makes a commit visible before it removes the transaction from
 * pg_stat_activity, so the pages contain every transaction that this query didn't find. Each change before the watermark
 * is in the pages.
 *
 * The watermark doesn't advance while there are prepared transactions (PostgreSQL keeps the time of PREPARE only) or
 * sessions with track_activities off: their write times are unknown. They are later than the present watermark, which
 * never passes an open transaction.
 *
 * Some causes are invisible: a clock that was set back, a failover to a machine whose clock is behind. For these each
 * pass begins `overlapSeconds` before the watermark. Reading a row twice has no effect.
 */
const ACTIVITY = `
  SELECT
    least(now(), (
      SELECT min(
        CASE
          WHEN state = 'disabled' THEN '-infinity'
          WHEN backend_xid IS NOT NULL THEN coalesce(xact_start, '-infinity')
          WHEN state NOT LIKE 'idle%' THEN query_start
        END)
      FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker'
    ))::text AS oldest,
    pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,
    pg_is_in_recovery() AS is_reader`;

const PASS = `
  SELECT
    greatest($1::timestamptz, CASE WHEN prepared THEN '-infinity' ELSE $2::timestamptz END)::text AS horizon,
    greatest(
      clock_timestamp(), (SELECT max(updated_at) FROM payments), (SELECT max(deleted_at) FROM payment_tombstones)
    )::text AS target,
    coalesce($1::timestamptz - make_interval(secs => $3), '-infinity')::text AS start,
    CASE
      WHEN prepared THEN 'a prepared transaction'
      WHEN $2::timestamptz = '-infinity' THEN 'a session with track_activities off'
    END AS blocked_by
  FROM (SELECT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) AS prepared) AS state`;

/**
 * Reads the limits of the next pass: {horizon, target, start, blockedBy}. `low` is the present watermark, null before the
 * first. The pass reads from `start` to `target`; then `horizon` is the watermark, or null if it is still unknown.
 */
export function readHorizon(blue, low, overlapSeconds) {
  return blue.use(async (client) => {
    const { oldest, sees_all: seesAll, is_reader: isReader } = (await client.query(ACTIVITY)).rows[0];
    if (isReader) throw new IsReader();
    if (!seesAll) {
      throw new NotReady("blue's database user can not see other transactions: grant it pg_read_all_stats");
    }
    // After the query of activities: a transaction that is prepared in between is then in one of the two results.
    const { horizon, target, start, blocked_by: blockedBy } = (await client.query(PASS, [low, oldest, overlapSeconds])).rows[0];
    // The target is the newest change now: without it a pass on a busy table would never end.
    return { horizon: horizon === '-infinity' ? null : horizon, target, start, blockedBy };
  });
}

/** A reader doesn't show the writer's transactions. Transient: after a failover the endpoint is the writer again. */
class IsReader extends Error {
  name = 'IsReader';
  code = '25006';

  constructor() {
    super("blue's database is a reader: open transactions are visible at the writer only");
  }
}
