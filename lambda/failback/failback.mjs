import { PublishCommand } from '@aws-sdk/client-sns';

import { deadlineOf } from '../lib/retry.mjs';
import { moveDnsToBlue } from './dns.mjs';
import { moveEdgeToBlue } from './listeners.mjs';
import { readTrigger } from './trigger.mjs';

/** How long each stage may try. Together with Lambda's own repeats this has to stay well within five minutes. */
const LISTENERS_MS = 25_000;
const DNS_MS = 15_000;
const PAUSE_MS = 1000;

/** Moves all traffic back to blue: listeners at once on every edge, DNS after, then one message that says what was done. */
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
        onRetry: (error) => log.warn('trying again', { error }),
        // A call that hangs ends with its stage.
        call: { abortSignal: AbortSignal.timeout(Math.max(0, deadline - Date.now())) },
      };
    };
    const edges = await Promise.all(
      config.edges.map((edge) => orError(moveEdgeToBlue(elb, edge, timing(LISTENERS_MS)), { listenerArn: edge.listenerArn })),
    );
    const listenersMs = Date.now() - started;
    const dns = config.dns
      ? await orError(moveDnsToBlue(route53, config.dns, timing(DNS_MS)), { hostedZoneId: config.dns.hostedZoneId })
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
      // Thrown, so that Lambda calls again: the next run changes only what is still not blue.
      throw new Error(`failback incomplete: ${failuresOf(edges, dns).join('; ')}`);
    }
    log.info('failback complete', { report });
    return report;
  };
}

/** A failure in one place must not keep the others from being moved. */
async function orError(moving, where) {
  try {
    return await moving;
  } catch (error) {
    return { ...where, error: `${error.name}: ${error.message}` };
  }
}

const failuresOf = (edges, dns) => [...edges, ...(dns ? [dns] : [])].flatMap(({ error }) => (error ? [error] : []));

function outcomeOf(edges, dns) {
  if (failuresOf(edges, dns).length > 0) return 'incomplete';
  return edges.some(({ changed }) => changed) || dns?.changed ? 'moved to blue' : 'already blue';
}

/** The move counts, not the message: if it can't be sent, the log and this function's alarms have to do. */
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
    log.error('the report was not published', { error });
  }
}
