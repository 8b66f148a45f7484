import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';

import { fingerprintOf, paymentIdFor } from '../lib/payment.mjs';
import { AwsError, startAws } from './support/aws.mjs';
import { captureOutput, context, loadFunction } from './support/function.mjs';
import { payment } from './support/payments.mjs';

const KEY = 'order-2026-0001';
const CARD = '4111 1111 1111 1111';

let aws;
let handler;
let sqsFails = false;

before(async () => {
  aws = await startAws({
    AmazonSQS: (operation, { MessageBody }) => {
      if (sqsFails) throw new AwsError('AccessDenied', 'no', 403);
      return { MessageId: 'm-1', MD5OfMessageBody: createHash('md5').update(MessageBody).digest('hex') };
    },
  });
  ({ handler } = await loadFunction('payment-api', { ...aws.env, ENVIRONMENT: 'green', QUEUE_URL: `${aws.url}/123456789012/payments` }));
});
beforeEach(() => {
  sqsFails = false;
  aws.calls.length = 0;
});
after(() => aws.stop());

const HEADERS = { 'content-type': 'application/json', 'idempotency-key': KEY };

function event({ method = 'POST', path = '/payments', headers = {}, body = payment(), query = {}, multi = false } = {}) {
  const all = Object.fromEntries(Object.entries({ ...HEADERS, ...headers }).filter(([, value]) => value !== undefined));
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const base = { requestContext: { elb: { targetGroupArn: 'arn' } }, httpMethod: method, path, body: text, isBase64Encoded: false };
  if (!multi) return { ...base, headers: all, queryStringParameters: query };
  const lists = (map) => Object.fromEntries(Object.entries(map).map(([name, value]) => [name, [value].flat()]));
  return { ...base, multiValueHeaders: lists(all), multiValueQueryStringParameters: lists(query) };
}

async function call(options) {
  const response = await handler(event(options), context());
  return { ...response, json: response.body === '' ? undefined : JSON.parse(response.body) };
}

const sent = () => aws.calls.filter(({ operation }) => operation === 'SendMessage').map(({ input }) => input);

test('GET /health makes no AWS call', async () => {
  const response = await call({ method: 'GET', path: '/health', body: '' });
  assert.equal(response.statusCode, 200);
  assert.equal(response.statusDescription, '200 OK');
  assert.deepEqual(response.json, { status: 'ok', environment: 'green' });
  assert.equal(response.headers['X-Environment'], 'green');
  assert.equal(aws.calls.length, 0);
});

for (const multi of [false, true]) {
  test(`accepts and enqueues a payment (multi-value headers: ${multi})`, async () => {
    const root = '1-67891233-abcdef012345678912345678';
    const response = await call({ multi, headers: { 'x-amzn-trace-id': `Self=x;Root=${root}` } });
    const paymentId = paymentIdFor('merchant-1', KEY);
    assert.equal(response.statusCode, 202);
    assert.deepEqual(response.json, { paymentId, status: 'accepted' });
    const headers = multi ? response.multiValueHeaders : response.headers;
    assert.equal(response[multi ? 'headers' : 'multiValueHeaders'], undefined);
    assert.deepEqual([headers.Location].flat(), [`/payments/${paymentId}`]);
    for (const name of ['Strict-Transport-Security', 'Content-Security-Policy', 'X-Content-Type-Options', 'Cache-Control']) {
      assert.ok(headers[name], name);
    }

    const [message] = sent();
    const body = JSON.parse(message.MessageBody);
    assert.equal(body.paymentId, paymentId);
    assert.equal(body.fingerprint, fingerprintOf(payment()));
    assert.deepEqual(body.payment, payment());
    assert.deepEqual(
      Object.fromEntries(Object.entries(message.MessageAttributes).map(([name, { StringValue }]) => [name, StringValue])),
      { IdempotencyKey: KEY, Environment: 'green', TraceId: root },
    );
  });
}

test('the id depends on merchant and idempotency key', async () => {
  const [first, again, otherKey, otherMerchant] = await Promise.all([
    call(),
    call(),
    call({ headers: { 'idempotency-key': 'order-2026-0002' } }),
    call({ body: payment({ merchantId: 'merchant-2' }) }),
  ]);
  assert.deepEqual(again.json, first.json);
  assert.equal(new Set([first, otherKey, otherMerchant].map(({ json }) => json.paymentId)).size, 3);
});

test('a base64 body is decoded', async () => {
  const coded = { ...event(), body: Buffer.from(JSON.stringify(payment())).toString('base64'), isBase64Encoded: true };
  assert.equal((await handler(coded, context())).statusCode, 202);
});

for (const [what, status, options] of [
  ['another path', 404, { path: '/other' }],
  ['a path of the prototype', 404, { path: 'constructor' }],
  ['another method', 405, { method: 'GET' }],
  ['another method on /health', 405, { method: 'DELETE', path: '/health' }],
  ['a body over the limit', 413, { body: JSON.stringify('x'.repeat(17_000)) }],
  ['no content type', 415, { headers: { 'content-type': undefined } }],
  ['another content type', 415, { headers: { 'content-type': 'text/plain' } }],
  ['another charset', 415, { headers: { 'content-type': 'application/json; charset=latin1' } }],
  ['a compressed body', 415, { headers: { 'content-encoding': 'gzip' } }],
  ['no idempotency key', 400, { headers: { 'idempotency-key': undefined } }],
  ['a short idempotency key', 400, { headers: { 'idempotency-key': '1234567' } }],
  ['a long idempotency key', 400, { headers: { 'idempotency-key': 'x'.repeat(129) } }],
  ['an idempotency key with a space', 400, { headers: { 'idempotency-key': 'order 2026' } }],
  ['two idempotency keys', 400, { multi: true, headers: { 'idempotency-key': [KEY, 'order-2026-0002'] } }],
  ['a body that is not JSON', 400, { body: '{"a":' }],
  ['an empty body', 400, { body: '' }],
  ['a list as body', 422, { body: [] }],
  ['an invalid payment', 422, { body: payment({ amountMinor: -5 }) }],
]) {
  test(`${what} gets ${status}`, async () => {
    const response = await call(options);
    assert.equal(response.statusCode, status);
    const headers = response.headers ?? response.multiValueHeaders;
    assert.equal([headers['Content-Type']].flat()[0], 'application/problem+json');
    assert.equal(response.json.status, status);
    assert.ok(response.json.type && response.json.title && response.json.detail);
    assert.equal(sent().length, 0);
  });
}

test('405 lists the allowed methods', async () => {
  assert.equal((await call({ method: 'PUT' })).headers.Allow, 'POST');
});

test('errors name invalid members but not their values', async () => {
  const { json, body } = await call({ body: payment({ currency: 'PRIVATE', unknownPrivate: 'x' }) });
  assert.deepEqual(json.errors.map(({ pointer }) => pointer), ['/currency', '']);
  assert.doesNotMatch(body, /private/i);
});

for (const [where, options] of Object.entries({
  'the token': { body: payment({ paymentToken: 'tok_4111111111111111' }) },
  metadata: { body: payment({ metadata: { note: `card ${CARD}` } }) },
  'a deep member': { body: payment({ x: [{ y: { z: CARD } }] }) },
  'a number': { body: payment({ card: 4111111111111111 }) },
  'a number too long for JavaScript': { body: '{"card": 4000000000000000006}' },
  'a member name': { body: { [CARD]: 1 } },
  'escaped digits': { body: '{"a": "\\u0034111111111\\u003111111"}' },
  'a body that is not JSON': { body: `card=${CARD}` },
  'the idempotency key': { headers: { 'idempotency-key': '4111-1111-1111-1111' } },
  'another header': { headers: { 'x-note': CARD } },
  'the path': { path: '/payments/4111111111111111' },
  'the query': { query: { card: '4111%201111%201111%201111' } },
  'the authorization header': { multi: true, headers: { authorization: ['x', CARD] } },
})) {
  test(`rejects a card number in ${where}`, async () => {
    const { result, output } = await captureOutput(() => call(options));
    assert.equal(result.statusCode, 422);
    assert.equal(result.json.type, 'urn:payment-api:problem:card-number-in-clear');
    assert.doesNotMatch(JSON.stringify(result) + output(), /4111|1111|4000000/);
    assert.equal(aws.calls.length, 0);
  });
}

test('digits in load balancer headers are no card number', async () => {
  assert.equal((await call({ headers: { 'x-forwarded-for': '41.111.111.111, 111.111.1.1' } })).statusCode, 202);
});

test('neither token nor body is logged', async () => {
  const { output } = await captureOutput(() => call());
  assert.doesNotMatch(output(), /tok_abc|1999/);
  assert.match(output(), /"paymentId"/);
});

test('responds 503 with Retry-After if the queue fails', async () => {
  sqsFails = true;
  const response = await call();
  assert.equal(response.statusCode, 503);
  assert.ok(response.headers['Retry-After']);
});
