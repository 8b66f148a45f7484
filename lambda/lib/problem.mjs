/** Error responses as RFC 9457 problem details. */
import { STATUS_CODES } from 'node:http';

export class Problem extends Error {
  name = 'Problem';

  constructor(status, type, detail, { errors, headers = {} } = {}) {
    super(detail);
    Object.assign(this, { status, type, detail, errors, headers });
  }

  response(requestId) {
    return {
      status: this.status,
      headers: { 'Content-Type': 'application/problem+json', ...this.headers },
      body: {
        type: `urn:payment-api:problem:${this.type}`,
        title: STATUS_CODES[this.status],
        status: this.status,
        detail: this.detail,
        instance: `urn:request:${requestId}`,
        ...(this.errors === undefined ? {} : { errors: this.errors }),
      },
    };
  }
}
