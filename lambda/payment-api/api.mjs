import { readRequest, writeResponse } from '../lib/alb.mjs';
import { createLogger } from '../lib/log.mjs';
import { Problem } from '../lib/problem.mjs';
import { acceptPayment, MAX_BODY_BYTES } from './accept.mjs';
import { rejectCardNumbers } from './card-data.mjs';

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** Creates the handler for load balancer events. */
export function createApi({ environment, queue, logger = createLogger({ function: 'payment-api', environment }) }) {
  const health = () => ({ status: 200, headers: {}, body: { status: 'ok', environment } });
  const routes = {
    '/health': { GET: health, HEAD: health },
    '/payments': { POST: (request) => acceptPayment(request, { environment, queue }) },
  };

  return async (event, context) => {
    const request = readRequest(event);
    const requestId = context?.awsRequestId ?? 'unknown';
    const log = logger.with({ requestId });
    const { status, headers, body } = await respond(routes, request, requestId, log);
    return writeResponse(request, {
      status,
      headers: {
        'Content-Type': 'application/json',
        ...SECURITY_HEADERS,
        'X-Environment': environment,
        'X-Request-Id': requestId,
        ...headers,
      },
      body,
    });
  };
}

async function respond(routes, request, requestId, log) {
  try {
    const response = await route(routes, request);
    // Not logged: health checks arrive every few seconds from every zone.
    if (request.path !== '/health') log.info('request completed', { status: response.status, paymentId: response.body.paymentId });
    return response;
  } catch (error) {
    const problem = error instanceof Problem ? error : unexpected(error, log);
    log.warn('request rejected', { status: problem.status, problem: problem.type });
    return problem.response(requestId);
  }
}

async function route(routes, request) {
  if (request.path === '/health' && Object.hasOwn(routes['/health'], request.method)) return routes['/health'][request.method]();
  // Before the card number search, whose cost grows with the size of the body.
  if (request.body.length > MAX_BODY_BYTES) {
    throw new Problem(413, 'body-too-large', `The body must not be larger than ${MAX_BODY_BYTES} bytes.`);
  }
  rejectCardNumbers(request);
  if (!Object.hasOwn(routes, request.path)) throw new Problem(404, 'not-found', 'The path does not exist.');
  const methods = routes[request.path];
  if (!Object.hasOwn(methods, request.method)) {
    throw new Problem(405, 'method-not-allowed', 'The path does not support this method.', {
      headers: { Allow: Object.keys(methods).join(', ') },
    });
  }
  return methods[request.method](request);
}

function unexpected(error, log) {
  log.error('unexpected error', { error });
  return new Problem(503, 'unavailable', 'The payment was not accepted. Retry with the same Idempotency-Key.', {
    headers: { 'Retry-After': '5' },
  });
}
