/**
 * Applies migrations, on either engine. What is noted in schema_migrations lets a file go on where it stopped, unless the engine can make
 * it one transaction: `statements_done` is where. As a crash can fall between a statement and its count, statements have to be repeatable
 * (IF NOT EXISTS). `checksum` is of the file once it is finished, and of the statements done before: what failed can be corrected in its
 * place.
 */
import { sha256 } from './files.mjs';

const LOCK_TIMEOUT_SECONDS = 30;

/** Brings the database to the last migration: {applied: names of those applied now, version}. */
export async function applyMigrations(session, migrations, { log, lockTimeoutSeconds = LOCK_TIMEOUT_SECONDS }) {
  if (!(await session.lock(lockTimeoutSeconds))) throw new Error('another migration of this database is running');
  await session.createHistory();
  const history = await readHistory(session);
  refuseRewrittenHistory(history, migrations);

  const applied = [];
  for (const migration of migrations) {
    const row = history.get(migration.version);
    if (row?.finished_at) continue;
    await session.file(migration, () => applyMigration(session, migration, row));
    log.info('migration applied', { migration: migration.name, resumed: row !== undefined });
    applied.push(migration.name);
  }
  return { applied, version: migrations.at(-1).version };
}

/** What an apply would find: {applied, pending, version}; version 0 is a database without any. */
export async function migrationStatus(session, migrations) {
  const history = (await session.hasHistory()) ? await readHistory(session) : new Map();
  refuseRewrittenHistory(history, migrations);
  const finished = migrations.filter(({ version }) => history.get(version)?.finished_at);
  return {
    applied: finished.map(({ name }) => name),
    pending: migrations.filter((migration) => !finished.includes(migration)).map(({ name }) => name),
    version: finished.at(-1)?.version ?? 0,
  };
}

async function readHistory(session) {
  const rows = await session.query('SELECT version, name, checksum, statements_done, finished_at FROM schema_migrations');
  return new Map(rows.map((row) => [row.version, row]));
}

/** What ran has to be what the files say: same content, none missing, none slipped in before the last one that ran. */
function refuseRewrittenHistory(history, migrations) {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of history.values()) {
    const migration = known.get(row.version);
    if (!migration) throw new Error(`migration ${row.name} was applied to the database but is not in this package`);
    if (row.checksum !== (row.finished_at ? migration.checksum : progressChecksum(migration, row.statements_done))) {
      throw new Error(`migration ${migration.name} has changed since it was applied: add a new one in its place`);
    }
  }
  const last = Math.max(0, ...history.keys());
  const late = migrations.find(({ version }) => version < last && !history.has(version));
  if (late) throw new Error(`migration ${late.name} comes before ${last}, which is applied already: give it a later number`);
}

const progressChecksum = ({ statements }, done) => sha256(JSON.stringify(statements.slice(0, done)));

async function applyMigration(session, migration, row) {
  const { version, name, checksum, statements } = migration;
  if (row === undefined) {
    await session.query('INSERT INTO schema_migrations (version, name, checksum, statements_done) VALUES (?, ?, ?, 0)', [
      version,
      name,
      progressChecksum(migration, 0),
    ]);
  }
  for (let done = row?.statements_done ?? 0; done < statements.length; done += 1) {
    try {
      await session.run(statements[done]);
    } catch (error) {
      throw new Error(`migration ${name} failed at statement ${done + 1}: ${error.message}`, { cause: error });
    }
    await session.query('UPDATE schema_migrations SET statements_done = ?, checksum = ? WHERE version = ?', [
      done + 1,
      progressChecksum(migration, done + 1),
      version,
    ]);
  }
  await session.query('UPDATE schema_migrations SET finished_at = CURRENT_TIMESTAMP(6), checksum = ? WHERE version = ?', [
    checksum,
    version,
  ]);
}
