/**
 * The sync's item in DynamoDB: whether it is started, the lease, and the progress. Each change is one conditional write,
 * so the next run can resume after a crash at any point.
 */
import { GetItemCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';

import { isTransientAwsError } from '../lib/aws-errors.mjs';
import { retry } from '../lib/retry.mjs';

/** Tolerated difference between the clocks of functions: an expired lease is taken over only after this time. */
const CLOCK_MARGIN_MS = 1000;

/** Another run has taken over the lease: this one must stop. */
export class LeaseLost extends Error {
  name = 'LeaseLost';

  constructor() {
    super('another run has taken over the lease');
  }
}

/** The progress before the first run. */
const INITIAL_PROGRESS = {
  low: null,
  reached: null,
  pass: null,
  version: null,
  copiedTotal: 0,
  deletedTotal: 0,
  rowsPerSecond: null,
};

/** The item of one stream. `deadline` (milliseconds since the epoch) ends the retries of its calls. */
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

  /** {state, stops, running, progress, lastRun}, with defaults if the item doesn't exist. */
  async read() {
    return describe(await this.#item());
  }

  /**
   * Starts or stops scheduled runs. A run in progress detects a stop by the counter `stops`, because a manual run ignores
   * the state.
   */
  async setState(state) {
    await this.#update({
      set: { state: { S: state } },
      add: state === 'stopped' ? { stops: { N: '1' } } : {},
    });
  }

  /** Acquires the lease for this owner; null if another owner has it. */
  async acquire(owner) {
    const item = await this.#item();
    const owned = item.leaseOwner !== undefined;
    if (owned && Date.now() < Number(item.leaseExpires.N) + CLOCK_MARGIN_MS) return null;
    // Greater than the last one. Based on the clock, so that this is true after the table was recreated too.
    const fence = Math.max(Date.now(), Number(item.fence?.N ?? 0) + 1);
    const condition = item.fence
      ? { text: 'fence = :old', values: { ':old': item.fence } }
      : { text: 'attribute_not_exists(fence)', values: {} };
    const acquired = await this.#update({ set: this.#leaseOf(owner, fence), condition }).catch((error) =>
      isConditionFailed(error) ? this.#item() : Promise.reject(error),
    );
    // After a lost response the retried write fails its own condition, so read the item.
    if (acquired.leaseOwner?.S !== owner) return null;
    return new Lease(fence, describe(acquired), (changes) => this.#updateAs(owner, fence, changes));
  }

  #leaseOf(owner, fence) {
    return { leaseOwner: { S: owner }, fence: { N: String(fence) }, leaseExpires: { N: String(Date.now() + this.#leaseMs) } };
  }

  /** An update that requires the lease. It renews the lease, or releases it. */
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
      // An earlier attempt released it, and its response was lost.
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

/** The right to run. `fence` is greater than that of every earlier run: green rejects writes with a smaller one. */
class Lease {
  #update;

  constructor(fence, found, update) {
    this.fence = fence;
    /** The item when the lease was acquired. */
    this.found = found;
    this.#update = update;
  }

  /** Saves the progress and renews the lease. Throws LeaseLost if another run has it. */
  async save(progress) {
    return this.#update({ set: { progress: { S: JSON.stringify(progress) } } });
  }

  /** Saves the result of the run and releases the lease. */
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
    progress: item.progress ? JSON.parse(item.progress.S) : { ...INITIAL_PROGRESS },
    lastRun: item.lastRun ? JSON.parse(item.lastRun.S) : null,
  };
}
