/** CloudWatch metrics by the embedded metric format: a log line is all it takes, no API call on the payment's path. */
import { writeLine } from './log.mjs';

export function emitCounts(namespace, environment, counts, { write = writeLine } = {}) {
  write({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [['Environment']],
          Metrics: Object.keys(counts).map((name) => ({ Name: name, Unit: 'Count' })),
        },
      ],
    },
    Environment: environment,
    ...counts,
  });
}
