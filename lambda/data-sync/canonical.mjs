/**
 * What two payments are compared by: a text of all their fields, which SQL makes of a row of green and JavaScript of a
 * transformed row of blue, byte for byte the same. Each field goes in with its length, so that no two different
 * payments have the same text.
 */
import { createHash } from 'node:crypto';

import { PAYMENT_COLUMNS } from './green.mjs';

const NAMES = PAYMENT_COLUMNS.map(([name]) => name);

const textOf = (value) => (value === null ? '-' : `${Buffer.byteLength(value)}:${value}`);

/** The first eight bytes of the digest as a signed number: sums of them don't depend on the order of the rows. */
export function hashOf(payment) {
  let text = '';
  for (const name of NAMES) text += textOf(payment[name]);
  return createHash('sha256').update(text, 'utf8').digest().readBigInt64BE(0);
}

const CANONICAL = NAMES.map((name) => `coalesce(octet_length(${name}::text) || ':' || ${name}::text, '-')`).join(' || ');

/** The same of a row of green, as SQL. */
export const HASH_SQL = `('x' || encode(substr(sha256(convert_to(${CANONICAL}, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint`;

/** A row of green as texts, to be compared field by field. */
export const COLUMNS_SQL = NAMES.map((name) => `${name}::text`).join(', ');

/** The names of the fields in which two payments differ. */
export const differingFields = (one, other) => NAMES.filter((name) => one[name] !== other[name]);
