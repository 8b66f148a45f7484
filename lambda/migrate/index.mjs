import { fileURLToPath } from 'node:url';

import { databaseSettings, environmentName, requiredText } from '../lib/config.mjs';
import { connect } from '../lib/database.mjs';
import { createLogger } from '../lib/log.mjs';
import { createSecretsClient, readDatabaseCredentials } from '../lib/secrets.mjs';
import { readMigrations } from './files.mjs';
import { applyMigrations, migrationStatus } from './runner.mjs';

const ACTIONS = { apply: applyMigrations, status: migrationStatus };

/** In the package the SQL files lie beside the function's folder. */
const MIGRATIONS = fileURLToPath(new URL('../migrations/mysql/', import.meta.url));

const logger = createLogger({ function: 'migrate', environment: environmentName(process.env) });
const settings = databaseSettings(process.env);
const secretId = requiredText(process.env, 'DB_SECRET_ARN');
const secrets = createSecretsClient();

/** Takes {"action": "apply"} or {"action": "status"}. */
export const handler = async (event, context) => {
  if (!Object.hasOwn(ACTIONS, event?.action ?? '')) throw new Error('action must be apply or status');
  const migrations = await readMigrations(MIGRATIONS);
  const connection = await connect(settings, await readDatabaseCredentials(secrets, secretId));
  try {
    const log = logger.with({ requestId: context?.awsRequestId });
    return await ACTIONS[event.action](connection, migrations, { database: settings.database, log });
  } finally {
    // Closing also gives back the lock. Not end(): a goodbye on a broken connection would hide what broke it.
    connection.destroy();
  }
};
