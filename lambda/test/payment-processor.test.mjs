import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';

import { mysql } from '../migrate/mysql.mjs';
import { startAws } from './support/aws.mjs';
import { captureOutput, context, loadFunction } from './support/function.mjs';
import { PASSWORD, startMariaDb, USER } from './support/mariadb.mjs';
import { message, payment } from './support/payments.mjs';
import { applySchema } from './support/schema.mjs';
import { FakeSecrets } from './support/secrets.mjs';

const SECRET = 'database';

let aws;
let db;
let handler;
let secrets;

before(async () => {
  db = await startMariaDb();
  await applySchema(mysql, db, 'blue');
  secrets = new FakeSecrets();
  secrets.add(SECRET, { kind: 'aurora-mysql', username: USER, password: PASSWORD });
  aws = await startAws({ secretsmanager: (...call) => secrets.service(...call) });
  ({ handler } = await loadFunction('payment-processor', {
    ...aws.env,
    ...db.env,
    DB_SECRET_ARN: SECRET,
    ENVIRONMENT: 'blue',
    METRICS_NAMESPACE: 'Test',
  }));
});

beforeEach(async () => {
  aws.calls.length = 0;
  // The append-only triggers don't fire on TRUNCATE.
  await db.admin.query('SET FOREIGN_KEY_CHECKS = 0');
  for (const table of ['payment_events', 'payments', 'idempotency_conflicts']) await db.admin.query(`TRUNCATE TABLE ${table}`);
  await db.admin.query('SET FOREIGN_KEY_CHECKS = 1');
});

after(async () => {
  await db?.stop();
  await aws?.stop();
});

let messageCount = 0;
const record = (body) => {
  messageCount += 1;
  return { messageId: `message-${messageCount}`, body: typeof body === 'string' ? body : JSON.stringify(body) };
};

async function deliver(...records) {
  const { result, output } = await captureOutput(() => handler({ Records: records }, context()));
  const lines = output().split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  return {
    failed: result.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier),
    metrics: lines.find((line) => line._aws),
    text: output(),
  };
}

const counts = async () => {
  const [row] = await db.rows(`SELECT (SELECT COUNT(*) FROM payments) AS payments, (SELECT COUNT(*) FROM payment_events) AS events,
    (SELECT COUNT(*) FROM idempotency_conflicts) AS conflicts`);
  return row;
};

test('records a payment and its event and counts it', async () => {
  const body = message('order-00000001', { reference: 'Nr. 7 – ü', metadata: { order: '7' } });
  const { failed, metrics, text } = await deliver(record(body));
  assert.deepEqual(failed, []);

  const [row] = await db.rows('SELECT * FROM payments');
  assert.equal(row.payment_id, body.paymentId);
  assert.equal(row.amount_minor, 1999);
  assert.equal(row.currency, 'EUR');
  assert.equal(row.reference, 'Nr. 7 – ü');
  assert.deepEqual(row.metadata, { order: '7' });
  assert.equal(row.status, 'accepted');
  const [event] = await db.rows('SELECT *, CAST(accepted_at AS CHAR) AS accepted FROM payment_events');
  assert.equal(event.payment_id, body.paymentId);
  assert.equal(event.accepted, '2026-01-02 03:04:05.678000');
  assert.deepEqual([event.accepted_in, event.recorded_in, event.trace_id], ['blue', 'blue', body.traceId]);

  assert.equal(metrics._aws.CloudWatchMetrics[0].Namespace, 'Test');
  assert.deepEqual(
    [metrics.Environment, metrics.PaymentsProcessed, metrics.PaymentsFailed, metrics.Duplicates],
    ['blue', 1, 0, 0],
  );
  assert.doesNotMatch(text, /tok_abc/);
});

test('a redelivered message is one payment', async () => {
  const body = message('order-00000002');
  await deliver(record(body));
  const { failed, metrics } = await deliver(record(body));
  assert.deepEqual(failed, []);
  assert.equal(metrics.Duplicates, 1);
  assert.deepEqual(await counts(), { payments: 1, events: 1, conflicts: 0 });
});

test('concurrent duplicates are one payment', async () => {
  const body = message('order-00000003');
  const batches = await Promise.all(
    Array.from({ length: 8 }, () => handler({ Records: Array.from({ length: 10 }, () => record(body)) }, context())),
  );
  assert.deepEqual(batches.flatMap(({ batchItemFailures }) => batchItemFailures), []);
  assert.deepEqual(await counts(), { payments: 1, events: 1, conflicts: 0 });
});

test('keys that differ in case are two payments', async () => {
  await deliver(record(message('order-abcdefgh')), record(message('order-ABCDEFGH')));
  assert.equal((await counts()).payments, 2);
});

test('another payment with a used key is one recorded conflict', async () => {
  await deliver(record(message('order-00000004')));
  const other = message('order-00000004', { amountMinor: 5 });
  const first = await deliver(record(other));
  const again = await deliver(record(other));
  assert.deepEqual([first.failed, again.failed], [[], []]);
  assert.equal(first.metrics.IdempotencyConflicts, 1);
  assert.deepEqual(await counts(), { payments: 1, events: 1, conflicts: 1 });
  assert.equal((await db.rows('SELECT amount_minor FROM payments'))[0].amount_minor, 1999);
});

test('the same key of two merchants is two payments', async () => {
  await deliver(record(message('order-00000005')), record(message('order-00000005', { merchantId: 'merchant-2' })));
  assert.equal((await counts()).payments, 2);
});

const valid = message('order-00000006');
for (const [what, body] of Object.entries({
  'no JSON': 'tok_abcdefgh12345678 {',
  'no object': '[]',
  'another version': { ...valid, version: 2 },
  'no idempotency key': { ...valid, idempotencyKey: undefined },
  'an invalid payment': { ...valid, payment: payment({ amountMinor: 0 }) },
  'a card number': message('order-00000006', { reference: '4111 1111 1111 1111' }),
  'the id of another payment': { ...valid, paymentId: message('order-00000007').paymentId },
  'a changed amount': { ...valid, payment: payment({ amountMinor: 1 }) },
  'no time of acceptance': { ...valid, acceptedAt: 'yesterday' },
  'a made-up trace id': { ...valid, traceId: 'x' },
  'a made-up environment': { ...valid, environment: 'red' },
})) {
  test(`a poison message (${what}) fails alone`, async () => {
    const poison = record(body);
    const { failed, metrics, text } = await deliver(poison, record(message('order-00000008')));
    assert.deepEqual(failed, [poison.messageId]);
    assert.deepEqual([metrics.PaymentsFailed, metrics.PaymentsProcessed], [1, 1]);
    assert.equal((await counts()).payments, 1);
    assert.doesNotMatch(text, /tok_abc|4111/);
  });
}

test('a lost connection is retried', async () => {
  await deliver(record(message('order-00000009')));
  const sessions = await db.rows('SELECT id FROM information_schema.processlist WHERE user = ?', [USER]);
  assert.ok(sessions.length > 0);
  for (const { id } of sessions) await db.admin.query(`KILL ${id}`);
  const { failed } = await deliver(record(message('order-00000010')));
  assert.deepEqual(failed, []);
  assert.equal((await counts()).payments, 2);
});

test('a connection lost in a transaction leaves one payment', async () => {
  // The insert waits for this lock when its connection is killed.
  await db.admin.query('LOCK TABLES payment_events WRITE, payments WRITE');
  const delivery = deliver(record(message('order-00000011')));
  await new Promise((resolve) => setTimeout(resolve, 300));
  const waiting = await db.rows("SELECT id FROM information_schema.processlist WHERE user = ? AND info LIKE '%INSERT%'", [USER]);
  assert.ok(waiting.length > 0);
  for (const { id } of waiting) await db.admin.query(`KILL ${id}`);
  await db.admin.query('UNLOCK TABLES');
  assert.deepEqual((await delivery).failed, []);
  assert.deepEqual(await counts(), { payments: 1, events: 1, conflicts: 0 });
});

test('a message out of time fails and can be redelivered', async () => {
  const late = record(message('order-00000012'));
  await db.admin.query('LOCK TABLES payments READ');
  const [{ id: own }] = await db.rows('SELECT CONNECTION_ID() AS id');
  const killer = setInterval(async () => {
    for (const { id } of await db.rows('SELECT id FROM information_schema.processlist WHERE user = ? AND id <> ?', [USER, own])) {
      await db.admin.query(`KILL ${id}`).catch(() => undefined);
    }
  }, 50);
  const started = Date.now();
  const result = await handler({ Records: [late] }, context(3000));
  clearInterval(killer);
  await db.admin.query('UNLOCK TABLES');
  assert.deepEqual(result.batchItemFailures, [{ itemIdentifier: late.messageId }]);
  assert.ok(Date.now() - started < 3000);
  assert.deepEqual((await deliver(late)).failed, []);
});

test('after a rotation the credentials are read once', async () => {
  await db.admin.query('ALTER USER ?@? IDENTIFIED BY ?', [USER, '%', 'second-password']);
  secrets.setValueAt(SECRET, 'AWSCURRENT', { username: USER, password: 'second-password' });
  for (const { id } of await db.rows('SELECT id FROM information_schema.processlist WHERE user = ?', [USER])) {
    await db.admin.query(`KILL ${id}`);
  }
  const { failed } = await deliver(...Array.from({ length: 10 }, (_, i) => record(message(`order-rotation-${i}`))));
  assert.deepEqual(failed, []);
  assert.deepEqual(aws.operations(), ['GetSecretValue']);
  assert.equal((await counts()).payments, 10);
});

test('wrong credentials fail the message after one call', async () => {
  secrets.setValueAt(SECRET, 'AWSCURRENT', { username: USER, password: 'wrong-password' });
  for (const { id } of await db.rows('SELECT id FROM information_schema.processlist WHERE user = ?', [USER])) {
    await db.admin.query(`KILL ${id}`);
  }
  await db.admin.query('ALTER USER ?@? IDENTIFIED BY ?', [USER, '%', 'third-password']);
  const late = record(message('order-00000013'));
  const { failed, text } = await deliver(late);
  assert.deepEqual(failed, [late.messageId]);
  assert.equal(aws.operations().length, 1);
  assert.doesNotMatch(text, /wrong-password/);
  secrets.setValueAt(SECRET, 'AWSCURRENT', { username: USER, password: 'third-password' });
  assert.deepEqual((await deliver(late)).failed, []);
});

test('events can not be updated or deleted', async () => {
  await deliver(record(message('order-00000014')));
  await assert.rejects(db.admin.query("UPDATE payment_events SET event_type = 'x'"), /append-only/);
  await assert.rejects(db.admin.query('DELETE FROM payment_events'), /append-only/);
});
