import { optionalInteger, requiredText } from '../lib/config.mjs';

function databaseOf(env, name) {
  const prefix = name.toUpperCase();
  return {
    name,
    host: requiredText(env, `${prefix}_DB_HOST`),
    port: optionalInteger(env, `${prefix}_DB_PORT`, { fallback: 5432, min: 1, max: 65535 }),
    database: requiredText(env, `${prefix}_DB_NAME`),
    secretId: requiredText(env, `${prefix}_DB_SECRET_ARN`),
  };
}

/** Reads the settings of the sync from environment variables. */
export function readSyncConfig(env) {
  return {
    blue: databaseOf(env, 'blue'),
    green: databaseOf(env, 'green'),
    checkpointTable: requiredText(env, 'CHECKPOINT_TABLE'),
    namespace: env.METRICS_NAMESPACE || 'Payments',
    batchRows: optionalInteger(env, 'BATCH_ROWS', { fallback: 5000, min: 1, max: 20_000 }),
    overlapSeconds: optionalInteger(env, 'OVERLAP_SECONDS', { fallback: 120, min: 0, max: 86_400 }),
    leaseSeconds: optionalInteger(env, 'LEASE_SECONDS', { fallback: 30, min: 1, max: 900 }),
  };
}
