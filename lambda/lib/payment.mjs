/** The payment model: fields, limits, id and fingerprint. Shared by payment-api and payment-processor. */
import { createHash } from 'node:crypto';

import { CURRENCIES } from './currencies.mjs';
import { canonicalJson, isPlainObject } from './json.mjs';

export const MAX_AMOUNT_MINOR = 9_999_999_999;
const MAX_METADATA_MEMBERS = 20;

const IDEMPOTENCY_KEY = /^[A-Za-z0-9._:~-]{8,128}$/;
const METADATA_KEY = /^[A-Za-z][A-Za-z0-9_.-]{0,39}$/;
const METADATA_VALUE = /^[^\p{C}]{0,200}$/u;
// Sensitive authentication data must not be stored at all, whatever its value (PCI DSS 3.3).
const CARD_DATA_KEY = /^(?:pan|primaryaccountnumber|card(?:number|no)|cvv2?|cvc2?|cid|csc|pin|pinblock|track[123]?|magstripe)$/;

export const isIdempotencyKey = (value) => typeof value === 'string' && IDEMPOTENCY_KEY.test(value);

const matches = (pattern) => (value) => typeof value === 'string' && pattern.test(value);

const FIELDS = {
  merchantId: { valid: matches(/^[A-Za-z0-9_-]{1,64}$/), rule: 'must be 1 to 64 letters, digits, _ or -' },
  amountMinor: {
    valid: (value) => Number.isInteger(value) && value > 0 && value <= MAX_AMOUNT_MINOR,
    rule: `must be a whole number of minor units from 1 to ${MAX_AMOUNT_MINOR}`,
  },
  currency: { valid: (value) => CURRENCIES.has(value), rule: 'must be an active ISO 4217 code in capitals' },
  paymentToken: {
    valid: matches(/^tok_[A-Za-z0-9_-]{8,128}$/),
    rule: 'must be a token of the vault: tok_ and 8 to 128 letters, digits, _ or -',
  },
  reference: { valid: matches(/^[^\p{C}]{1,64}$/u), rule: 'must be 1 to 64 printable characters', optional: true },
  metadata: {
    valid: isPlainObject,
    rule: 'must be an object',
    optional: true,
    members: metadataErrors,
  },
};

const pointerTo = (...names) => names.map((name) => `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');

/**
 * The validation errors of a payment, [{pointer, detail}]. They contain neither values nor the names of unknown members:
 * either could be card data.
 */
export function paymentErrors(payment) {
  if (!isPlainObject(payment)) return [{ pointer: '', detail: 'must be a JSON object' }];
  const errors = Object.entries(FIELDS).flatMap(([name, field]) => fieldErrors(name, field, payment[name]));
  const unknown = Object.keys(payment).filter((name) => !Object.hasOwn(FIELDS, name)).length;
  if (unknown > 0) errors.push({ pointer: '', detail: `has ${unknown} unknown member(s)` });
  return errors;
}

function fieldErrors(name, field, value) {
  if (value === undefined) return field.optional ? [] : [{ pointer: pointerTo(name), detail: 'is required' }];
  if (!field.valid(value)) return [{ pointer: pointerTo(name), detail: field.rule }];
  return field.members?.(value) ?? [];
}

function metadataErrors(metadata) {
  const entries = Object.entries(metadata);
  const errors = [];
  const reject = (detail) => errors.push({ pointer: pointerTo('metadata'), detail });
  if (entries.length > MAX_METADATA_MEMBERS) reject(`must have at most ${MAX_METADATA_MEMBERS} members`);
  if (entries.some(([key]) => !METADATA_KEY.test(key))) {
    reject('must have names of 1 to 40 letters, digits, _, . or - that begin with a letter');
  }
  if (entries.some(([key]) => CARD_DATA_KEY.test(key.toLowerCase().replace(/[-_.]/g, '')))) {
    reject('must not have members for card data');
  }
  if (entries.some(([, value]) => typeof value !== 'string' || !METADATA_VALUE.test(value))) {
    reject('must have texts of at most 200 printable characters as values');
  }
  return errors;
}

const sha256 = (text) => createHash('sha256').update(text, 'utf8').digest();

/** The id of a payment: a UUID version 8 from the SHA-256 of merchant and idempotency key. */
export function paymentIdFor(merchantId, idempotencyKey) {
  const bytes = sha256(JSON.stringify(['payment', merchantId, idempotencyKey])).subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A hash that differs for different payments with the same idempotency key; the order of members doesn't matter. */
export const fingerprintOf = (payment) => sha256(canonicalJson(payment)).toString('hex');
