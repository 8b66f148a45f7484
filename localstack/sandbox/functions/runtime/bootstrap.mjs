// The runtime of a function: one long-lived process per function version and configuration.
//
// It reads requests from stdin and writes answers to the file descriptor in the first argument, one JSON object a line. So
// what the function writes to stdout or stderr is only its log.

import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';

import { captureOutput } from './logging.mjs';
import { loadHandler } from './handler.mjs';
import { redirectHosts } from './hosts.mjs';

const channel = Number(process.argv[2]);
const send = (message) => writeSync(channel, `${JSON.stringify(message)}\n`);

const output = captureOutput(send, process.env.AWS_LAMBDA_LOG_FORMAT);
const hosts = redirectHosts();

class CallbackHandlerDeprecated extends Error {}
CallbackHandlerDeprecated.prototype.name = 'Runtime.CallbackHandlerDeprecated';

function describe(error) {
  if (error instanceof Error) {
    return {
      errorType: error.name === 'Error' && error.constructor.name !== 'Error' ? error.constructor.name : error.name,
      errorMessage: error.message,
      trace: (error.stack ?? '').split('\n'),
    };
  }
  return {
    errorType: typeof error,
    errorMessage: typeof error === 'string' ? error : JSON.stringify(error) ?? String(error),
    trace: [],
  };
}

function makeContext(request, settle) {
  const env = process.env;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    invokedFunctionArn: request.functionArn,
    awsRequestId: request.requestId,
    clientContext: request.clientContext,
    identity: undefined,
    getRemainingTimeInMillis: () => Math.max(0, request.deadline - Date.now()),
    succeed: (value) => settle.resolve(value),
    fail: (error) => settle.reject(error),
    done: (error, value) => (error ? settle.reject(error) : settle.resolve(value)),
  };
}

function call(handler, request) {
  return new Promise((resolve, reject) => {
    const context = makeContext(request, { resolve, reject });
    // Lambda's Node.js 24 and later refuse a handler that declares a callback.
    if (handler.length >= 3 && process.env.SANDBOX_CALLBACKS === 'refused') {
      throw new CallbackHandlerDeprecated(
        'Lambda has removed support for callback-based function handlers starting with Node.js 24; use an async handler',
      );
    }
    const returned = handler(request.event, context, context.done);
    if (typeof returned?.then === 'function') {
      returned.then(resolve, reject);
    } else if (handler.length < 3) {
      // Without a callback parameter, the returned value is the answer.
      resolve(returned);
    }
  });
}

let current = null;

function fail(error) {
  if (current === null) return;
  const description = describe(error);
  console.error('Invoke Error', description);
  send({ type: 'error', requestId: current.requestId, error: description });
  current = null;
}

// An unhandled error ends the invocation and the process, as in Lambda.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, (error) => {
    const description = describe(error);
    if (event === 'unhandledRejection') description.errorType = 'Runtime.UnhandledPromiseRejection';
    if (current !== null) send({ type: 'error', requestId: current.requestId, error: description, fatal: true });
    process.exit(129);
  });
}

let handler;
let initError;
try {
  handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER);
} catch (error) {
  initError = describe(error);
}

send({ type: 'ready' });

async function serve(request) {
  current = request;
  hosts.update(request.hosts);
  process.env._X_AMZN_TRACE_ID = request.traceId;
  output.begin(request.requestId);
  if (initError) {
    console.error('Uncaught Exception', initError);
    send({ type: 'error', requestId: request.requestId, error: initError, fatal: true });
    process.exit(1);
  }
  let result;
  try {
    result = (await call(handler, request)) ?? null;
    result = JSON.stringify(result) ?? 'null';
  } catch (error) {
    fail(error);
    return;
  }
  current = null;
  send({ type: 'result', requestId: request.requestId, payload: result });
}

// The process ends when the sandbox closes the pipe or dies.
const requests = createInterface({ input: process.stdin, crlfDelay: Infinity });
requests.on('line', (line) => serve(JSON.parse(line)));
requests.on('close', () => process.exit(0));
