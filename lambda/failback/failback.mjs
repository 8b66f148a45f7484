import { PublishCommand } from '@aws-sdk/client-sns';

import { deadlineOf } from '../lib/retry.mjs';
import { moveDnsToBlue } from './dns.mjs';
import { moveEdgeToBlue } from './listeners.mjs';
import { readTrigger } from './trigger.mjs';

/** The time limit of each stage. With Lambda's retries the total has to stay well below five minutes. */
const LISTENERS_MS = 25_000;
const DNS_MS = 15_000;
const PAUSE_MS = 1000;

/** Moves all traffic back to blue: all listeners in parallel, then DNS, then publishes a report. */
export function createFailback({ config, elb, route53, sns, logger }) {
  return async (event, context) => {
    const log = logger.with({ requestId: context?.awsRequestId });
    const trigger = readTrigger(event, config.alarmName);
    if (trigger.ignored) {
      log.info('ignored', { why: trigger.ignored });
      return { outcome: 'ignored', why: trigger.ignored };
    }

    const started = Date.now();
    const timing = (budgetMs) => {
      const deadline = Math.min(Date.now() + budgetMs, deadlineOf(context, { marginMs: 5000, fallbackMs: LISTENERS_MS + DNS_MS }));
      return {
        deadline,
        pauseMs: PAUSE_MS,
        onRetry: (error) => log.warn('retrying', { error }),
        // Ends a hanging call with its stage.
        call: { abortSignal: AbortSignal.timeout(Math.max(0, deadline - Date.now())) },
      };
    };
    const edges = await Promise.all(
      config.edges.map((edge) => settle(moveEdgeToBlue(elb, edge, timing(LISTENERS_MS)), { listenerArn: edge.listenerArn })),
    );
    const listenersMs = Date.now() - started;
    const dns = config.dns
      ? await settle(moveDnsToBlue(route53, config.dns, timing(DNS_MS)), { hostedZoneId: config.dns.hostedZoneId })
      : null;

    const report = {
      outcome: outcomeOf(edges, dns),
      reason: trigger.reason,
      to: config.environments.blue,
      edges,
      dns,
      listenersMs,
      totalMs: Date.now() - started,
    };
    await publish(sns, config, report, log);
    if (report.outcome === 'incomplete') {
      log.error('failback incomplete', { report });
      // Lambda retries: the next run changes only what isn't blue yet.
      throw new Error(`failback incomplete: ${failuresOf(edges, dns).join('; ')}`);
    }
    log.info('failback complete', { report });
    return report;
  };
}

/** Returns an error as part of the report: a failure of one edge must not stop the others. */
async function settle(move, where) {
  try {
    return await move;
  } catch (error) {
    return { ...where, error: `${error.name}: ${error.message}` };
  }
}

const failuresOf = (edges, dns) => [...edges, ...(dns ? [dns] : [])].flatMap(({ error }) => (error ? [error] : []));

function outcomeOf(edges, dns) {
  if (failuresOf(edges, dns).length > 0) return 'incomplete';
  return edges.some(({ changed }) => changed) || dns?.changed ? 'moved to blue' : 'already blue';
}

/** A failed publish doesn't fail the failback: the log has the report too. */
async function publish(sns, config, report, log) {
  try {
    await sns.send(
      new PublishCommand({
        TopicArn: config.topicArn,
        Subject: `Failback to ${config.environments.blue}: ${report.outcome}`.slice(0, 100),
        Message: JSON.stringify(report, null, 2),
      }),
    );
  } catch (error) {
    log.error('could not publish the report', { error });
  }
}
