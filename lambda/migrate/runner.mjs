/**
 * Applies migrations, on either engine. A file that isn't one transaction resumes at `statements_done` of schema_migrations. A crash can
 * happen between a statement and its count, so statements have to be idempotent (IF NOT EXISTS). `checksum` covers the whole file once
 * it is finished, and until then only the completed statements, so that a failed statement can be corrected.
 */
import { sha256 } from './files.mjs';

const LOCK_TIMEOUT_SECONDS = 30;

/** Applies the pending migrations: {applied: their names, version}. */
export async function applyMigrations(session, migrations, { log, lockTimeoutSeconds = LOCK_TIMEOUT_SECONDS }) {
  if (!(await session.lock(lockTimeoutSeconds))) throw new Error('another migration of this database is in progress');
  await session.createHistory();
  const history = await readHistory(session);
  checkHistory(history, migrations);

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

/** The status: {applied, pending, version}; version 0 if no migration was applied. */
export async function migrationStatus(session, migrations) {
  const history = (await session.hasHistory()) ? await readHistory(session) : new Map();
  checkHistory(history, migrations);
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

/** Applied migrations must be unchanged and present, and no new one may come before an applied one. */
function checkHistory(history, migrations) {
  const known = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const row of history.values()) {
    const migration = known.get(row.version);
    if (!migration) throw new Error(`migration ${row.name} was applied to the database but is missing from this package`);
    if (row.checksum !== (row.finished_at ? migration.checksum : progressChecksum(migration, row.statements_done))) {
      throw new Error(`migration ${migration.name} has changed since it was applied: add a new migration instead`);
    }
  }
  const last = Math.max(0, ...history.keys());
  const misplaced = migrations.find(({ version }) => version < last && !history.has(version));
  if (misplaced) {
    throw new Error(`migration ${misplaced.name} comes before ${last}, which is already applied: give it a later number`);
  }
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
