import { retry } from '../lib/retry.mjs';

/** No further try can help: what was asked for is not there. */
export class Unrecoverable extends Error {
  name = 'Unrecoverable';
}

/**
 * Reads, writes what is not as wanted, and reads again until all is: `read()` lists the things, `isWanted(thing)` judges one,
 * `write(unwanted, all)` changes them. So a write by someone else in between, and a read that lags behind, are both outlived.
 * Answers the things as they were found at first and whether anything was written.
 */
export async function converge({ read, isWanted, write }, { deadline, pauseMs, onRetry }) {
  let found;
  let written = false;
  await retry(
    async () => {
      const things = await read();
      found ??= things;
      const unwanted = things.filter((thing) => !isWanted(thing));
      if (unwanted.length === 0) return;
      written = true;
      await write(unwanted, things);
      const left = (await read()).filter((thing) => !isWanted(thing)).length;
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
