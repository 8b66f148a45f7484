import assert from 'node:assert/strict';
import { test } from 'node:test';

import { databaseSettings, environmentName, optionalChoice, requiredJson } from '../lib/config.mjs';
import { canonicalJson, tryParseJson } from '../lib/json.mjs';
import { createLogger } from '../lib/log.mjs';
import { fingerprintOf, paymentErrors, paymentIdFor } from '../lib/payment.mjs';
import { retry } from '../lib/retry.mjs';
import { payment } from './support/payments.mjs';

function collectingLogger(level) {
  const lines = [];
  return { lines, log: createLogger({ environment: 'blue' }, { level, write: (line) => lines.push(line) }) };
}

test('the log redacts card numbers, passwords and tokens', () => {
  const { lines, log } = collectingLogger('info');
  const failure = Object.assign(new Error('ALTER USER x IDENTIFIED BY \'hunter2\''), { code: 'E', sql: 'password hunter2' });
  log.info('pay with 4111 1111 1111 1111 and tok_abcdefgh12345678', {
    password: 'hunter2',
    nested: [{ apiKey: 'hunter2', Authorization: 'hunter2', text: '{"password":"hunter2"} password=hunter2 Bearer hunter2' }],
    number: 4111111111111111,
    secretId: 'arn:aws:secretsmanager:us-east-1:123456789012:secret:database',
    error: failure,
  });
  const text = JSON.stringify(lines);
  assert.doesNotMatch(text, /hunter2|4111|tok_abc/);
  assert.match(text, /secret:database/);
  assert.equal(lines[0].error.code, 'E');
  assert.equal(lines[0].environment, 'blue');
});

test('LOG_LEVEL sets the minimum level, by default info', () => {
  for (const [level, expected] of [['debug', 4], ['info', 3], ['warn', 2], ['ERROR', 1], ['loud', 3], [undefined, 3]]) {
    const { lines, log } = collectingLogger(level);
    for (const method of ['debug', 'info', 'warn', 'error']) log[method]('x');
    assert.equal(lines.length, expected, `level ${level}`);
  }
});

test('with() adds fields to every line', () => {
  const { lines, log } = collectingLogger('info');
  log.with({ requestId: 'r' }).info('x');
  assert.deepEqual([lines[0].environment, lines[0].requestId], ['blue', 'r']);
});

test('configuration errors name the variable', () => {
  assert.throws(() => environmentName({}), /ENVIRONMENT is not set/);
  assert.throws(() => environmentName({ ENVIRONMENT: 'red' }), /must be blue or green/);
  assert.throws(() => databaseSettings({ DB_HOST: 'h', DB_NAME: 'n', DB_PORT: 'x' }), /DB_PORT/);
  assert.throws(() => requiredJson({ C: '[1]' }, 'C'), /C must be a JSON object/);
  assert.throws(() => databaseSettings({ DB_HOST: 'h', DB_NAME: 'n' }, { prefix: 'BLUE_' }), /BLUE_DB_HOST/);
  assert.throws(() => optionalChoice({ DB_ENGINE: 'x' }, 'DB_ENGINE', { fallback: 'a', choices: ['a', 'b'] }), /DB_ENGINE must be a or b/);
  assert.equal(optionalChoice({ DB_ENGINE: '' }, 'DB_ENGINE', { fallback: 'a', choices: ['a', 'b'] }), 'a');
  assert.deepEqual(databaseSettings({ DB_HOST: 'h', DB_NAME: 'n' }), { host: 'h', port: 3306, database: 'n' });
});

test('tryParseJson returns undefined for invalid JSON', () => {
  assert.equal(tryParseJson('secret'), undefined);
  assert.equal(tryParseJson('null'), null);
});

test('canonical JSON does not depend on the order of members', () => {
  assert.equal(canonicalJson({ b: [1, { d: 1, c: null }], a: 'x' }), canonicalJson({ a: 'x', b: [1, { c: null, d: 1 }] }));
  assert.notEqual(canonicalJson({ a: [1, 2] }), canonicalJson({ a: [2, 1] }));
});

test('payment ids are UUIDs derived from merchant and key', () => {
  const id = paymentIdFor('m', 'key-00000001');
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(id, paymentIdFor('m', 'key-00000001'));
  assert.notEqual(id, paymentIdFor('m', 'key-00000002'));
  assert.notEqual(paymentIdFor('a', 'b:c'), paymentIdFor('a:b', 'c'));
});

test('different payments have different fingerprints', () => {
  assert.equal(fingerprintOf(payment()), fingerprintOf(Object.fromEntries(Object.entries(payment()).reverse())));
  assert.notEqual(fingerprintOf(payment()), fingerprintOf(payment({ amountMinor: 2000 })));
});

for (const [what, changes] of Object.entries({
  'no merchant': { merchantId: undefined },
  'a merchant with odd characters': { merchantId: 'a b' },
  'no amount': { amountMinor: undefined },
  'an amount of zero': { amountMinor: 0 },
  'a negative amount': { amountMinor: -1 },
  'a fractional amount': { amountMinor: 1.5 },
  'an amount as text': { amountMinor: '100' },
  'an amount over the limit': { amountMinor: 10_000_000_000 },
  'an unknown currency': { currency: 'EUX' },
  'a currency in lower case': { currency: 'eur' },
  'no token': { paymentToken: undefined },
  'a token of another kind': { paymentToken: 'card_abcdefgh12345678' },
  'an empty reference': { reference: '' },
  'a reference with control characters': { reference: 'a\nb' },
  'a long reference': { reference: 'x'.repeat(65) },
  'metadata that is a list': { metadata: [] },
  'nested metadata': { metadata: { a: {} } },
  'too much metadata': { metadata: Object.fromEntries(Array.from({ length: 21 }, (_, i) => [`k${i}`, 'v'])) },
  'long metadata': { metadata: { a: 'x'.repeat(201) } },
  'a security code in metadata': { metadata: { CVV: '123' } },
  'a prototype in metadata': { metadata: JSON.parse('{"__proto__": "x"}') },
  'an unknown member': { cardholder: 'x' },
})) {
  test(`a payment with ${what} is invalid`, () => assert.notEqual(paymentErrors(payment(changes)).length, 0));
}

test('a payment with all optional members is valid', () => {
  assert.deepEqual(paymentErrors(payment({ reference: 'Rechnung Nr. 7 – ü', metadata: { order_id: '7', note: '' } })), []);
});

test('retry stops on success, permanent error, limit or deadline', async () => {
  const failing = (times) => {
    let calls = 0;
    return async () => {
      calls += 1;
      if (calls <= times) throw Object.assign(new Error('no'), { calls });
      return calls;
    };
  };
  const options = { isTransient: () => true, deadline: Date.now() + 10_000, baseMs: 1 };
  assert.equal(await retry(failing(3), options), 4);
  await assert.rejects(retry(failing(9), { ...options, isTransient: () => false }), { calls: 1 });
  await assert.rejects(retry(failing(9), { ...options, attempts: 3 }), { calls: 3 });
  await assert.rejects(retry(failing(9), { ...options, deadline: Date.now() }), { calls: 1 });
});
