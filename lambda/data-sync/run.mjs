/** A run: acquires the lease, makes passes until it has caught up, is stopped or runs out of time, and records the result. */
import { randomUUID } from 'node:crypto';

import { redactText } from '../lib/redact.mjs';
import { countAfter, positionAt, secondsSince, STREAMS } from './blue.mjs';
import { LeaseLost } from './checkpoint.mjs';
import { Green } from './green.mjs';
import { readHorizon } from './horizon.mjs';
import { beginPass, finishPass, progressFor, sweep } from './pass.mjs';
import { isoTime } from './times.mjs';

/** The interval of checkpoint writes. After a crash the next run repeats the work since the last one, without effect. */
const SAVE_EVERY_MS = 1000;
const REPORT_EVERY_MS = 30_000;
/** After a pass that took longer than this, enough has changed for another one. */
const CAUGHT_UP_MS = 5000;

/** Runs once: {outcome, ...counts}; 'busy' if another run has the lease. A failure is recorded, then thrown. */
export async function runOnce(context) {
  const lease = await context.checkpoints.acquire(randomUUID());
  if (lease === null) {
    context.log.info('another run is in progress');
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
      await this.#record(result);
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
        const horizon = await readHorizon(blue, this.#progress.low, overlapSeconds);
        if (horizon.blockedBy) log.warn('the watermark does not advance', { blockedBy: horizon.blockedBy });
        this.#progress.pass = beginPass(this.#progress, horizon);
      }
      const options = { blue, green: this.#green, batchRows, onBatch: (counts) => this.#afterBatch(counts) };
      if (!(await sweep(this.#progress.pass, options))) return this.#stopped ? 'stopped' : 'more';
      this.#progress = finishPass(this.#progress);
      if (Date.now() - began < CAUGHT_UP_MS) return 'done';
      await this.#save();
      if (!this.#mayContinue()) return this.#stopped ? 'stopped' : 'more';
    }
  }

  async #afterBatch(counts) {
    for (const [name, count] of Object.entries(counts)) this.#counts[name] += count;
    this.#progress.copiedTotal += counts.copied;
    this.#progress.deletedTotal += counts.deleted;
    if (Date.now() - this.#savedAt >= SAVE_EVERY_MS) await this.#save();
    if (Date.now() - this.#reportedAt >= REPORT_EVERY_MS) await this.#report();
    return this.#mayContinue();
  }

  #mayContinue() {
    return !this.#stopped && Date.now() < this.#context.workUntil;
  }

  async #save() {
    this.#progress.rowsPerSecond = summary(this.#counts, this.#startedAt, null).rowsPerSecond;
    const { stops } = await this.#lease.save(this.#progress);
    this.#stopped = stops !== this.#stopsBefore;
    this.#savedAt = Date.now();
  }

  /** Saves the result in the checkpoint and releases the lease. */
  async #record(result) {
    // The rate of a very short run is no basis for an estimate.
    if (result.seconds >= 1) this.#progress.rowsPerSecond = result.rowsPerSecond;
    const times = { startedAt: new Date(this.#startedAt).toISOString(), finishedAt: new Date().toISOString() };
    await this.#lease.release(this.#progress, { ...result, ...times });
  }

  /** An error while recording must not hide the first error. */
  async #fail(error) {
    const { log } = this.#context;
    const done = summary(this.#counts, this.#startedAt, this.#progress.low);
    const result = { outcome: 'failed', ...done, error: redactText(`${error.name}: ${error.message}`) };
    if (!(error instanceof LeaseLost)) {
      await this.#record(result).catch((problem) => log.warn('could not record the failure', { error: problem }));
    }
    this.#context.emit({ ...this.#metrics(), RunFailed: [1, 'Count'] });
    log.error('run failed', { ...result, error });
  }

  /** The counts since the last report. */
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

  /** Emits metrics. Errors are logged only: a run doesn't fail for its metrics. */
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
      log.warn('could not emit metrics', { error });
    }
  }
}

/** The number of changes still to read: the rest of the pass, and newer ones. */
export function countRemaining(blue, { pass, reached }) {
  const all = () => Object.fromEntries(Object.keys(STREAMS).map((name) => [name, afterTime(reached)]));
  return countAfter(blue, pass?.positions ?? all());
}

const afterTime = (reached) => (reached === null ? positionAt('-infinity') : { at: reached, id: '9223372036854775807' });
