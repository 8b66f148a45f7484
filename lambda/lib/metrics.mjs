/** CloudWatch metrics in the embedded metric format: a log line, without an API call in the payment path. */
import { writeLine } from './log.mjs';

/**
 * `dimensions` as {name: value}; `metrics` as {name: [value, unit]} with a CloudWatch unit ("Count", "Seconds",
 * "Count/Second").
 */
export function emitMetrics(namespace, dimensions, metrics, { write = writeLine } = {}) {
  const entries = Object.entries(metrics);
  write({
    _aws: {
      Timestamp: Date.now(),
      CloudWatchMetrics: [
        {
          Namespace: namespace,
          Dimensions: [Object.keys(dimensions)],
          Metrics: entries.map(([name, [, unit]]) => ({ Name: name, Unit: unit })),
        },
      ],
    },
    ...dimensions,
    ...Object.fromEntries(entries.map(([name, [value]]) => [name, value])),
  });
}

export function emitCounts(namespace, environment, counts, options) {
  const metrics = Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, [count, 'Count']]));
  emitMetrics(namespace, { Environment: environment }, metrics, options);
}
