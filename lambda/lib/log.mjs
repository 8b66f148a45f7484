/** Structured logs: one JSON object a line, redacted. */
import { redact } from './redact.mjs';

const LEVELS = ['debug', 'info', 'warn', 'error'];

/** console.log would put a prefix in front, which breaks JSON queries and embedded metrics. */
export function writeLine(record) {
  process.stdout.write(`${JSON.stringify(record)}\n`);
}

/** `fields` go into every line; LOG_LEVEL (debug, info, warn, error) sets the least level that is written. */
export function createLogger(fields, { level = process.env.LOG_LEVEL, write = writeLine } = {}) {
  const wanted = LEVELS.indexOf(String(level ?? 'info').toLowerCase());
  const least = wanted === -1 ? LEVELS.indexOf('info') : wanted;
  const methods = LEVELS.map((name, rank) => [
    name,
    (message, details = {}) => {
      if (rank < least) return;
      write({ timestamp: new Date().toISOString(), level: name, message: redact(message), ...redact({ ...fields, ...details }) });
    },
  ]);
  return {
    ...Object.fromEntries(methods),
    with: (more) => createLogger({ ...fields, ...more }, { level, write }),
  };
}
