import { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2';
import { Route53Client } from '@aws-sdk/client-route-53';
import { SNSClient } from '@aws-sdk/client-sns';

import { createLogger } from '../lib/log.mjs';
import { readFailbackConfig } from './config.mjs';
import { createFailback } from './failback.mjs';

/** Short timeouts leave time for retries. */
const options = { maxAttempts: 3, requestHandler: { connectionTimeout: 2000, requestTimeout: 5000 } };

export const handler = createFailback({
  config: readFailbackConfig(process.env),
  elb: new ElasticLoadBalancingV2Client(options),
  route53: new Route53Client(options),
  sns: new SNSClient(options),
  logger: createLogger({ function: 'failback' }),
});
