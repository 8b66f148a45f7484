/** Finds primary account numbers (card numbers) in text, so that none of them is accepted, stored or logged. */
import { isPlainObject } from './json.mjs';

const SHORTEST = 13;
const LONGEST = 19;

// Digits that people group with a space, dash, dot or underscore, at most two of them in a row.
const DIGIT_RUN = /\d(?:[\s\-\u2010-\u2015\u2212._]{0,2}\d){12,}/g;

// UUIDs and digests are hexadecimal noise in which a valid number turns up by chance far too often to refuse a payment for it.
const OPAQUE_IDENTIFIER =
  /\b(?:[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}|(?=\d*[a-f])(?:[0-9a-f]{64}|[0-9a-f]{40}|[0-9a-f]{32}))\b/gi;

export function passesLuhn(digits) {
  let sum = 0;
  for (let fromRight = 0; fromRight < digits.length; fromRight += 1) {
    let digit = digits.charCodeAt(digits.length - 1 - fromRight) - 48;
    if (fromRight % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}

/**
 * Whether any network issues numbers that begin like this. Without it one in ten of all timestamps would be taken for a card:
 * epoch milliseconds begin with 1 (as cards only UATP's do, with 15 digits), written-out dates with 20.
 */
function mayBeIssued(digits) {
  switch (digits[0]) {
    case '0':
    case '7':
      return false;
    case '1':
      return digits.length === 15;
    case '2':
      return digits.length >= 16 && /^2[2-7]/.test(digits);
    default:
      return true;
  }
}

function isCardNumber(digits) {
  const significant = digits.replace(/^0+/, '');
  return (
    significant.length >= SHORTEST && significant.length <= LONGEST && mayBeIssued(significant) && passesLuhn(significant)
  );
}

/** Every stretch of neighbouring digit groups in a run that together make a card number ("order 12 4111 1111 ..." has one). */
function* rangesInRun(run, offset) {
  const groups = [...run.matchAll(/\d+/g)];
  for (let first = 0; first < groups.length; first += 1) {
    let digits = '';
    for (let last = first; last < groups.length && digits.length <= LONGEST; last += 1) {
      digits += groups[last][0];
      if (isCardNumber(digits)) {
        yield [offset + groups[first].index, offset + groups[last].index + groups[last][0].length];
      }
    }
  }
}

function* rangesIn(text) {
  const searched = text.replace(OPAQUE_IDENTIFIER, (identifier) => 'x'.repeat(identifier.length));
  for (const run of searched.matchAll(DIGIT_RUN)) yield* rangesInRun(run[0], run.index);
}

/** Full-width and other compatibility digits become plain ones. */
const normalised = (text) => text.normalize('NFKC');

export function textHasCardNumber(text) {
  return !rangesIn(normalised(text)).next().done;
}

/** The same for any JSON value: nested strings, numbers and member names. */
export function hasCardNumber(value) {
  if (typeof value === 'string') return textHasCardNumber(value);
  if (typeof value === 'number') return textHasCardNumber(String(value));
  if (Array.isArray(value)) return value.some(hasCardNumber);
  if (isPlainObject(value)) return Object.entries(value).some(([key, member]) => textHasCardNumber(key) || hasCardNumber(member));
  return false;
}

export function maskCardNumbers(text) {
  const plain = normalised(text);
  const ranges = [...rangesIn(plain)].sort(([a], [b]) => a - b);
  if (ranges.length === 0) return text;
  let masked = '';
  let position = 0;
  for (const [start, end] of ranges) {
    if (end <= position) continue;
    if (start >= position) masked += `${plain.slice(position, start)}[card number removed]`;
    position = end;
  }
  return masked + plain.slice(position);
}
