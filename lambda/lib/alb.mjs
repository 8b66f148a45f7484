/** Requests from and responses to an Application Load Balancer, with single-value or multi-value headers. */
import { STATUS_CODES } from 'node:http';

/** Maps lower-case names to lists of values, from the single-value or the multi-value form of an event. */
function multiMap(multi, single) {
  const map = new Map();
  for (const [name, value] of Object.entries(multi ?? single ?? {})) {
    const values = (Array.isArray(value) ? value : [value]).filter((item) => item !== null && item !== undefined);
    map.set(name.toLowerCase(), [...(map.get(name.toLowerCase()) ?? []), ...values.map(String)]);
  }
  return map;
}

export function readRequest(event) {
  const headers = multiMap(event.multiValueHeaders, event.headers);
  return {
    method: String(event.httpMethod ?? '').toUpperCase(),
    path: String(event.path ?? ''),
    query: multiMap(event.multiValueQueryStringParameters, event.queryStringParameters),
    headers,
    header: (name) => headers.get(name) ?? [],
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    // A load balancer with multi-value headers ignores single-value headers in a response, and vice versa.
    usesMultiValueHeaders: event.multiValueHeaders !== undefined && event.multiValueHeaders !== null,
  };
}

export function writeResponse(request, { status, headers, body }) {
  const headerFields = request.usesMultiValueHeaders
    ? { multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]])) }
    : { headers };
  return {
    statusCode: status,
    statusDescription: `${status} ${STATUS_CODES[status]}`,
    isBase64Encoded: false,
    ...headerFields,
    body: request.method === 'HEAD' ? '' : JSON.stringify(body),
  };
}
