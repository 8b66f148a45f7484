/** The environment of data-sync: test servers for blue and green with their schemas, and a sandbox. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

import { CreateTableCommand, DeleteItemCommand, DynamoDBClient, GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';

import { connect } from '../../lib/postgres.mjs';
import { postgres } from '../../migrate/postgres.mjs';
import { startPostgres } from './postgres.mjs';
import { startSandbox } from './sandbox.mjs';
import { applySchema } from './schema.mjs';

const WORKER = fileURLToPath(new URL('sync-worker.mjs', import.meta.url));
const TABLE = 'checkpoints';
const KEY = { pk: { S: 'sync#payments' } };
const AWS_ENV = { AWS_REGION: 'eu-central-1', AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };

export async function startSync() {
  const started = [];
  const stop = async () => {
    for (const each of started.reverse()) await each.stop();
  };
  try {
    const [blue, green, sandbox] = await Promise.all(
      [startPostgres('blue'), startPostgres('green'), startSandbox()].map(async (starting) => {
        const each = await starting;
        started.push(each);
        return each;
      }),
    );
    Object.assign(process.env, AWS_ENV, sandbox.env);
    const dynamo = new DynamoDBClient({});
    const env = { ...AWS_ENV, ...sandbox.env, ...(await prepareAws(dynamo, { blue, green })), LOG_LEVEL: 'warn' };
    return { blue, green, env, stop, ...actionsOf(dynamo, { blue, green, env }) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Creates the table and the secrets, and returns the function's environment. */
async function prepareAws(dynamo, servers) {
  await dynamo.send(
    new CreateTableCommand({
      TableName: TABLE,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    }),
  );
  const env = { CHECKPOINT_TABLE: TABLE, METRICS_NAMESPACE: 'Test', LEASE_SECONDS: '2', OVERLAP_SECONDS: '2' };
  const secrets = new SecretsManagerClient({});
  await secrets.send(new CreateSecretCommand({ Name: 'other', SecretString: '{"username":"other","password":"wrong"}' }));
  for (const [name, { settings, credentials }] of Object.entries(servers)) {
    const prefix = `${name.toUpperCase()}_DB`;
    const SecretString = JSON.stringify({ username: credentials.user, password: credentials.password });
    await secrets.send(new CreateSecretCommand({ Name: name, SecretString }));
    Object.assign(env, {
      [`${prefix}_HOST`]: settings.host,
      [`${prefix}_PORT`]: String(settings.port),
      [`${prefix}_NAME`]: settings.database,
      [`${prefix}_SECRET_ARN`]: name,
    });
  }
  return env;
}

function actionsOf(dynamo, { blue, green, env }) {
  const hosts = [blue, green].map(({ settings, authority }) => ({ host: settings.host, authority }));
  return {
    async migrate() {
      for (const [name, server] of Object.entries({ blue, green })) await applySchema(postgres, server, name);
    },
    /** Empties the databases and deletes the checkpoint. */
    async clear() {
      await Promise.all([blue.clear(), green.clear()]);
      await dynamo.send(new DeleteItemCommand({ TableName: TABLE, Key: KEY }));
    },
    async item() {
      return (await dynamo.send(new GetItemCommand({ TableName: TABLE, Key: KEY, ConsistentRead: true }))).Item;
    },
    /** Sets an attribute of the checkpoint. */
    async setItem(name, value) {
      await dynamo.send(
        new UpdateItemCommand({
          TableName: TABLE,
          Key: KEY,
          UpdateExpression: 'SET #name = :value',
          ExpressionAttributeNames: { '#name': name },
          ExpressionAttributeValues: { ':value': value },
        }),
      );
    },
    /** Calls the function in a separate process: {result, peakMemoryKb} or {error}. */
    call(event, options) {
      return this.inProcess(event, options).result;
    },
    /** Calls the function in a separate process: {child, result}. The result is undefined if the process was killed. */
    inProcess(event, { remainingMs = 60_000, more = {} } = {}) {
      const child = fork(WORKER, [JSON.stringify({ event, remainingMs, hosts })], {
        env: { PATH: process.env.PATH, NODE_NO_WARNINGS: '1', ...env, ...more },
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      const result = new Promise((resolve) => {
        let answer;
        child.once('message', (message) => {
          answer = message;
        });
        child.once('close', () => resolve(answer));
      });
      return { child, result };
    },
  };
}

/** A connection as the database user. */
export const open = ({ settings, credentials }) => connect(settings, credentials, { name: 'test', statementTimeoutMs: 120_000 });

/** Inserts `count` payments into blue, with changes spread over the last `days`. */
export async function fill(blue, count, { days = 30 } = {}) {
  await blue.admin.query(`
    BEGIN;
    SET LOCAL session_replication_role = replica;
    INSERT INTO payments (merchant_ref, amount, currency, status, card_token, reference, created, updated_at)
    SELECT
      'merchant-' || n % 97, (n % 100000 + 1)::numeric, (ARRAY['EUR', 'USD', 'JPY', 'KWD'])[n % 4 + 1], substr('NACRF', n % 5 + 1, 1),
      'tok_' || translate(md5(n::text), '0123456789', 'ghijklmnop'), CASE WHEN n % 3 = 0 THEN NULL ELSE 'Order "' || n || '" – ü' END,
      (now() AT TIME ZONE 'UTC') - make_interval(days => ${days}), now() - make_interval(secs => (${count} - n) * ${days} * 86400.0 / ${count} + 60)
    FROM generate_series(1, ${count}) AS s (n);
    COMMIT;
    ANALYZE payments;`);
}

/**
 * The differences between green and blue, [{id, ...}], at most ten. Uses its own SQL and none of the function's code. Blue's
 * rows are passed as one text.
 */
export async function differencesOf({ blue, green }) {
  const [{ rows }] = await blue.rows(`
    SELECT coalesce(json_agg(json_build_object('id', id, 'merchant', trim(merchant_ref), 'minor', trim_scale(amount * CASE
      WHEN currency = 'JPY' THEN 1 WHEN currency = 'KWD' THEN 1000 ELSE 100 END)::text, 'currency', currency, 'status', status,
      'token', card_token, 'reference', nullif(reference, ''), 'created', created::text || '+00', 'updated', updated_at)), '[]')::text AS rows
    FROM payments`);
  return green.rows(
    `SELECT coalesce(b.id, g.legacy_id) AS id, b.id IS NULL AS extra, g.legacy_id IS NULL AS missing, b.updated, g.updated_at
     FROM json_to_recordset($1::json) AS b (id bigint, merchant text, minor text, currency text, status text, token text, reference text,
       created timestamptz, updated timestamptz)
     FULL JOIN (SELECT * FROM payments WHERE legacy_id IS NOT NULL) g ON g.legacy_id = b.id
     WHERE (b.merchant, b.minor, b.currency, b.token, b.reference, b.created, b.updated,
       CASE b.status WHEN 'N' THEN 'created' WHEN 'A' THEN 'authorised' WHEN 'C' THEN 'captured' WHEN 'R' THEN 'refunded' ELSE 'failed' END)
       IS DISTINCT FROM (g.merchant_id::text, g.amount_minor::text, g.currency::text, g.payment_token::text, g.reference, g.created_at,
       g.updated_at, g.status)
     LIMIT 10`,
    [rows],
  );
}
