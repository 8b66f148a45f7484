import { hasCardNumber } from '../lib/card-number.mjs';
import { isPlainObject, tryParseJson } from '../lib/json.mjs';
import { fingerprintOf, isIdempotencyKey, paymentErrors, paymentIdFor } from '../lib/payment.mjs';

/** A message that fails on every retry. */
export class PoisonMessage extends Error {
  name = 'PoisonMessage';
}

function check(condition, problem) {
  if (!condition) throw new PoisonMessage(problem);
}

/** Reads and validates the message of an SQS record. payment-api validates too, but others may be able to write to the queue. */
export function readMessage(record) {
  const message = tryParseJson(record.body);
  check(isPlainObject(message), 'the body is not a JSON object');
  check(message.version === 1, 'the version of the message is unknown');
  check(isIdempotencyKey(message.idempotencyKey), 'the idempotency key is missing or malformed');
  const errors = paymentErrors(message.payment);
  check(errors.length === 0, `the payment is invalid: ${errors.map(({ pointer, detail }) => `${pointer} ${detail}`).join('; ')}`);
  check(!hasCardNumber([message.payment, message.idempotencyKey]), 'the payment contains a card number');
  check(message.paymentId === paymentIdFor(message.payment.merchantId, message.idempotencyKey), 'the payment id does not match merchant and idempotency key');
  check(message.fingerprint === fingerprintOf(message.payment), 'the fingerprint does not match the payment');
  const acceptedAt = new Date(message.acceptedAt);
  check(typeof message.acceptedAt === 'string' && !Number.isNaN(acceptedAt.getTime()), 'acceptedAt is malformed');
  check(message.traceId === undefined || /^1-[0-9a-f]{8}-[0-9a-f]{24}$/.test(message.traceId), 'the trace id is malformed');
  check(['blue', 'green'].includes(message.environment), 'the environment is unknown');
  return { ...message, acceptedAt };
}
