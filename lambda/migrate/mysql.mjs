/** Migrations on MySQL. */
import { connect } from '../lib/database.mjs';
import { splitter } from './statements.mjs';

const CREATE_HISTORY = `
  CREATE TABLE IF NOT EXISTS schema_migrations (
    version INT NOT NULL,
    name VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    checksum CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    statements_done INT NOT NULL,
    started_at TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    finished_at TIMESTAMP(6) NULL,
    PRIMARY KEY (version)
  ) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;

export const mysql = {
  port: 3306,

  /** Both environments have the same schema. */
  folder: () => 'mysql',

  split: splitter({
    comments: [/--(?=\s|$)[^\n]*/, /#[^\n]*/, /\/\*[\s\S]*?\*\//],
    tokens: [/'(?:[^'\\]|\\[\s\S]|'')*'/, /"(?:[^"\\]|\\[\s\S]|"")*"/, /`(?:[^`]|``)*`/],
  }),

  async open(settings, credentials) {
    return new Session(await connect(settings, credentials), settings.database);
  },
};

class Session {
  #connection;
  #database;

  constructor(connection, database) {
    this.#connection = connection;
    this.#database = database;
  }

  async query(sql, values) {
    const [rows] = await this.#connection.query(sql, values);
    return rows;
  }

  /** Acquires the lock until the connection closes; false after the timeout. */
  async lock(timeoutSeconds) {
    // Lock names have at most 64 characters and are global to the server.
    const name = `schema_migrations.${this.#database}`.slice(0, 64);
    const [{ got }] = await this.query('SELECT GET_LOCK(?, ?) AS got', [name, timeoutSeconds]);
    return got === 1;
  }

  async hasHistory() {
    const sql = "SELECT 1 FROM information_schema.tables WHERE table_schema = ? AND table_name = 'schema_migrations'";
    return (await this.query(sql, [this.#database])).length > 0;
  }

  createHistory() {
    return this.query(CREATE_HISTORY);
  }

  /** DDL commits implicitly, so a file can't be one transaction. */
  file(_migration, work) {
    return work();
  }

  run(statement) {
    return this.query(statement);
  }

  /** destroy() and not end(), which would fail on a broken connection and hide the first error. */
  close() {
    this.#connection.destroy();
  }
}
