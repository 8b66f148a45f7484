/** Redacts log fields: card numbers, passwords, secrets and token values. */
import { maskCardNumbers } from './card-number.mjs';

const REMOVED = '[removed]';
const MAX_DEPTH = 8;

const SENSITIVE_NAME =
  /password|passwd|passphrase|secret|token|authorization|cookie|credential|apikey|privatekey|encryptionkey|cardnumber|cvv|cvc|^pan$/;
// The name of a secret (ARN, id, version) isn't sensitive, and operators need it.
const IDENTIFYING_NAME = /(?:arn|id|name|version|stage|kind)$/;

const SENSITIVE_IN_TEXT = [
  [/\btok_[A-Za-z0-9_-]+/g, `tok_${REMOVED}`],
  [/\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${REMOVED}`],
  [/(identified\s+by\s+)'(?:[^'\\]|\\.|'')*'/gi, `$1'${REMOVED}'`],
  // Not after a colon: an ARN contains ":secret:" and isn't a secret.
  [/((?<!:)(?:password|passwd|secret|token|api_?key)\\?["']?\s*[:=]\s*)(?:\\?["'][^"'\\]*|[^\s"',;}&]+)/gi, `$1${REMOVED}`],
];

function isSensitiveName(name) {
  const plain = name.toLowerCase().replace(/[-_]/g, '');
  return SENSITIVE_NAME.test(plain) && !IDENTIFYING_NAME.test(plain);
}

export function redactText(text) {
  return SENSITIVE_IN_TEXT.reduce((kept, [pattern, replacement]) => kept.replace(pattern, replacement), maskCardNumbers(text));
}

/** Keeps only known properties of an error: drivers attach the failed statement with its values. */
function describeError(error) {
  return {
    name: error.name,
    message: redactText(String(error.message)),
    ...(error.code === undefined ? {} : { code: error.code }),
    ...(error.stack === undefined ? {} : { stack: redactText(error.stack) }),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  };
}

export function redact(value, depth = 0) {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'number') return maskCardNumbers(String(value)) === String(value) ? value : REMOVED;
  if (typeof value === 'bigint') return redactText(String(value));
  if (value instanceof Error) return describeError(value);
  if (value === null || typeof value !== 'object') return value;
  if (depth >= MAX_DEPTH) return '[too deep]';
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      redactText(name),
      isSensitiveName(name) && member !== null && member !== undefined ? REMOVED : redact(member, depth + 1),
    ]),
  );
}
