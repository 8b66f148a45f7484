import { fileURLToPath } from 'node:url';

import { databaseSettings, environmentName, optionalChoice, requiredText } from '../lib/config.mjs';
import { createLogger } from '../lib/log.mjs';
import { createSecretsClient, readDatabaseCredentials } from '../lib/secrets.mjs';
import { readMigrations } from './files.mjs';
import { mysql } from './mysql.mjs';
import { postgres } from './postgres.mjs';
import { applyMigrations, migrationStatus } from './runner.mjs';

const ACTIONS = { apply: applyMigrations, status: migrationStatus };

const ENGINES = { mysql, postgres };

const environment = environmentName(process.env);
const logger = createLogger({ function: 'migrate', environment });
const engine = ENGINES[optionalChoice(process.env, 'DB_ENGINE', { fallback: 'mysql', choices: Object.keys(ENGINES) })];
const settings = databaseSettings(process.env, { port: engine.port });
const secretId = requiredText(process.env, 'DB_SECRET_ARN');
const secrets = createSecretsClient();

/** In the package the SQL files are beside the function's folder. */
const MIGRATIONS = fileURLToPath(new URL(`../migrations/${engine.folder(environment)}/`, import.meta.url));

/** Takes {"action": "apply"} or {"action": "status"}. */
export const handler = async (event, context) => {
  if (!Object.hasOwn(ACTIONS, event?.action ?? '')) throw new Error('action must be apply or status');
  const migrations = await readMigrations(MIGRATIONS, engine.split);
  const credentials = await readDatabaseCredentials(secrets, secretId);
  const session = await engine.open(settings, credentials, context.getRemainingTimeInMillis());
  try {
    return await ACTIONS[event.action](session, migrations, { log: logger.with({ requestId: context.awsRequestId }) });
  } finally {
    // Also releases the lock.
    await session.close();
  }
};
