import { tryParseJson } from '../lib/json.mjs';
import { fingerprintOf, isIdempotencyKey, paymentErrors, paymentIdFor } from '../lib/payment.mjs';
import { Problem } from '../lib/problem.mjs';

export const MAX_BODY_BYTES = 16 * 1024;

/**
 * Validates a payment and sends it to the queue. Stateless: the id is derived from merchant and idempotency key, so a repeated
 * request gets the same response, and the processor drops the duplicate message.
 */
export async function acceptPayment(request, { environment, queue }) {
  checkContent(request);
  const idempotencyKey = readIdempotencyKey(request);
  const payment = readPayment(request);
  const paymentId = paymentIdFor(payment.merchantId, idempotencyKey);
  await queue.send({
    version: 1,
    paymentId,
    idempotencyKey,
    payment,
    fingerprint: fingerprintOf(payment),
    environment,
    traceId: traceIdOf(request),
    acceptedAt: new Date().toISOString(),
  });
  return {
    status: 202,
    headers: { Location: `/payments/${paymentId}` },
    body: { paymentId, status: 'accepted' },
  };
}

/** The trace id from the load balancer's header; anything else in the header may come from the client. */
function traceIdOf(request) {
  return /\bRoot=(1-[0-9a-f]{8}-[0-9a-f]{24})\b/.exec(request.header('x-amzn-trace-id').join(';'))?.[1];
}

function checkContent(request) {
  const types = request.header('content-type');
  if (types.length !== 1 || !/^application\/json\s*(?:;\s*charset="?utf-8"?\s*)?$/i.test(types[0].trim())) {
    throw new Problem(415, 'unsupported-media-type', 'Content-Type must be application/json, in UTF-8.');
  }
  const encodings = request.header('content-encoding').filter((encoding) => encoding.trim().toLowerCase() !== 'identity');
  if (encodings.length > 0) throw new Problem(415, 'unsupported-encoding', 'The body must not be compressed.');
}

function readIdempotencyKey(request) {
  const keys = request.header('idempotency-key');
  if (keys.length !== 1 || !isIdempotencyKey(keys[0])) {
    throw new Problem(
      400,
      'idempotency-key',
      'One Idempotency-Key header is required: 8 to 128 letters, digits or any of . _ : ~ -',
    );
  }
  return keys[0];
}

function readPayment(request) {
  const text = decodeUtf8(request.body);
  const payment = text === undefined ? undefined : tryParseJson(text);
  if (payment === undefined) throw new Problem(400, 'malformed-body', 'The body is not JSON in UTF-8.');
  const errors = paymentErrors(payment);
  if (errors.length > 0) throw new Problem(422, 'invalid-payment', 'The payment is not valid.', { errors });
  return payment;
}

function decodeUtf8(bytes) {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
