/**
 * Hashes a canonical text of a payment. SQL (for green's rows) and JavaScript (for transformed rows of blue) build it
 * identically. Each field has its length as a prefix, so that different payments have different texts.
 */
import { createHash } from 'node:crypto';

import { PAYMENT_COLUMNS } from './green.mjs';

const NAMES = PAYMENT_COLUMNS.map(([name]) => name);

const textOf = (value) => (value === null ? '-' : `${Buffer.byteLength(value)}:${value}`);

/** The first eight bytes of the digest as a signed number: their sum is independent of the order of rows. */
export function hashOf(payment) {
  let text = '';
  for (const name of NAMES) text += textOf(payment[name]);
  return createHash('sha256').update(text, 'utf8').digest().readBigInt64BE(0);
}

const CANONICAL = NAMES.map((name) => `coalesce(octet_length(${name}::text) || ':' || ${name}::text, '-')`).join(' || ');

/** The same hash in SQL, for a row of green. */
export const HASH_SQL = `('x' || encode(substr(sha256(convert_to(${CANONICAL}, 'UTF8')), 1, 8), 'hex'))::bit(64)::bigint`;

/** The columns of a row of green as text, for a comparison by field. */
export const COLUMNS_SQL = NAMES.map((name) => `${name}::text`).join(', ');

/** The names of fields whose values differ. */
export const differingFields = (one, other) => NAMES.filter((name) => one[name] !== other[name]);
