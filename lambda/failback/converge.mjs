import { retry } from '../lib/retry.mjs';

/** An error that retries can't fix: a resource or record is missing. */
export class Unrecoverable extends Error {
  name = 'Unrecoverable';
}

/**
 * Reads items, writes those that aren't in the desired state, and reads again until all are: `write(differing, all)` changes them.
 * Handles concurrent writes by others and stale reads. Returns the items of the first read, and whether anything was written.
 */
export async function converge({ read, isDesired, write }, { deadline, pauseMs, onRetry }) {
  let found;
  let written = false;
  await retry(
    async () => {
      const items = await read();
      found ??= items;
      const differing = items.filter((item) => !isDesired(item));
      if (differing.length === 0) return;
      written = true;
      await write(differing, items);
      const left = (await read()).filter((item) => !isDesired(item)).length;
      if (left > 0) throw new Error(`${left} did not read back as written`);
    },
    {
      isTransient: (error) => !(error instanceof Unrecoverable),
      deadline,
      attempts: Infinity,
      baseMs: pauseMs,
      capMs: pauseMs,
      onRetry,
    },
  );
  return { found, written };
}
