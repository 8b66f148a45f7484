import { hasCardNumber, textHasCardNumber } from '../lib/card-number.mjs';
import { tryParseJson } from '../lib/json.mjs';
import { Problem } from '../lib/problem.mjs';

/** Written by the load balancer or by tracing tools: addresses and identifiers in which digits mean something else. */
const TRANSPORT_HEADERS = new Set([
  'content-length',
  'traceparent',
  'tracestate',
  'x-amzn-trace-id',
  'x-forwarded-for',
  'x-forwarded-port',
  'x-forwarded-proto',
]);

/**
 * Refuses a request that has a card number anywhere in it. This service takes vault tokens only; a number that got here is
 * neither passed on nor logged nor sent back.
 */
export function refuseCardNumbers(request) {
  if (inAddress(request) || inHeaders(request) || inBody(request.body.toString('utf8'))) {
    throw new Problem(
      422,
      'card-number-in-clear',
      'The request has what looks like a card number. Send a vault token (paymentToken) in its place.',
    );
  }
}

function inAddress({ path, query }) {
  const parts = [path, ...[...query].flatMap(([name, values]) => [name, ...values])];
  return parts.some((part) => textHasCardNumber(part) || textHasCardNumber(percentDecoded(part)));
}

function percentDecoded(text) {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}

const inHeaders = ({ headers }) =>
  [...headers].some(([name, values]) => !TRANSPORT_HEADERS.has(name) && [name, ...values].some(textHasCardNumber));

/** As written, where a long number still has all its digits, and as read, where escapes are resolved. */
const inBody = (text) => textHasCardNumber(text) || hasCardNumber(tryParseJson(text));
