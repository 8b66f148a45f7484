/** Classifies errors of PostgreSQL and its driver. */

const UNREACHABLE = new Set([
  'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT',
]);

// Serialization failure, deadlock; lock not available; statement timeout; too many connections; database shutting down,
// starting or restarted. After a failover the old writer is a reader (25006): a new connection goes to the new writer.
const TRANSIENT = new Set(['40001', '40P01', '55P03', '57014', '53300', '57P01', '57P02', '57P03', '57P05', '25006', '25P03']);

// The driver has no error code for a closed connection or a server that doesn't respond.
const CONNECTION_ENDED = /^(?:Connection terminated|Client has encountered|timeout expired|timeout exceeded|Query read timeout)/;

export function isTransient(error) {
  return (
    UNREACHABLE.has(error?.code) ||
    TRANSIENT.has(error?.code) ||
    // Class 08: connection exceptions.
    /^08/.test(error?.code ?? '') ||
    CONNECTION_ENDED.test(error?.message ?? '')
  );
}

/** The credentials are wrong, for example because they have been rotated. */
export const isAccessDenied = (error) => error?.code === '28P01' || error?.code === '28000';

export const isMissingDatabase = (error) => error?.code === '3D000';
export const isMissingTable = (error) => error?.code === '42P01';

/** The table rejects a value: classes 22 (data exception) and 23 (integrity constraint violation). */
export const isRejectedValue = (error) => /^2[23]...$/.test(error?.code ?? '');
