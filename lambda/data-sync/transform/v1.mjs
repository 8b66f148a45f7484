/**
 * Version 1 of the transformation from a legacy payment to a new one. Pure: equal rows give equal results. All values are
 * text in PostgreSQL's format, in UTC: JavaScript's numbers and dates would lose digits.
 */
import { textHasCardNumber } from '../../lib/card-number.mjs';
import { CURRENCIES, minorDigits } from '../../lib/currencies.mjs';
import { uuidsIn } from '../../lib/uuid.mjs';
import { Untransformable } from './untransformable.mjs';

/** The version of this transformation. Never edit code that has run: a changed result needs a new version. */
export const VERSION = 1;

/** The maximum length of a reference: it bounds the size of a page. */
export const MAX_REFERENCE_LENGTH = 4096;

const STATUSES = new Map([
  ['N', 'created'],
  ['A', 'authorised'],
  ['C', 'captured'],
  ['R', 'refunded'],
  ['F', 'failed'],
]);

/** A random namespace. Never change it: the ids of all migrated payments are derived from it. */
const paymentIdFor = uuidsIn('6f1c3a5e-0d0b-4c53-9d1c-6a4f6f6b7c21');

const MERCHANT = /^[^\p{C}]{1,64}$/u;
const TOKEN = /^[\x21-\x7e]{1,132}$/;
const AMOUNT = /^(\d{1,12})\.(\d\d)$/;
const LOCAL_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?$/;
const UTC_TIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?\+00$/;

function check(condition, reason) {
  if (!condition) throw new Untransformable(reason);
}

/** Transforms a legacy row. Throws Untransformable with a reason that contains no values of the row. */
export function transform(row) {
  // First, because a card number is the most important reason.
  for (const column of ['merchant_ref', 'card_token', 'reference']) {
    check(!mayHaveCardNumber(row[column]) || !textHasCardNumber(row[column]), `${column} holds a card number`);
  }
  const merchant = row.merchant_ref.trim();
  check(MERCHANT.test(merchant), 'merchant_ref is empty or not printable');
  check(TOKEN.test(row.card_token), 'card_token is empty or not a token');
  const fits = row.reference === null || row.reference.length <= MAX_REFERENCE_LENGTH;
  check(fits, `reference is longer than ${MAX_REFERENCE_LENGTH} characters`);
  check(STATUSES.has(row.status), 'status is unknown');
  check(LOCAL_TIME.test(row.created), 'created is not a time of the years 1 to 9999');
  check(UTC_TIME.test(row.updated_at), 'updated_at is not a time of the years 1 to 9999');
  return {
    payment_id: paymentIdFor(`payments/${row.id}`),
    legacy_id: row.id,
    merchant_id: merchant,
    amount_minor: minorUnits(row.amount, row.currency),
    currency: row.currency,
    status: STATUSES.get(row.status),
    payment_token: row.card_token,
    reference: row.reference === '' ? null : row.reference,
    // The legacy system wrote UTC into a column without a time zone.
    created_at: `${row.created}+00`,
    updated_at: row.updated_at,
  };
}

/** A cheap filter for nearly all texts: a card number has at least 13 digits. */
function mayHaveCardNumber(text) {
  if (text === null || text.length < 13) return false;
  let digits = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // One character outside ASCII may normalise to several digits.
    if (code > 127) return true;
    if (code >= 48 && code <= 57) digits += 1;
  }
  return digits >= 13;
}

/** "12.34" EUR is 1234, "12.00" JPY is 12, "1.23" KWD is 1230. Works on the digits of the text, so nothing is rounded. */
function minorUnits(amount, currency) {
  check(CURRENCIES.has(currency), 'currency is not an active ISO 4217 code');
  const match = AMOUNT.exec(amount);
  check(match !== null, 'amount is negative or not a number');
  const digits = minorDigits(currency);
  const [, whole, hundredths] = match;
  check(/^0*$/.test(hundredths.slice(digits)), 'amount has a fraction that its currency does not have');
  const minor = `${whole}${hundredths.slice(0, digits).padEnd(digits, '0')}`.replace(/^0+/, '');
  check(minor !== '', 'amount is zero');
  return minor;
}
