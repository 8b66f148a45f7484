/** What the errors of the AWS SDK mean for the caller. */

const PASSING = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'InternalServerError', 'LimitExceededException', 'NetworkingError',
  'ProvisionedThroughputExceededException', 'RequestLimitExceeded', 'RequestTimeout', 'RequestTimeoutException', 'ThrottlingException',
  'TimeoutError',
]);

export function isTransientAwsError(error) {
  return PASSING.has(error?.name) || PASSING.has(error?.code) || error?.$metadata?.httpStatusCode >= 500;
}
