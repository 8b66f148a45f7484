/** What is PostgreSQL's own in migrations. */
import { setTimeout as pause } from 'node:timers/promises';

import { connect, transaction } from '../lib/postgres.mjs';
import { splitter } from './statements.mjs';

const CREATE_HISTORY = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version integer PRIMARY KEY,
    name text NOT NULL,
    checksum text NOT NULL,
    statements_done integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    finished_at timestamptz
  )`;

const LOCK_POLL_MS = 250;
/** What the function keeps of its time to say that a statement took too long. */
const RESERVE_MS = 2000;

/** PostgreSQL's comments nest; nobody's do deeper than this. */
const comment = (depth) => String.raw`/\*(?:[^*/]|\*(?!/)|/(?!\*)${depth > 0 ? `|${comment(depth - 1)}` : ''})*\*/`;

/** What the server refuses in a transaction. */
const OUTSIDE_TRANSACTIONS = /^(?:VACUUM|(?:CREATE(?:\s+UNIQUE)?|DROP|REINDEX)\s+(?:INDEX|TABLE|SCHEMA)\s+CONCURRENTLY)\b/i;
const ENDS_TRANSACTION = /^(?:BEGIN|START|COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b/i;
const NEW_INDEX = /^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?("(?:[^"]|"")+"|\w+)\s+ON\b/i;

export const postgres = {
  port: 5432,

  /** Blue's schema is the legacy one. */
  folder: (environment) => `postgres/${environment}`,

  split: splitter({
    comments: [/--[^\n]*/, new RegExp(comment(3))],
    tokens: [
      /[eE]'(?:[^'\\]|\\[\s\S]|'')*'/,
      // Names: a quote in dollars can't begin within one, nor is the E at its end that of a text.
      /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/,
      /'(?:[^']|'')*'/,
      /"(?:[^"]|"")*"/,
      /(?<quote>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?\k<quote>/,
    ],
  }),

  async open(settings, credentials, remainingMs) {
    // What the function doesn't live to see the end of had better not happen.
    const statementTimeoutMs = Math.max(1, remainingMs - RESERVE_MS);
    return new Session(await connect(settings, credentials, { name: 'migrate', statementTimeoutMs }));
  },
};

class Session {
  #client;

  constructor(client) {
    this.#client = client;
  }

  /** Takes `?` where values go. */
  async query(sql, values) {
    let count = 0;
    const numbered = values ? sql.replaceAll('?', () => `$${(count += 1)}`) : sql;
    return (await this.#client.query(numbered, values)).rows;
  }

  /**
   * Held until the connection closes; false if someone else had it all the time. Asked for again and again: a statement that waits
   * has a snapshot, for whose end CREATE INDEX CONCURRENTLY of the one who has the lock would wait.
   */
  async lock(timeoutSeconds) {
    const deadline = Date.now() + timeoutSeconds * 1000;
    for (;;) {
      const [{ got }] = await this.query("SELECT pg_try_advisory_lock(hashtextextended('schema_migrations', 0)) AS got");
      if (got || Date.now() >= deadline) return got;
      await pause(LOCK_POLL_MS);
    }
  }

  async hasHistory() {
    const [{ found }] = await this.query("SELECT to_regclass('schema_migrations') IS NOT NULL AS found");
    return found;
  }

  createHistory() {
    return this.query(CREATE_HISTORY);
  }

  /** One transaction, with what is noted of the file, unless it has what can't be in one. */
  async file({ name, statements }, work) {
    const ends = statements.find((statement) => ENDS_TRANSACTION.test(statement));
    if (ends) throw new Error(`migration ${name} has ${ends}: it is one transaction as it is`);
    if (!statements.some((statement) => OUTSIDE_TRANSACTIONS.test(statement))) return transaction(this.#client, work);
    // What waits here keeps nobody else waiting, and has to wait for every transaction that is open.
    await this.#client.query('SET lock_timeout = 0');
    await work();
    await this.#client.query('RESET lock_timeout');
  }

  async run(statement) {
    const [, index] = NEW_INDEX.exec(statement) ?? [];
    if (index !== undefined) await this.#dropUnfinished(index);
    return this.#client.query(statement);
  }

  /** An index whose making was interrupted stays, is of no use, and would be taken for the one that is wanted. */
  async #dropUnfinished(index) {
    const sql = 'SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(?) AND NOT indisvalid';
    if ((await this.query(sql, [index])).length > 0) await this.#client.query(`DROP INDEX CONCURRENTLY ${index}`);
  }

  close() {
    return this.#client.end();
  }
}
