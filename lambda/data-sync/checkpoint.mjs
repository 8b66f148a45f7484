/**
 * The synchronization's item in DynamoDB: whether it is started, who holds the lease, how far it has come. Every change
 * is one conditional write, so a process that dies between any two of them leaves a state from which the next one goes
 * on.
 */
import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

import { isTransientAwsError } from '../lib/aws-errors.mjs';
import { retry } from '../lib/retry.mjs';

/**
 * A lease is taken over only when it has expired by the clock of any function, however its clock differs from that of
 * the owner.
 */
const CLOCK_MARGIN_MS = 1000;

/** Another run has taken over: this one may do nothing more. */
export class LeaseLost extends Error {
  name = 'LeaseLost';

  constructor() {
    super('another run has taken over the lease');
  }
}

/** What a synchronization has in its item before its first run. */
const NOTHING_YET = {
  low: null,
  reached: null,
  pass: null,
  version: null,
  copiedTotal: 0,
  deletedTotal: 0,
  rowsPerSecond: null,
};

/** The item of one stream. `deadline` (milliseconds since the epoch) is where the retries of its calls end. */
export class Checkpoints {
  #client;
  #table;
  #key;
  #leaseMs;
  #deadline;

  constructor(client, { table, stream, leaseSeconds, deadline }) {
    this.#client = client;
    this.#table = table;
    this.#key = { pk: { S: `sync#${stream}` } };
    this.#leaseMs = leaseSeconds * 1000;
    this.#deadline = deadline;
  }

  /** {state, stops, running, progress, lastRun}; also where nothing was ever written. */
  async read() {
    return describe(await this.#item());
  }

  /**
   * Whether scheduled runs do anything. A run under way sees a stop by the count of them: one by hand runs whatever the
   * state.
   */
  async setState(state) {
    await this.#update({
      set: { state: { S: state } },
      add: state === 'stopped' ? { stops: { N: '1' } } : {},
    });
  }

  /** The lease for this owner, or null if another one has it. */
  async acquire(owner) {
    const item = await this.#item();
    const held = item.leaseOwner?.S;
    if (held !== undefined && Date.now() < Number(item.leaseExpires.N) + CLOCK_MARGIN_MS) return null;
    // Always greater than the last one; by the clock, so that this also holds when the table was made anew.
    const fence = Math.max(Date.now(), Number(item.fence?.N ?? 0) + 1);
    const condition = item.fence
      ? { text: 'fence = :old', values: { ':old': item.fence } }
      : { text: 'attribute_not_exists(fence)', values: {} };
    const taken = await this.#update({ set: this.#leaseOf(owner, fence), condition }).catch((error) =>
      isConditionFailed(error) ? this.#item() : Promise.reject(error),
    );
    // A write that succeeded and whose answer was lost fails its own condition when it is repeated.
    if (taken.leaseOwner?.S !== owner) return null;
    return new Lease(fence, describe(taken), (changes) => this.#updateAs(owner, fence, changes));
  }

  #leaseOf(owner, fence) {
    return { leaseOwner: { S: owner }, fence: { N: String(fence) }, leaseExpires: { N: String(Date.now() + this.#leaseMs) } };
  }

  /** A change that only the owner of the lease may make; it renews the lease, or with `release` gives it back. */
  async #updateAs(owner, fence, { set, release = false }) {
    const condition = {
      text: 'leaseOwner = :owner AND fence = :mine',
      values: { ':owner': { S: owner }, ':mine': { N: String(fence) } },
    };
    const lease = release ? {} : this.#leaseOf(owner, fence);
    const remove = release ? ['leaseOwner', 'leaseExpires'] : [];
    try {
      return describe(await this.#update({ set: { ...set, ...lease }, remove, condition }));
    } catch (error) {
      if (!isConditionFailed(error)) throw error;
      const now = await this.#item();
      // Released already, by a write whose answer was lost.
      if (release && now.leaseOwner === undefined && Number(now.fence?.N) === fence) return describe(now);
      throw new LeaseLost();
    }
  }

  async #item() {
    const answer = await this.#send(new GetItemCommand({ TableName: this.#table, Key: this.#key, ConsistentRead: true }));
    return answer.Item ?? {};
  }

  async #update({ set, add = {}, remove = [], condition }) {
    const names = [...Object.keys(set), ...Object.keys(add), ...remove];
    const assignments = Object.keys(set).map((name) => `#${name} = :${name}`);
    const sums = Object.keys(add).map((name) => `#${name} :${name}`);
    const clauses = [
      `SET ${assignments.join(', ')}`,
      ...(sums.length > 0 ? [`ADD ${sums.join(', ')}`] : []),
      ...(remove.length > 0 ? [`REMOVE ${remove.map((name) => `#${name}`).join(', ')}`] : []),
    ];
    const values = Object.fromEntries(Object.entries({ ...set, ...add }).map(([name, value]) => [`:${name}`, value]));
    const answer = await this.#send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: this.#key,
        UpdateExpression: clauses.join(' '),
        ConditionExpression: condition?.text,
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: { ...values, ...condition?.values },
        ReturnValues: 'ALL_NEW',
      }),
    );
    return answer.Attributes;
  }

  #send(command) {
    const options = { isTransient: isTransientAwsError, deadline: this.#deadline, attempts: 10 };
    return retry(() => this.#client.send(command), options);
  }
}

/**
 * The right to run. `fence` is greater than that of every run before: green's tables refuse whoever comes with a
 * smaller one.
 */
class Lease {
  #update;

  constructor(fence, found, update) {
    this.fence = fence;
    /** What the item said when the lease was taken. */
    this.found = found;
    this.#update = update;
  }

  /** Notes how far the run has come and renews the lease. Throws LeaseLost if another run has it. */
  async save(progress) {
    return this.#update({ set: { progress: { S: JSON.stringify(progress) } } });
  }

  /** Notes how the run ended and gives the lease back. */
  async release(progress, lastRun) {
    const set = { progress: { S: JSON.stringify(progress) }, lastRun: { S: JSON.stringify(lastRun) } };
    return this.#update({ set, release: true });
  }
}

const isConditionFailed = (error) => error?.name === 'ConditionalCheckFailedException';

function describe(item) {
  return {
    state: item.state?.S ?? 'stopped',
    stops: Number(item.stops?.N ?? 0),
    running: item.leaseOwner !== undefined && Date.now() < Number(item.leaseExpires.N),
    progress: item.progress ? JSON.parse(item.progress.S) : { ...NOTHING_YET },
    lastRun: item.lastRun ? JSON.parse(item.lastRun.S) : null,
  };
}
