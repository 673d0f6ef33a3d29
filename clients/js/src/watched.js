// One job that others submitted, and all here who watch it.

import { abandon, fail, tell } from './job.js';

/** @typedef {import('./job.js').Job} Job */

/**
 * One id at the server, however many watch the job here: each of them has an object of its own, and each
 * of these is told of each event once. There is no op for watching no more, so it is there until the job
 * ends, also while nobody here wants it: `idle`.
 */
export class Watched {
  // What of it is written down, as of an entry.
  /** @type {{ id: number, uuid: string, label?: any }} */
  job;
  part = null;
  watched = true;
  idle = false;
  sent = false;
  heard = false;
  accepted = false;
  cancelling = false;

  /** Whether it will be said again on this connection. */
  isHeld = false;

  /** @type {Set<Job>} */
  #jobs = new Set();
  /** That of the page before this one, which nobody has asked for yet. @type {Job | undefined} */
  #unclaimed;
  /** What is past, for who comes later. @type {{ accepted?: any, started?: any }} */
  #past = {};
  #mayRepeat = false;

  /** @param {number} id @param {string} uuid */
  constructor(id, uuid) {
    this.job = { id, uuid };
  }

  /** As a storage had it. @param {import('./entry.js').Entry} entry */
  static restored({ job, idle, sent, heard, accepted, cancelling }) {
    const { id, uuid, label } = job;
    const watched = Object.assign(new Watched(id, /** @type {string} */ (uuid)), { idle, sent, heard, accepted, cancelling });
    watched.job.label = label;
    if (accepted) watched.#past.accepted = { ev: 'accepted', id, job: uuid };
    if (!idle) watched.#jobs.add((watched.#unclaimed = /** @type {Job} */ (job)));
    return watched;
  }

  /** Those who watch it. */
  get jobs() {
    return [...this.#jobs];
  }

  /** Whether the server need be told of it. */
  get isWanted() {
    return !this.idle || this.cancelling;
  }

  /** The one from before the page was loaded again is whoever's asks first. @returns {Job | undefined} */
  claim() {
    const job = this.#unclaimed;
    this.#unclaimed = undefined;
    return job;
  }

  /** One more watches it. What is past it is told as soon as it can listen. @param {Job} job */
  join(job) {
    this.#jobs.add(job);
    this.idle = false;
    const { accepted, started } = this.#past;
    if (accepted) queueMicrotask(() => tell(job, accepted));
    if (started) queueMicrotask(() => tell(job, started));
  }

  /** @param {Job} job @param {unknown} reason */
  leave(job, reason) {
    this.#jobs.delete(job);
    this.idle = this.#jobs.size === 0;
    abandon(job, reason);
  }

  /** The server is asked again. @param {boolean} mayRepeat it may not know what was told before */
  said(mayRepeat) {
    this.sent = true;
    this.#mayRepeat = mayRepeat;
  }

  /** @param {any} event */
  tell(event) {
    if (this.#isRepeated(event)) return;
    if (event.ev === 'accepted' || event.ev === 'started') this.#past[/** @type {'accepted' | 'started'} */ (event.ev)] = event;
    else if (event.ev === 'retrying') this.#past.started = undefined;
    for (const job of this.jobs) tell(job, event);
  }

  /** Whether an event is the answer to a `watch` that was said again, and told already. @param {any} event */
  #isRepeated(event) {
    if (event.ev === 'accepted') return this.#past.accepted !== undefined;
    const mayBe = this.#mayRepeat;
    this.#mayRepeat = false; // only what comes first is of the past
    const { started } = this.#past;
    return mayBe && event.ev === 'started' && event.attempt === started?.attempt && event.worker === started?.worker;
  }

  /** @param {{ code: string, message: string }} why @param {typeof import('./errors.js').JobError} [Kind] */
  fail(why, Kind) {
    for (const job of this.jobs) fail(job, why, Kind);
  }
}
