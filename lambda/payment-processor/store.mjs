import { execute } from '../lib/database.mjs';
import { isDuplicate } from '../lib/mysql-errors.mjs';

const INSERT_PAYMENT = `
  INSERT INTO payments
    (payment_id, merchant_id, idempotency_key, fingerprint, amount_minor, currency, payment_token, reference, metadata, status)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'accepted')`;

const INSERT_EVENT = `
  INSERT INTO payment_events
    (payment_id, event_type, accepted_in, recorded_in, accepted_at, message_id, trace_id)
  VALUES (?, 'accepted', ?, ?, ?, ?, ?)`;

const SELECT_FINGERPRINT = 'SELECT fingerprint FROM payments WHERE merchant_id = ? AND idempotency_key = ?';

// A redelivered message doesn't add a second conflict.
const INSERT_CONFLICT = `
  INSERT INTO idempotency_conflicts
    (payment_id, merchant_id, idempotency_key, recorded_fingerprint, refused_fingerprint, message_id)
  VALUES (?, ?, ?, ?, ?, ?)
  ON DUPLICATE KEY UPDATE conflict_id = conflict_id`;

/** Records each payment exactly once: the unique key on merchant and idempotency key guarantees it. */
export function createPaymentStore(database) {
  return {
    /** Returns 'recorded', 'duplicate' for a repeated payment, or 'conflict' for another payment with a used key. */
    async record(message, delivery) {
      try {
        await database.transaction((connection) => insert(connection, message, delivery));
        return 'recorded';
      } catch (error) {
        if (!isDuplicate(error)) throw error;
        return compareWithRecorded(database, message, delivery);
      }
    },
  };
}

async function insert(connection, message, delivery) {
  const { paymentId, idempotencyKey, payment, fingerprint } = message;
  await execute(connection, INSERT_PAYMENT, [
    paymentId,
    payment.merchantId,
    idempotencyKey,
    fingerprint,
    payment.amountMinor,
    payment.currency,
    payment.paymentToken,
    payment.reference ?? null,
    payment.metadata === undefined ? null : JSON.stringify(payment.metadata),
  ]);
  await execute(connection, INSERT_EVENT, [
    paymentId,
    message.environment,
    delivery.environment,
    message.acceptedAt,
    delivery.messageId,
    message.traceId ?? null,
  ]);
}

async function compareWithRecorded(database, message, delivery) {
  const { paymentId, idempotencyKey, payment, fingerprint } = message;
  const [recorded] = await database.query(SELECT_FINGERPRINT, [payment.merchantId, idempotencyKey]);
  if (recorded === undefined) throw new Error('the database reported a duplicate payment, but has no payment with this key');
  if (recorded.fingerprint === fingerprint) return 'duplicate';
  await database.query(INSERT_CONFLICT, [
    paymentId,
    payment.merchantId,
    idempotencyKey,
    recorded.fingerprint,
    fingerprint,
    delivery.messageId,
  ]);
  return 'conflict';
}
