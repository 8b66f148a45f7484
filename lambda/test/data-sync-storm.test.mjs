import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { storm } from './support/storm.mjs';
import { differencesOf, fill, startSync } from './support/sync.mjs';

const ROWS = 200_000;
const STORM_SECONDS = Number(process.env.STORM_SECONDS ?? 60);

let sync;

before(async () => {
  sync = await startSync();
  await sync.migrate();
  await fill(sync.blue, ROWS);
});

after(() => sync?.stop());

// No overlap: the watermark alone must ensure that no change is missed.
const OPTIONS = { more: { OVERLAP_SECONDS: '0', BATCH_ROWS: '20' } };

/** Records in green when an older state replaces a newer one or a deleted row: the final state would not show it. */
async function watchOrder(green) {
  await green.admin.query(`
    CREATE TABLE out_of_order (legacy_id bigint, what text);
    GRANT ALL ON out_of_order TO PUBLIC;
    CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF TG_OP = 'UPDATE' AND new.updated_at <= old.updated_at THEN
        INSERT INTO out_of_order VALUES (new.legacy_id, 'older replaced newer');
      END IF;
      IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM sync_tombstones t WHERE t.legacy_id = new.legacy_id AND t.deleted_at >= new.updated_at) THEN
        INSERT INTO out_of_order VALUES (new.legacy_id, 'restored after deletion');
      END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER watch AFTER INSERT OR UPDATE ON payments FOR EACH ROW EXECUTE FUNCTION watch();`);
}

/** Starts a run every second while `isActive()`, and kills most of them at a random time. */
async function killedRuns(isActive) {
  const ended = { killed: 0, done: 0, busy: 0, other: [] };
  const all = [];
  while (isActive()) {
    const { child, result } = sync.inProcess({ action: 'run-once' }, OPTIONS);
    if (Math.random() < 0.7) pause(300 + Math.random() * 1500).then(() => child.kill('SIGKILL'));
    all.push(
      result.then((answer) => {
        if (answer === undefined) ended.killed += 1;
        else if (answer.result?.outcome in ended) ended[answer.result.outcome] += 1;
        else ended.other.push(answer.error ?? answer.result);
      }),
    );
    await pause(1000);
  }
  await Promise.all(all);
  return ended;
}

test('green equals blue after concurrent changes and killed runs', async (t) => {
  const first = await sync.call({ action: 'run-once' }, { remainingMs: 300_000 });
  assert.deepEqual([first.result?.outcome, first.result?.copied], ['done', ROWS]);

  await watchOrder(sync.green);
  let active = true;
  const runs = killedRuns(() => active);
  const committed = await storm(sync.blue, STORM_SECONDS);
  active = false;
  const ended = await runs;
  t.diagnostic(JSON.stringify({ committed, ended }));
  assert.ok(ended.killed > 0 && committed.long > 0);
  // The only other outcome is a slow run that lost its lease to the next one.
  assert.deepEqual(ended.other.filter((what) => !/another run has taken over/.test(what)), []);

  let last;
  do last = (await sync.call({ action: 'run-once' }, OPTIONS)).result;
  while (last?.outcome !== 'done');
  const [{ blue, tombstones }] = await sync.blue.rows(
    'SELECT (SELECT count(*) FROM payments)::int AS blue, (SELECT count(*) FROM payment_tombstones)::int AS tombstones',
  );
  const verified = await sync.call({ action: 'verify' }, { remainingMs: 300_000 });
  assert.deepEqual([verified.result?.differing, verified.result?.cursor], [0, null]);
  assert.deepEqual(verified.result.rows, { blue, green: blue });
  assert.deepEqual(await differencesOf(sync), []);
  assert.deepEqual(await sync.green.rows('SELECT * FROM out_of_order LIMIT 10'), []);
  const [{ deleted }] = await sync.green.rows('SELECT count(*)::int AS deleted FROM sync_tombstones');
  assert.equal(deleted, tombstones);
  t.diagnostic(JSON.stringify({ payments: blue, tombstones }));
});
