import { SQSClient } from '@aws-sdk/client-sqs';

import { environmentName } from '../lib/config.mjs';
import { createApi } from './api.mjs';
import { createQueue } from './queue.mjs';

/** Two attempts fit into a client's timeout. On 503 the client retries with the same key. */
const sqs = new SQSClient({ maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 } });

export const handler = createApi({
  environment: environmentName(process.env),
  // Reads QUEUE_URL on first use: /health must not depend on it.
  queue: createQueue(sqs, process.env),
});
