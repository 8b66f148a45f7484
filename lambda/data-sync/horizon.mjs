import { NotReady } from './session.mjs';

/**
 * How far blue's changes are final.
 *
 * A row's updated_at is the time of its statement, and the row becomes visible at the commit: a transaction of an hour
 * commits rows that are an hour old, behind everything that was read meanwhile. So a position in the order of
 * updated_at can't be what has been dealt with. The watermark is: the time before which nothing can appear any more. It
 * is the earliest of
 *
 * - the time at which this is asked: whatever begins later writes later times;
 * - the begin of every open transaction that has an id, which is to say that it has written (backend_xid): all its
 *   times come after it;
 * - the begin of the running statement of the others. They have written nothing yet, and what they write next they
 *   stamp while that statement runs. (So a report that reads for hours in many statements doesn't hold the watermark.)
 *
 * The pages are read after this was asked. A transaction that isn't in pg_stat_activity any more is one that they see:
 * PostgreSQL makes a commit visible before it takes the transaction out of there. So each change before the watermark
 * is in the pages, or never will be.
 *
 * Some things hold the watermark where it is, as nobody can tell when they wrote: prepared transactions (only the time
 * of PREPARE is kept) and sessions that hide what they do (track_activities off). They wrote after the present
 * watermark, which never passed anything open.
 *
 * What can't be seen at all, a clock that is set back and a failover to a machine whose clock is behind, is what the
 * overlap is for: each pass begins that much before the watermark. Reading something twice has no effect.
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
    END AS held_by
  FROM (SELECT EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database()) AS prepared) AS state`;

/**
 * What a pass needs to know before its first page, given the present watermark (null before the first): {horizon,
 * target, start, heldBy}. From `start` to `target` it reads, and then `horizon` is the watermark; null if it still
 * can't be told.
 */
export function askHorizon(blue, low, overlapSeconds) {
  return blue.use(async (client) => {
    const { oldest, sees_all: seesAll, is_reader: isReader } = (await client.query(ACTIVITY)).rows[0];
    if (isReader) throw new IsReader();
    if (!seesAll) {
      throw new NotReady('the user of blue can not see when the transactions of others began: grant it pg_read_all_stats');
    }
    // Only now: a transaction that is prepared in between was still among the activities, the other way round in neither.
    const { horizon, target, start, held_by: heldBy } = (await client.query(PASS, [low, oldest, overlapSeconds])).rows[0];
    // Without the target, which is the end of what is there now, a pass would run after new rows for as long as any come.
    return { horizon: horizon === '-infinity' ? null : horizon, target, start, heldBy };
  });
}

/** The transactions of the writer can't be seen at a reader. After a failover that passes, as for those who write. */
class IsReader extends Error {
  name = 'IsReader';
  code = '25006';

  constructor() {
    super('the database of blue is a reader: its open transactions can only be seen at the writer');
  }
}
