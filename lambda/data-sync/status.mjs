import { isAccessDenied, isMissingDatabase, isTransient } from '../lib/postgres-errors.mjs';
import { secondsSince } from './blue.mjs';
import { countQuarantined } from './green.mjs';
import { countRemaining } from './run.mjs';
import { NotReady } from './session.mjs';
import { isoTime } from './times.mjs';

/** The status of the sync. If a database can't be queried yet, `missing` says why and its values are null. */
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
  const fromBlue = await queryOrMissing('blue', async () => ({
    remaining: await countRemaining(blue, progress),
    lagSeconds: await secondsSince(blue, progress.low),
  }));
  const fromGreen = await queryOrMissing('green', async () => ({ quarantined: await countQuarantined(green) }));
  const missing = [fromBlue.missing, fromGreen.missing].filter((sentence) => sentence !== undefined).join('; ');
  const { remaining } = fromBlue;
  const secondsLeft = remaining && known.rowsPerSecond ? Math.ceil(remaining / known.rowsPerSecond) : null;
  return { ...known, ...unknown, ...fromBlue, ...fromGreen, secondsLeft: remaining === 0 ? 0 : secondsLeft, missing: missing || undefined };
}

/** The result of `read`, or {missing: a sentence}. */
async function queryOrMissing(name, read) {
  try {
    return await read();
  } catch (error) {
    const missing = describeMissing(name, error);
    if (missing === undefined) throw error;
    return { missing };
  }
}

/** The missing prerequisite, or undefined for other errors. */
function describeMissing(name, error) {
  if (error instanceof NotReady) return error.message;
  if (isTransient(error)) return `the database of ${name} can not be reached (${error.code ?? error.message})`;
  if (isAccessDenied(error)) return `the database of ${name} rejects the credentials of its secret`;
  if (isMissingDatabase(error)) return `the database of ${name} does not exist`;
  if (error?.name === 'ResourceNotFoundException') return `the secret of the database of ${name} does not exist`;
  return undefined;
}
