/**
 * A pass reads all changes of blue from the overlap before the watermark to its own start, and writes them to green. Later
 * changes belong to the next pass. An interrupted pass resumes where it stopped, in this process or another one.
 */
import { positionAt, readPage, STREAMS } from './blue.mjs';
import { prepareBatch } from './green.mjs';
import { transformAll, VERSION } from './transform/index.mjs';

/** A new pass from readHorizon's result, as stored in the checkpoint. */
export function beginPass(progress, { horizon, target, start }) {
  return {
    version: VERSION,
    horizon,
    target,
    first: progress.low === null,
    // Rows from an earlier version of the transformation have equal times.
    rewrite: progress.version !== VERSION,
    positions: Object.fromEntries(Object.keys(STREAMS).map((name) => [name, positionAt(start)])),
    finished: [],
  };
}

/** The progress at the start of a run. A new version of the transformation copies everything again. */
export function progressFor(progress) {
  const known = progress.version === VERSION || progress.pass?.version === VERSION;
  return known ? progress : { ...progress, low: null, reached: null, pass: null };
}

/** The progress after a pass: all changes that were committed on blue before `low` are in green. */
export function finishPass(progress) {
  const { horizon, target } = progress.pass;
  return { ...progress, low: horizon, reached: target, version: VERSION, pass: null };
}

/**
 * Runs the rest of a pass. After each batch it updates the positions in `pass` and awaits `onBatch({copied, deleted,
 * unchanged, quarantined})`, which returns whether to continue. Returns whether the pass is finished.
 */
export async function sweep(pass, { blue, green, batchRows, onBatch }) {
  for (const name of Object.keys(STREAMS)) {
    if (pass.finished.includes(name)) continue;
    if (!(await sweepStream(name, pass, { blue, green, batchRows, onBatch }))) return false;
    pass.finished.push(name);
  }
  return true;
}

async function sweepStream(name, pass, { blue, green, batchRows, onBatch }) {
  const { prepare, write } = STREAM_HANDLERS[name];
  const read = async (position) => {
    const page = await readPage(blue, STREAMS[name], position, pass.target, batchRows);
    return { ...page, batch: prepare(page.rows, pass) };
  };
  let next = read(pass.positions[name]);
  for (;;) {
    const page = await next;
    // Reads the next page while green writes this one: at most two pages are in memory.
    next = page.isLast ? undefined : read(page.position);
    // Prevents an unhandled rejection if this batch fails first.
    next?.catch(() => undefined);
    let continues = true;
    if (page.rows.length > 0) {
      const counts = { copied: 0, deleted: 0, quarantined: 0, ...(await write(green, page.batch)) };
      pass.positions[name] = page.position;
      const unchanged = page.rows.length - counts.copied - counts.deleted - counts.quarantined;
      continues = await onBatch({ ...counts, unchanged });
    }
    if (next === undefined) return true;
    if (!continues) {
      await next.catch(() => undefined);
      return false;
    }
  }
}

/** How the pages of each stream are prepared and written. */
const STREAM_HANDLERS = {
  payments: {
    prepare(rows, { first, rewrite }) {
      const { payments, rejected } = transformAll(rows);
      return prepareBatch(payments, rejected, { first, rewrite });
    },
    write: (green, batch) => green.writePayments(batch),
  },
  tombstones: {
    prepare: (rows) => rows,
    write: async (green, rows) => ({ deleted: await green.deleteRows(rows) }),
  },
};
