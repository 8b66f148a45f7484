/** Structured logs: one JSON object a line, redacted. */
import { redact } from './redact.mjs';

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** console.log in Lambda adds a prefix, which breaks JSON queries and embedded metrics. */
export function writeLine(record) {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** `fields` go into every line; LOG_LEVEL (debug, info, warn, error) sets the minimum level. */
export function createLogger(fields, { level = process.env.LOG_LEVEL, write = writeLine } = {}) {
  const configured = LEVELS.indexOf(String(level ?? 'info').toLowerCase());
  const minimum = configured === -1 ? LEVELS.indexOf('info') : configured;
  const methods = LEVELS.map((name, rank) => [
    name,
    (message, details = {}) => {
      if (rank < minimum) return;
      write({ timestamp: new Date().toISOString(), level: name, message: redact(message), ...redact({ ...fields, ...details }) });
    },
  ]);
  return {
    ...Object.fromEntries(methods),
    with: (more) => createLogger({ ...fields, ...more }, { level, write }),
  };
}
