/**
 * Applies a folder's migrations to a test PostgreSQL in a separate process, which a test can kill. Its argument is JSON:
 * {settings, credentials, authority (the certificate's path), directory}.
 */
import { readFileSync } from 'node:fs';

import { readMigrations } from '../../migrate/files.mjs';
import { postgres } from '../../migrate/postgres.mjs';
import { applyMigrations } from '../../migrate/runner.mjs';
import { resolveLocally, trustAuthority } from './network.mjs';

const { settings, credentials, authority, directory } = JSON.parse(process.argv[2]);
resolveLocally(settings.host);
trustAuthority(readFileSync(authority, 'utf8'));
const session = await postgres.open(settings, credentials, 60_000);
await applyMigrations(session, await readMigrations(directory, postgres.split), { log: { info() {} } });
await session.close();
