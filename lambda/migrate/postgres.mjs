/** Migrations on PostgreSQL. */
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
/** Reserved for reporting that a statement took too long. */
const RESERVE_MS = 2000;

/** A comment; they nest in PostgreSQL, here up to a depth. */
const comment = (depth) => String.raw`/\*(?:[^*/]|\*(?!/)|/(?!\*)${depth > 0 ? `|${comment(depth - 1)}` : ''})*\*/`;

/** Statements that PostgreSQL rejects in a transaction. */
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
      // Identifiers: a dollar quote can't begin inside one, and an E at its end doesn't begin a string.
      /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/,
      /'(?:[^']|'')*'/,
      /"(?:[^"]|"")*"/,
      /(?<quote>\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$)[\s\S]*?\k<quote>/,
    ],
  }),

  async open(settings, credentials, remainingMs) {
    // A statement must not outlive the function.
    const statementTimeoutMs = Math.max(1, remainingMs - RESERVE_MS);
    return new Session(await connect(settings, credentials, { name: 'migrate', statementTimeoutMs }));
  },
};

class Session {
  #client;

  constructor(client) {
    this.#client = client;
  }

  /** `?` is the placeholder for a value. */
  async query(sql, values) {
    let count = 0;
    const numbered = values ? sql.replaceAll('?', () => `$${(count += 1)}`) : sql;
    return (await this.#client.query(numbered, values)).rows;
  }

  /**
   * Acquires the lock until the connection closes; false after the timeout. Polls, because a waiting statement keeps a snapshot, and
   * CREATE INDEX CONCURRENTLY of the lock's owner waits for all snapshots.
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

  /** Runs a file and its history in one transaction, unless it contains statements that can't be in one. */
  async file({ name, statements }, work) {
    const ends = statements.find((statement) => ENDS_TRANSACTION.test(statement));
    if (ends) throw new Error(`migration ${name} contains ${ends}: a file already runs in one transaction`);
    if (!statements.some((statement) => OUTSIDE_TRANSACTIONS.test(statement))) return transaction(this.#client, work);
    // CONCURRENTLY waits for all open transactions, and blocks no one while it does.
    await this.#client.query('SET lock_timeout = 0');
    await work();
    await this.#client.query('RESET lock_timeout');
  }

  async run(statement) {
    const [, index] = NEW_INDEX.exec(statement) ?? [];
    if (index !== undefined) await this.#dropUnfinished(index);
    return this.#client.query(statement);
  }

  /** Drops an invalid index that an interrupted CREATE INDEX left: IF NOT EXISTS would accept it. */
  async #dropUnfinished(index) {
    const sql = 'SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(?) AND NOT indisvalid';
    if ((await this.query(sql, [index])).length > 0) await this.#client.query(`DROP INDEX CONCURRENTLY ${index}`);
  }

  close() {
    return this.#client.end();
  }
}
