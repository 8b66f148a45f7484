/**
 * A pass reads each change of blue from the overlap before the watermark to the time of its begin, and writes it to
 * green. What changes meanwhile gets a later time and is the next pass's. It goes on where it stopped, in this process
 * or in another one.
 */
import { positionAt, readPage, STREAMS } from './blue.mjs';
import { prepareBatch } from './green.mjs';
import { transformAll, VERSION } from './transform/index.mjs';

/** A new pass, given what askHorizon said, as it is kept in the checkpoint. */
export function beginPass(progress, { horizon, target, start }) {
  return {
    version: VERSION,
    horizon,
    target,
    first: progress.low === null,
    // What an earlier version of the transformation has written has the same times.
    rewrite: progress.version !== VERSION,
    positions: Object.fromEntries(Object.keys(STREAMS).map((name) => [name, positionAt(start)])),
    finished: [],
  };
}

/** What a run begins with: under a new version of the transformation everything is to be copied again. */
export function progressFor(progress) {
  const known = progress.version === VERSION || progress.pass?.version === VERSION;
  return known ? progress : { ...progress, low: null, reached: null, pass: null };
}

/** What the checkpoint says after a pass: all that was committed on blue before `low` is in green. */
export function finishPass(progress) {
  const { horizon, target } = progress.pass;
  return { ...progress, low: horizon, reached: target, version: VERSION, pass: null };
}

/**
 * Goes through what remains of a pass. After each batch `pass` says how far it is, and `onBatch({copied, deleted,
 * unchanged, quarantined})` is awaited, which returns whether to go on; the result is whether the pass is finished.
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
  const { prepare, write } = WAYS[name];
  const read = async (position) => {
    const page = await readPage(blue, STREAMS[name], position, pass.target, batchRows);
    return { ...page, batch: prepare(page.rows, pass) };
  };
  let next = read(pass.positions[name]);
  for (;;) {
    const page = await next;
    // The next page is read and transformed while green writes this one: there are never more than two of them in
    // memory.
    next = page.isLast ? undefined : read(page.position);
    // Its failure is for whoever awaits it, which is nobody if this batch fails first.
    next?.catch(() => undefined);
    let goesOn = true;
    if (page.rows.length > 0) {
      const counts = { copied: 0, deleted: 0, quarantined: 0, ...(await write(green, page.batch)) };
      pass.positions[name] = page.position;
      const unchanged = page.rows.length - counts.copied - counts.deleted - counts.quarantined;
      goesOn = await onBatch({ ...counts, unchanged });
    }
    if (next === undefined) return true;
    if (!goesOn) {
      await next.catch(() => undefined);
      return false;
    }
  }
}

/** What is made of a page of each stream, and how green is told. */
const WAYS = {
  payments: {
    prepare(rows, { first, rewrite }) {
      const { payments, refused } = transformAll(rows);
      return prepareBatch(payments, refused, { first, rewrite });
    },
    write: (green, batch) => green.writePayments(batch),
  },
  tombstones: {
    prepare: (rows) => rows,
    write: async (green, rows) => ({ deleted: await green.bury(rows) }),
  },
};
