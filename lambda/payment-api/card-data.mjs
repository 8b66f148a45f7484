import { hasCardNumber, textHasCardNumber } from '../lib/card-number.mjs';
import { tryParseJson } from '../lib/json.mjs';
import { Problem } from '../lib/problem.mjs';

/** Headers of load balancers and tracing tools: addresses and ids, whose digits can look like a card number. */
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
 * Rejects a request that contains a card number. This service accepts vault tokens only: a card number is neither forwarded
 * nor logged nor returned.
 */
export function rejectCardNumbers(request) {
  if (inAddress(request) || inHeaders(request) || inBody(request.body.toString('utf8'))) {
    throw new Problem(
      422,
      'card-number-in-clear',
      'The request contains what looks like a card number. Send a vault token (paymentToken) instead.',
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

/** Searches the text, which has all digits of long numbers, and the parsed value, in which escapes are resolved. */
const inBody = (text) => textHasCardNumber(text) || hasCardNumber(tryParseJson(text));
