// Sends the output of a function to the sandbox, in Lambda's log formats.

import { format } from 'node:util';

const LEVELS = { debug: 'DEBUG', error: 'ERROR', info: 'INFO', log: 'INFO', trace: 'TRACE', warn: 'WARN' };

export function captureOutput(send, logFormat) {
  let requestId;

  const record = (message) => send({ type: 'log', message });

  const line = (level, values) => {
    const timestamp = new Date().toISOString();
    if (logFormat === 'JSON') {
      const single = values.length === 1 && typeof values[0] === 'object' && !(values[0] instanceof Error);
      return JSON.stringify({ timestamp, level, requestId, message: single ? values[0] : format(...values) });
    }
    return `${timestamp}\t${requestId}\t${level}\t${format(...values)}`;
  };

  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...values) => record(line(level, values));
  }

  // For loggers that write to the streams. A chunk may have several lines, or be bytes.
  for (const stream of [process.stdout, process.stderr]) {
    stream.write = (chunk, encoding, callback) => {
      const text = typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8');
      for (const part of text.replace(/\n$/, '').split('\n')) record(part);
      const done = typeof encoding === 'function' ? encoding : callback;
      if (done) queueMicrotask(done);
      return true;
    };
  }

  return {
    begin(id) {
      requestId = id;
    },
  };
}
