// What is there already, and is watched: jobs and batches that others submitted.

import { Batches } from './batches.js';
import { CLOSED, endOf, heed } from './beginning.js';
import { JobError, LostError, RejectedError } from './errors.js';
import { Job } from './job.js';
import { watchTarget } from './op.js';
import { promised } from './promised.js';
import { Watches } from './watches.js';

/**
 * @typedef {object} Parts of the client
 * @property {import('./outbox.js').Outbox} outbox
 * @property {import('./changes.js').Changes} changes
 * @property {import('./live.js').LiveJobs} live
 * @property {() => number} nextId
 * @property {() => import('./index.js').State} state
 */

export class Watching {
  #watches;
  #batches;
  #nextId;
  #state;

  /** @param {Parts} parts */
  constructor({ outbox, changes, live, nextId, state }) {
    const isOpen = () => state() === 'open';
    this.#watches = new Watches(outbox, changes, isOpen);
    this.#batches = new Batches((op) => {
      // The jobs of a batch may be those that must be submitted again.
      if (isOpen()) live.afterReplay(() => outbox.op(op));
      return isOpen();
    });
    this.#nextId = nextId;
    this.#state = state;
  }

  /** @returns {Job[]} */
  get jobs() {
    return this.#watches.jobs;
  }

  /** What is written down of the jobs. */
  get entries() {
    return this.#watches.entries;
  }

  /**
   * @param {any} what @param {any} options
   * @returns {Job | Promise<any>}
   * @throws {TypeError} if it is neither a job nor a batch, or an option is unknown
   */
  watch(what, options) {
    const { isBatch, name, refusal } = watchTarget(what, options);
    const { signal, label } = options;
    const isClosed = this.#state() === 'closed';
    if (isBatch) return refusedBatch({ isClosed, refusal, signal }) ?? this.#batches.watch(name, this.#nextId, signal);
    const end = endOf({ isClosed, refusal, signal });
    if (end) {
      const job = new Job(this.#nextId(), () => {}, label, { uuid: name });
      queueMicrotask(() => end(job)); // once who watches it listens
      return job;
    }
    const [job, leave] = this.#watches.watch(name, label, this.#nextId);
    heed(signal, job.result, leave);
    return job;
  }

  /** @param {import('./entry.js').Entry} entry as a storage had it */
  restore(entry) {
    this.#watches.restore(entry);
  }

  /** Returns whether the job is watched. @param {number} id */
  cancel(id) {
    return this.#watches.cancel(id);
  }

  /** Returns whether the event is about a job that is watched. @param {any} event */
  hear(event) {
    return this.#watches.hear(event);
  }

  /** @param {any} event */
  batchEnded(event) {
    this.#batches.ended(event);
  }

  /** Returns whether the `gap` is the outcome of a job that is watched. @param {any} gap */
  missed(gap) {
    return this.#watches.missed(gap);
  }

  /** Returns whether the `error` is the answer to one of our ops. @param {any} error */
  refused(error) {
    return this.#watches.refused(error) || this.#batches.refused(error);
  }

  /** @param {boolean} resumed whether the session goes on */
  welcome(resumed) {
    this.#watches.welcome(resumed);
    this.#batches.welcome();
  }

  disconnect() {
    this.#watches.disconnect();
    this.#batches.disconnect();
  }

  /** The first connection does not come. @param {string} message */
  giveUp(message) {
    const why = { code: 'unreachable', message };
    this.#watches.giveUp(why);
    this.#batches.giveUp(why);
  }

  /** There will be no other connection. @param {import('./client.js').End} end @param {string} message */
  endAll(end, message) {
    const Kind = end === 'closed' ? JobError : LostError;
    const why = { code: end, message: `it is not watched any more: ${message}` };
    this.#watches.endAll(why, Kind);
    this.#batches.endAll(new Kind(why));
  }
}

/** The promise of a batch that the server need not be asked about. @param {Parameters<typeof endOf>[0]} about */
function refusedBatch({ isClosed, refusal, signal }) {
  if (!isClosed && refusal === null && !signal?.aborted) return null;
  const { promise, reject } = promised();
  if (isClosed) reject(new JobError(CLOSED));
  else reject(refusal === null ? signal?.reason : new RejectedError({ code: 'bad_request', message: refusal }));
  return promise;
}
