import { databaseSettings, environmentName } from '../lib/config.mjs';
import { createLogger } from '../lib/log.mjs';
import { createSecretsClient } from '../lib/secrets.mjs';
import { databaseKind } from './database-kind.mjs';
import { apiKeyKind, encryptionKeyKind } from './key-kinds.mjs';
import { createRotation } from './rotation.mjs';

const client = createSecretsClient();
const logger = createLogger({ function: 'rotate-secret', environment: environmentName(process.env) });

const rotate = createRotation(client, {
  'aurora-mysql': databaseKind(client, databaseSettings(process.env)),
  'api-key': apiKeyKind(client),
  'encryption-key': encryptionKeyKind(),
});

/** Secrets Manager invokes it once for each step of a rotation. */
export const handler = (event, context) => rotate(event, logger.with({ requestId: context?.awsRequestId }));
