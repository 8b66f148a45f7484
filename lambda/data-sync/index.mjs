import { DynamoDBClient } from '@aws-sdk/client-dynamodb';

import { createLogger } from '../lib/log.mjs';
import { emitMetrics } from '../lib/metrics.mjs';
import { deadlineOf } from '../lib/retry.mjs';
import { createSecretsClient } from '../lib/secrets.mjs';
import { BLUE_SET_UP } from './blue.mjs';
import { Checkpoints } from './checkpoint.mjs';
import { readSyncConfig } from './config.mjs';
import { GREEN_SET_UP } from './green.mjs';
import { runOnce } from './run.mjs';
import { Session } from './session.mjs';
import { readStatus } from './status.mjs';
import { verify } from './verify.mjs';

/** Work stops this long before the function's timeout, so that the last batch can complete and be recorded. */
const WORK_MARGIN_MS = 10_000;
const SAVE_MARGIN_MS = 1000;
const FALLBACK_MS = 60_000;
/** The time limit of a status call: people wait for it, and an unreachable database is a valid answer. */
const STATUS_MS = 8000;

const config = readSyncConfig(process.env);
const logger = createLogger({ function: 'data-sync' });
const secrets = createSecretsClient();
// lib/retry.mjs retries, because it respects the deadline.
const dynamo = new DynamoDBClient({ maxAttempts: 1, requestHandler: { connectionTimeout: 2000, requestTimeout: 5000 } });

const setState = (state) => async ({ checkpoints }) => {
  await checkpoints.setState(state);
  return { state };
};

const ACTIONS = {
  start: setState('started'),
  stop: setState('stopped'),
  'run-once': runOnce,
  status: readStatus,
  verify: (context, { cursor }) => verify(context, cursor ?? null),
  scheduled: runIfStarted,
};

async function runIfStarted(context) {
  const { state } = await context.checkpoints.read();
  if (state === 'started') return runOnce(context);
  // An alarm goes off if the schedule stops calling.
  context.emit({ RunFailed: [0, 'Count'] });
  return { state };
}

/** Takes {"action": ..., "seconds": limit below the function's own}, or the event of a schedule. */
export const handler = async (event, lambdaContext) => {
  const action = event?.source === 'aws.events' ? 'scheduled' : event?.action;
  if (!Object.hasOwn(ACTIONS, action ?? '')) throw new Error('action must be start, stop, run-once, status or verify');
  const context = contextOf(action, event, lambdaContext);
  try {
    return await ACTIONS[action](context, event);
  } finally {
    await Promise.all([context.blue.close(), context.green.close()]);
  }
};

/** The context of an action, for one invocation. */
function contextOf(action, event, lambdaContext) {
  const log = logger.with({ requestId: lambdaContext?.awsRequestId, action });
  const lastSave = deadlineOf(lambdaContext, { marginMs: SAVE_MARGIN_MS, fallbackMs: FALLBACK_MS });
  const deadline = action === 'status' ? Math.min(lastSave, Date.now() + STATUS_MS) : lastSave;
  const { checkpointTable: table, leaseSeconds, batchRows, overlapSeconds, namespace } = config;
  return {
    log,
    batchRows,
    overlapSeconds,
    // A manual caller sets `seconds` to get progress, and calls again.
    workUntil: Math.min(deadlineOf(lambdaContext, { marginMs: WORK_MARGIN_MS, fallbackMs: FALLBACK_MS }), Date.now() + 1000 * (event.seconds ?? Infinity)),
    checkpoints: new Checkpoints(dynamo, { table, stream: 'payments', leaseSeconds, deadline }),
    blue: new Session(config.blue, secrets, { deadline, log, setUp: BLUE_SET_UP }),
    green: new Session(config.green, secrets, { deadline, log, setUp: GREEN_SET_UP }),
    emit: (metrics) => emitMetrics(namespace, { Job: 'data-sync' }, metrics),
  };
}
