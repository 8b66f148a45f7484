import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';

import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { Checkpoints, LeaseLost } from '../data-sync/checkpoint.mjs';
import { Green, prepareBatch } from '../data-sync/green.mjs';
import { captureOutput, loadFunction } from './support/function.mjs';
import { callsOf, counts, done } from './support/sync-calls.mjs';
import { differencesOf, fill, open, startSync } from './support/sync.mjs';

let sync;
let call;
let run;
let insert;
let dynamo;

before(async () => {
  sync = await startSync();
  const { handler } = await loadFunction('data-sync', { ...sync.env, BATCH_ROWS: '50', OVERLAP_SECONDS: '0' });
  ({ call, run, insert } = callsOf(sync, handler));
  dynamo = new DynamoDBClient({ maxAttempts: 1 });
});

beforeEach(async () => {
  await sync.clear();
  await sync.migrate();
});

after(() => sync?.stop());

const checkpoints = () =>
  new Checkpoints(dynamo, { table: sync.env.CHECKPOINT_TABLE, stream: 'payments', leaseSeconds: 2, deadline: Date.now() + 10_000 });
const expireLease = () => sync.setItem('leaseExpires', { N: '0' });

async function until(condition) {
  while (!(await condition())) await pause(20);
}

/** Waits until a running sync has copied a row. */
const untilCopying = () => until(async () => (await sync.green.rows('SELECT FROM payments LIMIT 1')).length > 0);

async function assertEqual() {
  assert.deepEqual(await differencesOf(sync), []);
}

test('the second of two concurrent runs is busy', async () => {
  await fill(sync.blue, 5000);
  const first = run();
  await untilCopying();
  assert.deepEqual(counts(await run()), { ...done(), outcome: 'busy' });
  assert.equal((await call({ action: 'status' })).running, true);
  assert.equal((await first).outcome, 'done');
  assert.equal((await call({ action: 'status' })).running, false);
  await assertEqual();
});

test('the lease of a killed run is taken over after it expires', async () => {
  await fill(sync.blue, 20_000);
  const { child, result } = sync.inProcess({ action: 'run-once' }, { more: { BATCH_ROWS: '50' } });
  await untilCopying();
  child.kill('SIGKILL');
  assert.equal(await result, undefined);
  assert.equal((await run()).outcome, 'busy');
  let last;
  await until(async () => (last = await run()).outcome === 'done');
  await assertEqual();
});

test('only one owner acquires an expired lease', async () => {
  await checkpoints().acquire('dead');
  await expireLease();
  const leases = await Promise.all(Array.from({ length: 8 }, (_, index) => checkpoints().acquire(`owner-${index}`)));
  assert.equal(leases.filter((lease) => lease !== null).length, 1);
});

test('without the lease neither save nor release succeeds', async () => {
  const first = await checkpoints().acquire('first');
  await first.save({ low: 'before' });
  await expireLease();
  const second = await checkpoints().acquire('second');
  assert.ok(second.fence > first.fence);
  await assert.rejects(first.save({ low: 'wrong' }), LeaseLost);
  await assert.rejects(first.release({ low: 'wrong' }, {}), LeaseLost);
  assert.deepEqual((await checkpoints().read()).progress, { low: 'before' });
  assert.equal((await checkpoints().read()).running, true);
  await second.release({ low: 'after' }, { outcome: 'done' });
  assert.deepEqual((await checkpoints().read()).progress, { low: 'after' });
});

test('an expired lease that no one took over can be renewed', async () => {
  const lease = await checkpoints().acquire('slow');
  await expireLease();
  await lease.save({ low: 'kept' });
  assert.equal(await checkpoints().acquire('other'), null);
});

test('green rejects writes with an older fence', async () => {
  const client = await open(sync.green);
  const session = { use: (work) => work(client) };
  const payment = {
    payment_id: '4a781d3a-6831-5f17-9fa4-aa860c5f4cf2', legacy_id: '17', merchant_id: 'm', amount_minor: '1', currency: 'EUR', status: 'created',
    payment_token: 't', reference: null, created_at: '2026-01-01 00:00:00+00', updated_at: '2026-01-01 00:00:00+00',
  };
  const batch = prepareBatch([payment], [], { first: true, rewrite: false });
  try {
    assert.equal(await new Green(session, 2).deleteRows([{ id: '17', deleted_at: '2026-01-02 00:00:00+00' }]), 0);
    await assert.rejects(new Green(session, 1).writePayments(batch), LeaseLost);
    assert.deepEqual(await new Green(session, 2).writePayments(batch), { copied: 0, quarantined: 0 });
  } finally {
    await client.end();
  }
});

test('a run that lost its lease leaves the checkpoint unchanged', async () => {
  await fill(sync.blue, 20_000);
  const { result } = sync.inProcess({ action: 'run-once' }, { more: { BATCH_ROWS: '50' } });
  await untilCopying();
  await expireLease();
  assert.equal((await run()).outcome, 'done');
  assert.match((await result).error, /another run has taken over/);
  const { lastRun, running } = await call({ action: 'status' });
  assert.deepEqual([lastRun.outcome, running], ['done', false]);
  await assertEqual();
});

test('a stopped run ends between batches and the next one resumes', async () => {
  await fill(sync.blue, 30_000);
  await call({ action: 'start' });
  const { result } = sync.inProcess({ action: 'run-once' }, { more: { BATCH_ROWS: '50' } });
  await untilCopying();
  await call({ action: 'stop' });
  const stopped = (await result).result;
  assert.equal(stopped.outcome, 'stopped');
  assert.ok(stopped.copied > 0 && stopped.copied < 30_000);
  const { state, remaining } = await call({ action: 'status' });
  assert.deepEqual([state, remaining], ['stopped', 30_000 - stopped.copied]);
  assert.deepEqual(counts((await sync.call({ action: 'run-once' })).result), done({ copied: 30_000 - stopped.copied }));
  await assertEqual();
});

test('a run out of time returns "more" and later runs finish', async () => {
  await fill(sync.blue, 1000);
  // Each run has time for one batch.
  const outcomes = [];
  do outcomes.push(await call({ action: 'run-once' }, 5000));
  while (outcomes.at(-1).outcome === 'more');
  assert.equal(outcomes.at(-1).outcome, 'done');
  assert.deepEqual(outcomes.map(({ copied }) => copied).filter((copied) => copied > 0), Array(20).fill(50));
  await assertEqual();
});

test('a run reconnects when a server ends its session', async () => {
  await fill(sync.blue, 20_000);
  const running = sync.call({ action: 'run-once' }, { more: { BATCH_ROWS: '50' } });
  await untilCopying();
  for (const server of [sync.blue, sync.green, sync.blue, sync.green]) {
    const sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'data-sync'";
    await until(async () => (await server.rows(sql)).length > 0);
    await pause(50);
  }
  const { result } = await running;
  assert.equal(result.outcome, 'done');
  await assertEqual();
});

test('throttled and failed DynamoDB calls are retried', async () => {
  await insert();
  for (const [operation, code, status] of [['UpdateItem', 'ThrottlingException', 400], ['GetItem', 'InternalServerError', 500]]) {
    const body = JSON.stringify({ service: 'dynamodb', operation, code, message: 'no', status, times: 3 });
    const answer = await fetch(`${sync.env.AWS_ENDPOINT_URL}/_sandbox/faults`, { method: 'POST', body });
    assert.equal(answer.status, 200);
  }
  assert.deepEqual(counts(await run()), done({ copied: 1 }));
});

test('a failed run is recorded and its lease released', async () => {
  await insert();
  await sync.green.admin.query(`ALTER TABLE payments OWNER TO postgres; GRANT SELECT ON payments TO ${sync.green.credentials.user}`);
  const { result: error, output } = await captureOutput(() => run().then(() => undefined, (failure) => failure));
  assert.match(error.message, /permission denied/);
  const metrics = output().split('\n').filter((line) => line.includes('_aws')).map((line) => JSON.parse(line));
  assert.deepEqual(metrics.map(({ RunFailed, Job }) => [RunFailed, Job]), [[1, 'data-sync']]);
  const { lastRun, running } = await call({ action: 'status' });
  assert.equal(lastRun.outcome, 'failed');
  assert.match(lastRun.error, /permission denied/);
  assert.equal(running, false);
  await sync.green.admin.query(`ALTER TABLE payments OWNER TO ${sync.green.credentials.user}`);
  assert.deepEqual(counts(await run()), done({ copied: 1 }));
});

test('metrics count copied and remaining rows', async () => {
  await fill(sync.blue, 120);
  const { output } = await captureOutput(run);
  const [metrics] = output().split('\n').filter((line) => line.includes('_aws')).map((line) => JSON.parse(line));
  const { RowsCopied, RowsDeleted, RowsQuarantined, RowsRemaining, RunFailed, Job } = metrics;
  const expected = { RowsCopied: 120, RowsDeleted: 0, RowsQuarantined: 0, RowsRemaining: 0, RunFailed: 0, Job: 'data-sync' };
  assert.deepEqual({ RowsCopied, RowsDeleted, RowsQuarantined, RowsRemaining, RunFailed, Job }, expected);
  assert.ok(metrics.LagSeconds >= 0 && metrics.RowsPerSecond > 0);
  const [{ Namespace, Dimensions, Metrics }] = metrics._aws.CloudWatchMetrics;
  assert.deepEqual([Namespace, Dimensions], ['Test', [['Job']]]);
  assert.equal(Metrics.find(({ Name }) => Name === 'LagSeconds').Unit, 'Seconds');
});
