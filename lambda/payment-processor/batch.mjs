import { isTransient } from '../lib/mysql-errors.mjs';
import { retry } from '../lib/retry.mjs';
import { PoisonMessage, readMessage } from './message.mjs';

/** The metric for each outcome of a message. */
const METRIC_OF = {
  recorded: 'PaymentsProcessed',
  duplicate: 'Duplicates',
  conflict: 'IdempotencyConflicts',
  failed: 'PaymentsFailed',
};

/**
 * Records the payments of a batch and lists failed messages in `batchItemFailures`. Poison messages fail too: after the queue's
 * maximum number of receives they are in the dead-letter queue, which has an alarm.
 */
export async function processBatch(records, settings) {
  const outcomes = await Promise.all(records.map((record) => processRecord(record, settings)));
  const counts = Object.fromEntries(Object.values(METRIC_OF).map((metric) => [metric, 0]));
  for (const outcome of outcomes) counts[METRIC_OF[outcome]] += 1;
  return {
    batchItemFailures: records
      .filter((_, index) => outcomes[index] === 'failed')
      .map(({ messageId }) => ({ itemIdentifier: messageId })),
    counts,
  };
}

async function processRecord(record, { store, environment, deadline, log }) {
  const recordLog = log.with({ messageId: record.messageId });
  try {
    const message = readMessage(record);
    const delivery = { environment, messageId: record.messageId };
    const outcome = await retry(() => store.record(message, delivery), {
      isTransient,
      deadline,
      onRetry: (error, attempt) => recordLog.warn('retrying', { attempt, code: error.code }),
    });
    const level = outcome === 'conflict' ? 'warn' : 'info';
    recordLog[level]('message processed', { outcome, paymentId: message.paymentId });
    return outcome;
  } catch (error) {
    recordLog.error('payment not recorded', { poison: error instanceof PoisonMessage, error });
    return 'failed';
  }
}
