/** Retries with exponential backoff and full jitter, never past a deadline. */
import { setTimeout as pause } from 'node:timers/promises';

/**
 * Runs `operation` until it succeeds, fails for good (`isTransient` says no), has had `attempts` tries, or the next pause
 * would end after `deadline` (milliseconds since the epoch). Then its last error is thrown.
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

/** When work must be over so that `marginMs` remain to report; without a Lambda context (invoked by hand) `fallbackMs` from now. */
export function deadlineOf(context, { marginMs, fallbackMs }) {
  const remaining = context?.getRemainingTimeInMillis?.() ?? fallbackMs + marginMs;
  return Date.now() + Math.max(0, remaining - marginMs);
}
