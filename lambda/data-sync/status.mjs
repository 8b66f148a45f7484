import { isAccessDenied, isMissingDatabase, isTransient } from '../lib/postgres-errors.mjs';
import { secondsSince } from './blue.mjs';
import { countQuarantined } from './green.mjs';
import { countRemaining } from './run.mjs';
import { NotReady } from './session.mjs';
import { isoTime } from './times.mjs';

/**
 * How the synchronization stands. Where the databases can't be asked yet `missing` says why, and what they know is
 * null.
 */
export async function readStatus({ checkpoints, blue, green }) {
  const { state, running, progress, lastRun } = await checkpoints.read();
  const known = {
    state,
    running,
    lastRun,
    watermark: isoTime(progress.low),
    copiedTotal: progress.copiedTotal,
    deletedTotal: progress.deletedTotal,
    rowsPerSecond: progress.rowsPerSecond,
  };
  const unknown = { lagSeconds: null, quarantined: null, remaining: null, secondsLeft: null };
  const fromBlue = await unlessMissing('blue', async () => ({
    remaining: await countRemaining(blue, progress),
    lagSeconds: await secondsSince(blue, progress.low),
  }));
  const fromGreen = await unlessMissing('green', async () => ({ quarantined: await countQuarantined(green) }));
  const missing = [fromBlue.missing, fromGreen.missing].filter((sentence) => sentence !== undefined).join('; ');
  const { remaining } = fromBlue;
  const secondsLeft = remaining && known.rowsPerSecond ? Math.ceil(remaining / known.rowsPerSecond) : null;
  return { ...known, ...unknown, ...fromBlue, ...fromGreen, secondsLeft: remaining === 0 ? 0 : secondsLeft, missing: missing || undefined };
}

/** What `read` returns, or {missing} with a sentence for people. */
async function unlessMissing(name, read) {
  try {
    return await read();
  } catch (error) {
    const missing = describeMissing(name, error);
    if (missing === undefined) throw error;
    return { missing };
  }
}

/** What has to be there before this works, or undefined where the error is about something else. */
function describeMissing(name, error) {
  if (error instanceof NotReady) return error.message;
  if (isTransient(error)) return `the database of ${name} can not be reached (${error.code ?? error.message})`;
  if (isAccessDenied(error)) return `the database of ${name} refuses the credentials of its secret`;
  if (isMissingDatabase(error)) return `the database of ${name} does not exist`;
  if (error?.name === 'ResourceNotFoundException') return `the secret of the database of ${name} does not exist`;
  return undefined;
}
