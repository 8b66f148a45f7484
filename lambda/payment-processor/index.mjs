import { databaseSettings, environmentName, requiredText } from '../lib/config.mjs';
import { Database } from '../lib/database.mjs';
import { createLogger } from '../lib/log.mjs';
import { emitCounts } from '../lib/metrics.mjs';
import { deadlineOf } from '../lib/retry.mjs';
import { createSecretsClient, readDatabaseCredentials } from '../lib/secrets.mjs';
import { processBatch } from './batch.mjs';
import { createPaymentStore } from './store.mjs';

const environment = environmentName(process.env);
const namespace = process.env.METRICS_NAMESPACE || 'Payments';
const logger = createLogger({ function: 'payment-processor', environment });
const secrets = createSecretsClient();
const secretId = requiredText(process.env, 'DB_SECRET_ARN');
const database = new Database(databaseSettings(process.env), () => readDatabaseCredentials(secrets, secretId));
const store = createPaymentStore(database);

/** Returns the messages that the queue has to deliver again (ReportBatchItemFailures). */
export const handler = async (event, context) => {
  const { batchItemFailures, counts } = await processBatch(event.Records ?? [], {
    store,
    environment,
    deadline: deadlineOf(context, { marginMs: 2000, fallbackMs: 30_000 }),
    log: logger.with({ requestId: context?.awsRequestId }),
  });
  emitCounts(namespace, environment, counts);
  return { batchItemFailures };
};
