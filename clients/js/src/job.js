// One job as its submitter sees it: a result, and the events on the way there.

import { ChunkStream } from './chunks.js';
import { JobError, RejectedError } from './errors.js';

/**
 * Hands an event of the server to a job. Not for users: the client's way in.
 * @type {(job: JobHandle, event: any) => void}
 */
export let deliver;

/**
 * Ends a job with an error that did not come from the server, and that no worker's code can be
 * mistaken for.
 * @type {(job: JobHandle, why: ConstructorParameters<typeof JobError>[0], Kind?: typeof JobError) => void}
 */
export let fail;

/**
 * Ends a job as cancelled, whatever the server says later. Its result rejects with the reason.
 * @type {(job: JobHandle, reason: unknown) => void}
 */
export let abandon;

/**
 * A job that can be returned from an async function. A `Job` cannot: it would be awaited there.
 *
 * ```text
 * submitted ──▶ accepted ──▶ started ──▶ done
 *     │             │         │   ▲ ├──▶ failed
 *     │             │         ▼   │ └──▶ cancelled
 *     └▶ rejected   │       retrying
 *     └─ any later state may come first: the server leaves `accepted` out when it is late
 * ```
 *
 * Events: `accepted`, `started`, `progress`, `chunk`, `retrying`, `done`, `failed`, `cancelled`,
 * `rejected`. The `detail` of each is the event of the protocol as it came.
 */
export class JobHandle extends EventTarget {
  #cancel;
  /** @type {'submitted' | 'accepted' | 'started' | 'retrying' | 'done' | 'failed' | 'cancelled' | 'rejected'} */
  #state = 'submitted';
  /** @type {string | undefined} */
  #uuid;
  /** @type {string | undefined} */
  #traceparent;
  /** @type {(value: any) => void} */
  #resolve = () => {};
  /** @type {(reason: unknown) => void} */
  #reject = () => {};
  /** @type {JobError | undefined} */
  #error;

  static {
    deliver = (job, event) => job.#deliver(event);
    fail = (job, why, Kind = JobError) => {
      job.#deliver({ ev: 'failed', id: job.id, job: job.uuid, code: why.code, message: why.message }, new Kind({ job: job.uuid, ...why }));
    };
    abandon = (job, reason) => {
      job.#deliver({ ev: 'cancelled', id: job.id, job: job.uuid }, undefined, reason);
    };
  }

  /**
   * @param {number} id @param {() => void} cancel @param {any} [label]
   * @param {{ uuid?: string, heard?: boolean, restored?: boolean }} [known] what is known of it already
   */
  constructor(id, cancel, label, { uuid, heard = false, restored = false } = {}) {
    super();
    this.#cancel = cancel;
    /** The correlation id: one for each job that this client submitted, and for each that it watches. */
    this.id = id;
    /** What the page calls it. */
    this.label = label;
    /** Whether it was submitted, or watched, before the page was loaded again. */
    this.restored = restored;
    this.#uuid = uuid;
    if (heard) this.#state = 'accepted';
    /** The result; rejects with a `JobError`, or the reason of the `signal` that aborted. @type {Promise<any>} */
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // A job whose result nobody asked for may fail without taking a Node process down.
    this.result.catch(() => {});
  }

  /** The server's UUID of the job, once it is known. */
  get uuid() {
    return this.#uuid;
  }

  /** The job's own span in its trace, once it was heard; undefined if it is part of none. */
  get traceparent() {
    return this.#traceparent;
  }

  get state() {
    return this.#state;
  }

  /** Whether nothing more will come. */
  get ended() {
    return ENDS.has(this.#state);
  }

  /** Why the job ended without a result, if it did. */
  get error() {
    return this.#error;
  }

  /** Asks for the job's end. The result then rejects with `cancelled`, unless it was faster. */
  cancel() {
    if (!this.ended) this.#cancel();
  }

  /**
   * The job's chunks as `{ n, data }`, from now on. `n` counts from 1 in each run: a 1 in the
   * middle means that the job was started anew, and what came before is void. Ends with the job,
   * and throws its `JobError` if it did not end well. A WebSocket cannot be slowed down, so chunks
   * that wait to be taken are held here, at most `max`; one more, and the iteration throws.
   *
   * @param {{ max?: number }} [options]
   */
  chunks({ max = 10_000 } = {}) {
    return new ChunkStream(this, max);
  }

  /** @param {any} event @param {JobError} [error] with which it failed @param {unknown} [reason] why it was cancelled */
  #deliver(event, error, reason) {
    if (this.ended) return;
    this.#uuid = event.job ?? this.#uuid;
    this.#traceparent = event.traceparent ?? this.#traceparent;
    if (STATES.has(event.ev)) this.#state = event.ev;
    switch (event.ev) {
      case 'done':
        this.#resolve(event.result);
        break;
      case 'failed':
        this.#end(error ?? new JobError(event));
        break;
      case 'cancelled':
        this.#end(new JobError({ code: 'cancelled', message: 'the job was cancelled', job: this.#uuid, cause: reason }), reason);
        break;
      case 'rejected':
        this.#end(new RejectedError(event));
        break;
    }
    this.dispatchEvent(new CustomEvent(event.ev, { detail: event }));
  }

  /** @param {JobError} error @param {unknown} [reason] what the result rejects with, if it is not that */
  #end(error, reason = error) {
    this.#error = error;
    this.#reject(reason);
  }
}

/** A job that can be awaited: `await job` is `await job.result`. */
export class Job extends JobHandle {
  /** @param {any} [onResult] @param {any} [onError] */
  then(onResult, onError) {
    return this.result.then(onResult, onError);
  }

  /** @param {any} [onError] */
  catch(onError) {
    return this.result.catch(onError);
  }

  /** @param {any} [onEnd] */
  finally(onEnd) {
    return this.result.finally(onEnd);
  }
}

/**
 * Hands an event of the server to a job, also one that the codec could not read all of.
 * @param {JobHandle} job @param {any} event
 */
export function tell(job, event) {
  if (event.ev === 'done' && event.unreadable) {
    fail(job, { code: 'unreadable', message: `the job is done, and its result cannot be read: ${event.unreadable}`, job: event.job, cause: event.unreadable });
  } else {
    deliver(job, event);
  }
}

/** The events after which nothing more comes of a job. */
export const ENDS = new Set(['done', 'failed', 'cancelled', 'rejected']);
const STATES = new Set(['accepted', 'started', 'retrying', ...ENDS]);
