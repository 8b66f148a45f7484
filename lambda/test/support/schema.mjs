import { join } from 'node:path';

import { readMigrations } from '../../migrate/files.mjs';
import { applyMigrations } from '../../migrate/runner.mjs';
import { MIGRATIONS } from './function.mjs';

/** Applies an environment's migrations to a test database, as the function `migrate` does. */
export async function applySchema(engine, db, environment) {
  const session = await engine.open(db.settings, db.credentials, 60_000);
  try {
    const migrations = await readMigrations(join(MIGRATIONS, engine.folder(environment)), engine.split);
    await applyMigrations(session, migrations, { log: { info() {} } });
  } finally {
    await session.close();
  }
}
