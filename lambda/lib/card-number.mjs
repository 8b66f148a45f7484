/** Finds primary account numbers (card numbers) in text, so that none is accepted, stored or logged. */
import { isPlainObject } from './json.mjs';

const MIN_DIGITS = 13;
const MAX_DIGITS = 19;

// Digits in groups, separated by at most two spaces, dashes, dots or underscores.
const DIGIT_RUN = /\d(?:[\s\-\u2010-\u2015\u2212._]{0,2}\d){12,}/g;

// UUIDs and digests contain valid card numbers by chance: rejecting them would reject too many payments.
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
 * Whether a card network issues numbers with this prefix. Without this check one in ten timestamps would pass for a card number:
 * epoch milliseconds begin with 1 (only UATP cards do, with 15 digits), dates with 20.
 */
function hasIssuedPrefix(digits) {
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
    significant.length >= MIN_DIGITS && significant.length <= MAX_DIGITS && hasIssuedPrefix(significant) && passesLuhn(significant)
  );
}

/** The ranges of adjacent digit groups that form a card number ("order 12 4111 1111 ..." contains one). */
function* rangesInRun(run, offset) {
  const groups = [...run.matchAll(/\d+/g)];
  for (let first = 0; first < groups.length; first += 1) {
    let digits = '';
    for (let last = first; last < groups.length && digits.length <= MAX_DIGITS; last += 1) {
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

/** Converts full-width and other compatibility digits to ASCII. */
const normalised = (text) => text.normalize('NFKC');

export function textHasCardNumber(text) {
  return !rangesIn(normalised(text)).next().done;
}

/** Searches a JSON value: nested strings, numbers and member names. */
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
