import assert from 'node:assert/strict';
import { test } from 'node:test';

import { minorDigits } from '../lib/currencies.mjs';
import { uuidsIn } from '../lib/uuid.mjs';
import { quoted, unquoted } from '../data-sync/arrays.mjs';
import { beginPass, finishPass, progressFor } from '../data-sync/pass.mjs';
import { isoTime, postgresTime } from '../data-sync/times.mjs';
import { transformAll, VERSION } from '../data-sync/transform/index.mjs';
import { transform } from '../data-sync/transform/v1.mjs';

const legacy = (changes) => ({
  id: '17',
  merchant_ref: 'merchant-1',
  amount: '12.34',
  currency: 'EUR',
  status: 'C',
  card_token: 'tok_abcdefgh',
  reference: 'Nr. 7 – ü',
  created: '2024-02-29 23:59:59.123456',
  updated_at: '2026-01-02 03:04:05.678901+00',
  ...changes,
});

test('transforms a legacy payment and keeps microseconds', () => {
  assert.deepEqual(transform(legacy()), {
    payment_id: '4a781d3a-6831-5f17-9fa4-aa860c5f4cf2',
    legacy_id: '17',
    merchant_id: 'merchant-1',
    amount_minor: '1234',
    currency: 'EUR',
    status: 'captured',
    payment_token: 'tok_abcdefgh',
    reference: 'Nr. 7 – ü',
    created_at: '2024-02-29 23:59:59.123456+00',
    updated_at: '2026-01-02 03:04:05.678901+00',
  });
});

test('ids are UUIDs version 5 of RFC 9562', () => {
  // The example in appendix A.4.
  assert.equal(uuidsIn('6ba7b810-9dad-11d1-80b4-00c04fd430c8')('www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

for (const [amount, currency, minor] of [
  ['0.01', 'EUR', '1'],
  ['1.10', 'EUR', '110'],
  ['0.29', 'USD', '29'],
  ['999999999999.99', 'EUR', '99999999999999'],
  ['100.00', 'JPY', '100'],
  ['12.34', 'KWD', '12340'],
  ['999999999999.99', 'BHD', '999999999999990'],
]) {
  test(`${amount} ${currency} is ${minor} minor units`, () => {
    assert.equal(transform(legacy({ amount, currency })).amount_minor, minor);
  });
}

test('currencies have the digits of ISO 4217', () => {
  assert.deepEqual(['EUR', 'JPY', 'KRW', 'KWD', 'TND', 'XOF'].map(minorDigits), [2, 0, 0, 3, 3, 0]);
});

test('each status letter maps to a status', () => {
  const words = [...'NACRF'].map((status) => transform(legacy({ status })).status);
  assert.deepEqual(words, ['created', 'authorised', 'captured', 'refunded', 'failed']);
});

test('an empty reference becomes null', () => {
  assert.equal(transform(legacy({ reference: '' })).reference, null);
  assert.equal(transform(legacy({ reference: null })).reference, null);
});

for (const [changes, reason] of [
  [{ amount: '1.50', currency: 'JPY' }, /^amount has a fraction/],
  [{ amount: '-1.00' }, /^amount is negative/],
  [{ amount: 'NaN' }, /^amount is negative or not a number/],
  [{ amount: '0.00' }, /^amount is zero/],
  [{ currency: 'XXX' }, /^currency is not/],
  [{ currency: 'eur' }, /^currency is not/],
  [{ status: 'X' }, /^status is unknown/],
  [{ merchant_ref: ' ' }, /^merchant_ref is empty/],
  [{ card_token: '' }, /^card_token is empty/],
  [{ card_token: '4111111111111111' }, /^card_token holds a card number/],
  [{ reference: 'card 4111-1111 1111-1111' }, /^reference holds a card number/],
  [{ reference: 'card ４１１１１１１１１１１１１１１１' }, /^reference holds a card number/],
  [{ merchant_ref: '4111111111111111' }, /^merchant_ref holds a card number/],
  [{ reference: 'x'.repeat(4097) }, /^reference is longer/],
  [{ created: 'infinity' }, /^created is not a time/],
  [{ created: '0044-03-15 12:00:00 BC' }, /^created is not a time/],
  [{ updated_at: 'infinity' }, /^updated_at is not a time/],
]) {
  test(`rejects ${JSON.stringify(changes).slice(0, 32)} without quoting it`, () => {
    const { payments, rejected } = transformAll([legacy(changes), legacy({ id: '18' })]);
    assert.deepEqual(payments.map(({ legacy_id: id }) => id), ['18']);
    assert.match(rejected[0].reason, reason);
    assert.doesNotMatch(JSON.stringify({ ...rejected[0], updatedAt: '' }), /1111|tok_|merchant-1|XXX|eur|NaN/);
  });
}

test('array literals keep text and nulls', () => {
  const rows = [{ a: 'x' }, { a: null }, { a: 'NULL' }, { a: '"\\,{}' }, { a: '' }];
  assert.equal(quoted(rows, 'a'), '{"x",NULL,"NULL","\\"\\\\,{}",""}');
  assert.equal(unquoted([{ a: '1' }, { a: null }], 'a'), '{1,NULL}');
  assert.equal(quoted([], 'a'), '{}');
  assert.equal(quoted([{ a: '' }, { a: '' }], 'a'), '{"",""}');
});

test('times keep their microseconds in ISO 8601', () => {
  for (const time of ['2026-01-02 03:04:05.678901+00', '2026-01-02 03:04:05+00']) assert.equal(postgresTime(isoTime(time)), time);
  assert.equal(isoTime('2026-01-02 03:04:05.678901+00'), '2026-01-02T03:04:05.678901Z');
  assert.equal(isoTime(null), null);
});

test('a new transformation version copies everything again', () => {
  const horizon = { horizon: 'h', target: 't', start: 's' };
  const done = finishPass({ low: null, pass: beginPass({ low: null, version: null }, horizon) });
  assert.deepEqual([done.low, done.version, done.pass], ['h', VERSION, null]);
  assert.equal(beginPass(progressFor(done), horizon).rewrite, false);
  const earlier = progressFor({ ...done, version: VERSION - 1, copiedTotal: 7 });
  assert.deepEqual([earlier.low, earlier.pass, earlier.copiedTotal], [null, null, 7]);
  const pass = beginPass(earlier, horizon);
  assert.deepEqual([pass.rewrite, pass.first], [true, true]);
  // An interrupted pass resumes.
  assert.equal(progressFor({ ...earlier, pass }).pass, pass);
});
