import { isTransient } from '../lib/mysql-errors.mjs';
import { retry } from '../lib/retry.mjs';
import { PoisonMessage, readMessage } from './message.mjs';

/** What the counts of a batch are called as metrics, by what became of a message. */
const METRIC_OF = {
  recorded: 'PaymentsProcessed',
  duplicate: 'Duplicates',
  conflict: 'IdempotencyConflicts',
  failed: 'PaymentsFailed',
};

/**
 * Records every payment of a batch; messages that fail are named in `batchItemFailures`, the others are done. Poison fails as well:
 * after the queue's number of tries it is in the dead-letter queue, where someone looks at it.
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
      onRetry: (error, attempt) => recordLog.warn('trying again', { attempt, code: error.code }),
    });
    const level = outcome === 'conflict' ? 'warn' : 'info';
    recordLog[level]('payment handled', { outcome, paymentId: message.paymentId });
    return outcome;
  } catch (error) {
    recordLog.error('payment not recorded', { poison: error instanceof PoisonMessage, error });
    return 'failed';
  }
}
