import { isTransientAwsError } from '../lib/aws-errors.mjs';
import { connect } from '../lib/postgres.mjs';
import { isAccessDenied, isMissingTable, isRefusedValue, isTransient } from '../lib/postgres-errors.mjs';
import { retry } from '../lib/retry.mjs';
import { readDatabaseCredentials } from '../lib/secrets.mjs';

const NO_TABLES = 'no tables yet: run `provisioner migrate`';
const STATEMENT_TIMEOUT_MS = 20_000;
// Together they outlast a failover of Aurora, which takes up to a minute.
const RETRIES = { attempts: 30, baseMs: 100, capMs: 5000 };

/** Something is to be done by people first; the message says what. */
export class NotReady extends Error {
  name = 'NotReady';
}

/** A database for one invocation: connects when it is first needed, and anew when the connection broke. */
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

  /**
   * Runs `work(client)`, again if it fails in a way that passes. It may have succeeded without anyone having heard of
   * it, so it has to be repeatable.
   */
  use(work) {
    return retry(() => this.#once(work), {
      ...RETRIES,
      isTransient: (error) => isTransient(error) || isTransientAwsError(error),
      deadline: this.#deadline,
      onRetry: (error, attempt) => this.#log.warn('trying again', { database: this.#settings.name, attempt, error }),
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
    // A promise is kept and not a client, so that work done at the same time shares one opening.
    const opening = (this.#opening ??= this.#open());
    try {
      return await work(await opening);
    } catch (error) {
      if (isMissingTable(error)) throw new NotReady(`the database of ${this.#settings.name} has ${NO_TABLES}`);
      if (!isRefusedValue(error)) this.#abandon(opening);
      throw error;
    }
  }

  /** Not waited for: a connection in doubt may not answer any more. */
  #abandon(opening) {
    if (this.#opening === opening) this.#opening = undefined;
    opening.then((client) => client.connection.stream.destroy()).catch(() => undefined);
  }

  async #open() {
    const client = await this.#connect().catch((error) => {
      // Between the reading of the credentials and their use they may have been rotated; once is enough.
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
