import { readRequest, writeResponse } from '../lib/alb.mjs';
import { createLogger } from '../lib/log.mjs';
import { Problem } from '../lib/problem.mjs';
import { acceptPayment, MAX_BODY_BYTES } from './accept.mjs';
import { refuseCardNumbers } from './card-data.mjs';

const SECURITY_HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'Strict-Transport-Security': 'max-age=31536000; includeSubDomains',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** The handler of the load balancer's events. */
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
    const { status, headers, body } = await answer(routes, request, requestId, log);
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

async function answer(routes, request, requestId, log) {
  try {
    const response = await route(routes, request);
    // Health checks come every few seconds from every zone: they would bury the rest.
    if (request.path !== '/health') log.info('answered', { status: response.status, paymentId: response.body.paymentId });
    return response;
  } catch (error) {
    const problem = error instanceof Problem ? error : unexpected(error, log);
    log.warn('refused', { status: problem.status, problem: problem.type });
    return problem.response(requestId);
  }
}

async function route(routes, request) {
  if (request.path === '/health' && Object.hasOwn(routes['/health'], request.method)) return routes['/health'][request.method]();
  // Before anything reads the body: what follows is work in proportion to its size.
  if (request.body.length > MAX_BODY_BYTES) {
    throw new Problem(413, 'body-too-large', `The body must not be larger than ${MAX_BODY_BYTES} bytes.`);
  }
  refuseCardNumbers(request);
  if (!Object.hasOwn(routes, request.path)) throw new Problem(404, 'not-found', 'There is nothing at this path.');
  const methods = routes[request.path];
  if (!Object.hasOwn(methods, request.method)) {
    throw new Problem(405, 'method-not-allowed', 'This path does not take this method.', {
      headers: { Allow: Object.keys(methods).join(', ') },
    });
  }
  return methods[request.method](request);
}

function unexpected(error, log) {
  log.error('unexpected error', { error });
  return new Problem(503, 'unavailable', 'The payment was not accepted. Repeat the request with the same Idempotency-Key.', {
    headers: { 'Retry-After': '5' },
  });
}
