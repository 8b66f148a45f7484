/** Classifies errors of the AWS SDK. */

const TRANSIENT = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'InternalServerError', 'LimitExceededException', 'NetworkingError',
  'ProvisionedThroughputExceededException', 'RequestLimitExceeded', 'RequestTimeout', 'RequestTimeoutException', 'ThrottlingException',
  'TimeoutError',
]);

export function isTransientAwsError(error) {
  return TRANSIENT.has(error?.name) || TRANSIENT.has(error?.code) || error?.$metadata?.httpStatusCode >= 500;
}
