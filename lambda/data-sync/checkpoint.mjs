/**
 * The synchronization's item in DynamoDB: whether it is started, who holds the lease, how far it has come. Every change is one conditional
 * write, so that a process that dies between two of them leaves a state from which the next one goes on.
 */
import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

import { retry } from '../lib/retry.mjs';

/** The clocks of two functions differ by milliseconds; a lease is taken over only when any sensible clock has it expired. */
const CLOCK_MARGIN_MS = 1000;

const TRANSIENT = new Set([
  'InternalServerError',
  'ItemCollectionSizeLimitExceededException',
  'LimitExceededException',
  'NetworkingError',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'RequestTimeout',
  'RequestTimeoutException',
  'ServiceUnavailable',
  'ThrottlingException',
  'TimeoutError',
  'TransactionInProgressException',
]);
