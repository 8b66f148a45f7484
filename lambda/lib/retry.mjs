/** Retries with exponential backoff and full jitter, never past a deadline. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Runs `operation` until it succeeds. Throws its last error if the error isn't transient, after `attempts` attempts, or if
 * the next pause would end after `deadline` (milliseconds since the epoch).
 */
export async function retry(operation, { isTransient, deadline, attempts = 6, baseMs = 50, capMs = 2000, onRetry }) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await operation(attempt);
    } catch (error) {
      const delay = Math.random() * Math.min(capMs, baseMs * 2 ** (attempt - 1));
      if (!isTransient(error) || attempt >= attempts || Date.now() + delay >= deadline) throw error;
      onRetry?.(error, attempt);
      await pause(delay);
    }
  }
}

/** The time at which work must end so that `marginMs` remain for reporting. Without a Lambda context: `fallbackMs` from now. */
export function deadlineOf(context, { marginMs, fallbackMs }) {
  const remaining = context?.getRemainingTimeInMillis?.() ?? fallbackMs + marginMs;
  return Date.now() + Math.max(0, remaining - marginMs);
}
