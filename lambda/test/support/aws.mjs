/** A local AWS endpoint for the functions; AWS_ENDPOINT_URL directs the SDK to it. */
import { createServer } from 'node:http';

/**
 * `services` maps a service ("secretsmanager", "AmazonSQS", "query", "route53") to a function (operation, input) that returns
 * the service's response: an object for JSON services, XML for the others. It may throw an AwsError.
 */
export async function startAws(services) {
  const calls = [];
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const call = readCall(request, Buffer.concat(chunks).toString('utf8'));
    calls.push(call);
    try {
      const answer = await services[call.service](call.operation, call.input);
      respond(response, 200, call.isJson ? JSON.stringify(answer ?? {}) : answer);
    } catch (error) {
      if (!(error instanceof AwsError)) console.error(error);
      respond(response, error.status ?? 500, describe(error, call.isJson), error.code);
    }
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    env: { AWS_ENDPOINT_URL: `http://127.0.0.1:${server.address().port}` },
    url: `http://127.0.0.1:${server.address().port}`,
    calls,
    operations: () => calls.map(({ operation }) => operation),
    stop() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

export class AwsError extends Error {
  constructor(code, message = code, status = 400) {
    super(message);
    Object.assign(this, { code, status });
  }
}

function readCall(request, body) {
  const target = request.headers['x-amz-target'];
  if (target) {
    const [service, operation] = target.split('.');
    return { service, operation, input: JSON.parse(body), isJson: true };
  }
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname.startsWith('/2013-04-01/')) {
    return { service: 'route53', operation: `${request.method} ${url.pathname}`, input: { query: url.searchParams, body } };
  }
  const form = new URLSearchParams(body);
  return { service: 'query', operation: form.get('Action'), input: form };
}

function respond(response, status, body, errorCode) {
  if (errorCode) response.setHeader('x-amzn-errortype', errorCode);
  response.writeHead(status);
  response.end(body);
}

const describe = ({ code = 'InternalFailure', message }, isJson) =>
  isJson
    ? JSON.stringify({ __type: code, message })
    : `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>${message}</Message></Error></ErrorResponse>`;
