import { isTransientAwsError } from '../lib/aws-errors.mjs';
import { connect } from '../lib/postgres.mjs';
import { isAccessDenied, isMissingTable, isRejectedValue, isTransient } from '../lib/postgres-errors.mjs';
import { retry } from '../lib/retry.mjs';
import { readDatabaseCredentials } from '../lib/secrets.mjs';

const NO_TABLES = 'no tables yet: run `provisioner migrate`';
const STATEMENT_TIMEOUT_MS = 20_000;
// The retries outlast an Aurora failover, which takes up to a minute.
const RETRIES = { attempts: 30, baseMs: 100, capMs: 5000 };

/** A prerequisite is missing; the message says what to do. */
export class NotReady extends Error {
  name = 'NotReady';
}

/** A database session for one invocation: connects on first use, and reconnects after a broken connection. */
export class Session {
  #settings;
  #secrets;
  #deadline;
  #log;
  #setUp;
  #opening;

  /** `setUp` is SQL for every new connection. Retries end at `deadline`. */
  constructor(settings, secrets, { deadline, log, setUp }) {
    this.#settings = settings;
    this.#secrets = secrets;
    this.#deadline = deadline;
    this.#log = log;
    this.#setUp = setUp;
  }

  /** Runs `work(client)`, and retries transient errors. `work` has to be idempotent: a failed attempt may have committed. */
  use(work) {
    return retry(() => this.#once(work), {
      ...RETRIES,
      isTransient: (error) => isTransient(error) || isTransientAwsError(error),
      deadline: this.#deadline,
      onRetry: (error, attempt) => this.#log.warn('retrying', { database: this.#settings.name, attempt, error }),
    });
  }

  async rows(sql, values) {
    return (await this.use((client) => client.query(sql, values))).rows;
  }

  async close() {
    const opening = this.#opening;
    this.#opening = undefined;
    await opening?.then((client) => client.end()).catch(() => undefined);
  }

  async #once(work) {
    // Stores the promise, so that concurrent callers share one connection.
    const opening = (this.#opening ??= this.#open());
    try {
      return await work(await opening);
    } catch (error) {
      if (isMissingTable(error)) throw new NotReady(`the database of ${this.#settings.name} has ${NO_TABLES}`);
      if (!isRejectedValue(error)) this.#abandon(opening);
      throw error;
    }
  }

  /** Doesn't wait: a broken connection may not respond. */
  #abandon(opening) {
    if (this.#opening === opening) this.#opening = undefined;
    opening.then((client) => client.connection.stream.destroy()).catch(() => undefined);
  }

  async #open() {
    const client = await this.#connect().catch((error) => {
      // The credentials may have been rotated after they were read: retries once.
      if (!isAccessDenied(error)) throw error;
      return this.#connect();
    });
    if (this.#setUp) await client.query(this.#setUp);
    return client;
  }

  async #connect() {
    const credentials = await readDatabaseCredentials(this.#secrets, this.#settings.secretId);
    return connect(this.#settings, credentials, { name: 'data-sync', statementTimeoutMs: STATEMENT_TIMEOUT_MS });
  }
}
