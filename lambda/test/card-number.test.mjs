import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { test } from 'node:test';

import { hasCardNumber, maskCardNumbers, passesLuhn, textHasCardNumber } from '../lib/card-number.mjs';
import { withCheckDigit } from './support/payments.mjs';

const WELL_KNOWN = {
  visa: '4111111111111111',
  'visa with 13 digits': '4222222222222',
  mastercard: '5555555555554444',
  'mastercard of the 2 series': '2223003122003222',
  amex: '378282246310005',
  diners: '30569309025904',
  discover: '6011111111111117',
  jcb: '3530111333300000',
  uatp: '135412345678911',
};

const randomDigits = (count) => Array.from({ length: count }, () => randomInt(10)).join('');

function randomCardNumber() {
  const prefix = ['34', '36', '4', '51', '2221', '62', '65', '81', '9792'][randomInt(9)];
  const length = prefix === '2221' ? 16 : randomInt(13, 20);
  return withCheckDigit(prefix + randomDigits(length - prefix.length - 1));
}

/** Cuts a number into groups of two to six digits, as people write them. */
function grouped(number, separator) {
  const groups = [];
  for (let start = 0; start < number.length; ) {
    const end = start + randomInt(2, 7);
    groups.push(number.slice(start, end));
    start = end;
  }
  return groups.join(separator);
}

for (const [network, number] of Object.entries(WELL_KNOWN)) {
  test(`finds a ${network} number`, () => assert.ok(textHasCardNumber(number)));
}

test('finds random numbers in any grouping and context', () => {
  for (let round = 0; round < 3000; round += 1) {
    const number = randomCardNumber();
    const separator = ['', ' ', '-', '.', '_', '\u00a0', '\u2013', ' - '.slice(0, 2)][randomInt(8)];
    const written = grouped(number, separator);
    for (const text of [written, `card:${written};`, `x${written}y`, `order 7 ${written} 0`]) {
      assert.ok(textHasCardNumber(text), `round ${round}: ${text}`);
    }
    const masked = maskCardNumbers(`before ${written} after`);
    assert.equal(masked, 'before [card number removed] after', `round ${round}: ${written}`);
  }
});

test('a number with one wrong digit is not a card number', () => {
  for (let round = 0; round < 1000; round += 1) {
    const number = randomCardNumber();
    const position = randomInt(number.length);
    const wrong = number.slice(0, position) + ((Number(number[position]) + 1) % 10) + number.slice(position + 1);
    assert.equal(passesLuhn(wrong), false);
    assert.equal(textHasCardNumber(wrong), false);
  }
});

test('finds numbers in nested values, names and Unicode digits', () => {
  assert.ok(hasCardNumber({ a: [{ b: 'x 4111 1111 1111 1111' }] }));
  assert.ok(hasCardNumber({ '4111-1111-1111-1111': 1 }));
  assert.ok(hasCardNumber([4111111111111111]));
  assert.ok(textHasCardNumber('４１１１１１１１１１１１１１１１'));
  assert.ok(textHasCardNumber('00004111111111111111'));
});

test('timestamps, identifiers and short numbers are not matched', () => {
  for (let round = 0; round < 1000; round += 1) {
    assert.equal(textHasCardNumber(String(1_600_000_000_000 + randomInt(200_000_000_000))), false);
    assert.equal(textHasCardNumber(randomUUID()), false);
    assert.equal(textHasCardNumber(`2026${randomDigits(10)}`), false);
  }
  assert.equal(hasCardNumber({ phone: '+49 30 1234 5678', amount: 123456789012, none: null, yes: true }), false);
});

test('searches a body full of digits in under a second', () => {
  const started = Date.now();
  textHasCardNumber('1 '.repeat(8192));
  textHasCardNumber('1'.repeat(16_384));
  textHasCardNumber('0'.repeat(16_384));
  textHasCardNumber(`${'1'.repeat(12)}x`.repeat(1200));
  assert.ok(Date.now() - started < 1000);
});
