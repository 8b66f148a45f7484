/** Classifies errors of MySQL and its driver. */

const CONFLICTING_TRANSACTION = new Set(['ER_LOCK_DEADLOCK', 'ER_LOCK_WAIT_TIMEOUT']);

const UNREACHABLE = new Set([
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'ER_CON_COUNT_ERROR',
  'ER_SERVER_SHUTDOWN',
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_SEQUENCE_TIMEOUT',
]);

// After a failover the old writer is a reader: a new connection goes to the new writer.
const READ_ONLY = new Set(['ER_OPTION_PREVENTS_STATEMENT', 'ER_READ_ONLY_MODE']);

export const isAccessDenied = (error) => error?.code === 'ER_ACCESS_DENIED_ERROR';
export const isDuplicate = (error) => error?.code === 'ER_DUP_ENTRY';

export function isTransient(error) {
  return CONFLICTING_TRANSACTION.has(error?.code) || UNREACHABLE.has(error?.code) || READ_ONLY.has(error?.code);
}

/** Whether the connection can be used again after a rollback. */
export const leavesConnectionUsable = (error) => isDuplicate(error) || CONFLICTING_TRANSACTION.has(error?.code);
