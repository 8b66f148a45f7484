/**
 * A run: takes the lease, makes passes until it has caught up, is stopped or runs out of time, and notes what came of
 * it.
 */
import { randomUUID } from 'node:crypto';

import { redactText } from '../lib/redact.mjs';
import { countAfter, positionAt, secondsSince, STREAMS } from './blue.mjs';
import { LeaseLost } from './checkpoint.mjs';
import { Green } from './green.mjs';
import { askHorizon } from './horizon.mjs';
import { beginPass, finishPass, progressFor, sweep } from './pass.mjs';
import { isoTime } from './times.mjs';

/**
 * How often the checkpoint is written. What a process has done since then is done again by the next one, to no effect.
 */
const SAVE_EVERY_MS = 1000;
const REPORT_EVERY_MS = 30_000;
/** A pass that took longer has left enough behind itself for another one. */
const CAUGHT_UP_MS = 5000;

/**
 * Runs once: {outcome, ...counts}; 'busy' if another run has the lease. Throws what it failed of, after it has noted
 * it.
 */
export async function runOnce(context) {
  const lease = await context.checkpoints.acquire(randomUUID());
  if (lease === null) {
    context.log.info('another run is under way');
    return { outcome: 'busy', ...summary(newCounts(), Date.now(), null) };
  }
  return new Run(lease, context).toEnd();
}

const newCounts = () => ({ copied: 0, deleted: 0, unchanged: 0, quarantined: 0 });

function summary(counts, startedAt, low) {
  const seconds = Math.max(0.001, (Date.now() - startedAt) / 1000);
  const rows = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { ...counts, seconds, rowsPerSecond: Math.round(rows / seconds), watermark: isoTime(low) };
}

class Run {
  #lease;
  #context;
  #green;
  #progress;
  #stopsBefore;
  #counts = newCounts();
  #startedAt = Date.now();
  #savedAt = Date.now();
  #reportedAt = Date.now();
  #stopped = false;
  #reported = newCounts();

  constructor(lease, context) {
    this.#lease = lease;
    this.#context = context;
    this.#green = new Green(context.green, lease.fence);
    this.#progress = progressFor(lease.found.progress);
    this.#stopsBefore = lease.found.stops;
  }

  async toEnd() {
    const { log } = this.#context;
    log.info('run started', { watermark: isoTime(this.#progress.low), resumed: this.#progress.pass !== null });
    try {
      const outcome = await this.#passes();
      const result = { outcome, ...summary(this.#counts, this.#startedAt, this.#progress.low) };
      await this.#note(result);
      await this.#report();
      log.info('run finished', result);
      return result;
    } catch (error) {
      await this.#fail(error);
      throw error;
    }
  }

  async #passes() {
    const { blue, batchRows, overlapSeconds, log } = this.#context;
    for (;;) {
      const began = this.#progress.pass === null ? Date.now() : -Infinity;
      if (this.#progress.pass === null) {
        const horizon = await askHorizon(blue, this.#progress.low, overlapSeconds);
        if (horizon.heldBy) log.warn('the watermark stays where it is', { heldBy: horizon.heldBy });
        this.#progress.pass = beginPass(this.#progress, horizon);
      }
      const options = { blue, green: this.#green, batchRows, onBatch: (counts) => this.#afterBatch(counts) };
      if (!(await sweep(this.#progress.pass, options))) return this.#stopped ? 'stopped' : 'more';
      this.#progress = finishPass(this.#progress);
      if (Date.now() - began < CAUGHT_UP_MS) return 'done';
      await this.#save();
      if (!this.#goesOn()) return this.#stopped ? 'stopped' : 'more';
    }
  }

  async #afterBatch(counts) {
    for (const [name, count] of Object.entries(counts)) this.#counts[name] += count;
    this.#progress.copiedTotal += counts.copied;
    this.#progress.deletedTotal += counts.deleted;
    if (Date.now() - this.#savedAt >= SAVE_EVERY_MS) await this.#save();
    if (Date.now() - this.#reportedAt >= REPORT_EVERY_MS) await this.#report();
    return this.#goesOn();
  }

  #goesOn() {
    return !this.#stopped && Date.now() < this.#context.workUntil;
  }

  async #save() {
    this.#progress.rowsPerSecond = summary(this.#counts, this.#startedAt, null).rowsPerSecond;
    const { stops } = await this.#lease.save(this.#progress);
    this.#stopped = stops !== this.#stopsBefore;
    this.#savedAt = Date.now();
  }

  /** In the checkpoint, with the lease given back. */
  async #note(result) {
    // The speed of a run that had next to nothing to do says nothing about how long the rest will take.
    if (result.seconds >= 1) this.#progress.rowsPerSecond = result.rowsPerSecond;
    const times = { startedAt: new Date(this.#startedAt).toISOString(), finishedAt: new Date().toISOString() };
    await this.#lease.release(this.#progress, { ...result, ...times });
  }

  /** What could not be noted must not hide what failed. */
  async #fail(error) {
    const { log } = this.#context;
    const done = summary(this.#counts, this.#startedAt, this.#progress.low);
    const result = { outcome: 'failed', ...done, error: redactText(`${error.name}: ${error.message}`) };
    if (!(error instanceof LeaseLost)) {
      await this.#note(result).catch((problem) => log.warn('the failure was not noted', { error: problem }));
    }
    this.#context.emit({ ...this.#metrics(), RunFailed: [1, 'Count'] });
    log.error('run failed', { ...result, error });
  }

  /** What is new since the last time. */
  #metrics() {
    const since = (name) => this.#counts[name] - this.#reported[name];
    const metrics = {
      RowsCopied: [since('copied'), 'Count'],
      RowsDeleted: [since('deleted'), 'Count'],
      RowsQuarantined: [since('quarantined'), 'Count'],
      RowsPerSecond: [summary(this.#counts, this.#startedAt, null).rowsPerSecond, 'Count/Second'],
    };
    this.#reported = { ...this.#counts };
    this.#reportedAt = Date.now();
    return metrics;
  }

  /** They are of use only while all else works: a run doesn't fail for want of them. */
  async #report() {
    const { blue, emit, log } = this.#context;
    try {
      const lag = await secondsSince(blue, this.#progress.low);
      const remaining = await countRemaining(blue, this.#progress);
      emit({
        ...this.#metrics(),
        RowsRemaining: [remaining, 'Count'],
        ...(lag === null ? {} : { LagSeconds: [lag, 'Seconds'] }),
        RunFailed: [0, 'Count'],
      });
      log.info('progress', { ...this.#counts, remaining, lagSeconds: lag, watermark: isoTime(this.#progress.low) });
    } catch (error) {
      log.warn('the metrics were not written', { error });
    }
  }
}

/** What is still to be read: the rest of a pass and what came after it. */
export function countRemaining(blue, { pass, reached }) {
  const all = () => Object.fromEntries(Object.keys(STREAMS).map((name) => [name, afterTime(reached)]));
  return countAfter(blue, pass?.positions ?? all());
}

const afterTime = (reached) => (reached === null ? positionAt('-infinity') : { at: reached, id: '9223372036854775807' });
