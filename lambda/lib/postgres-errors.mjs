/** What the errors of PostgreSQL and its driver mean for the caller. */

const UNREACHABLE = new Set([
  'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EPIPE', 'ETIMEDOUT',
]);

// Serialization failure, deadlock; lock not available; cancelled by the server's time limit; too many connections; the
// database shuts down, starts or was restarted. After a failover the old writer answers as a reader (25006): a new
// connection goes to the new writer.
const PASSING = new Set(['40001', '40P01', '55P03', '57014', '53300', '57P01', '57P02', '57P03', '57P05', '25006', '25P03']);

// The driver has no code for a connection that ended and for a server that no longer answers.
const CONNECTION_ENDED = /^(?:Connection terminated|Client has encountered|timeout expired|timeout exceeded|Query read timeout)/;

export function isTransient(error) {
  return (
    UNREACHABLE.has(error?.code) ||
    PASSING.has(error?.code) ||
    // Class 08: connection exceptions.
    /^08/.test(error?.code ?? '') ||
    CONNECTION_ENDED.test(error?.message ?? '')
  );
}

/** The credentials are those of before a rotation, or wrong. */
export const isAccessDenied = (error) => error?.code === '28P01' || error?.code === '28000';

export const isMissingDatabase = (error) => error?.code === '3D000';
export const isMissingTable = (error) => error?.code === '42P01';

/** A value that the table doesn't take: classes 22 (data exceptions) and 23 (constraints). */
export const isRefusedValue = (error) => /^2[23]...$/.test(error?.code ?? '');
