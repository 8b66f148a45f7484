import { SQSClient } from '@aws-sdk/client-sqs';

import { environmentName } from '../lib/config.mjs';
import { createApi } from './api.mjs';
import { createQueue } from './queue.mjs';

/** Two tries within the time a client waits; a client that gets 503 repeats with the same key. */
const sqs = new SQSClient({ maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 3000 } });

export const handler = createApi({
  environment: environmentName(process.env),
  // The queue's address is looked up when it is needed: /health must not depend on it.
  queue: createQueue(sqs, process.env),
});
