// The watched jobs by correlation id: what an event, a refusal, a loss and a welcome do to them.

import { Again, AGAIN_MS } from './again.js';
import { LostError } from './errors.js';
import { ENDS, Job } from './job.js';
import { Watched } from './watched.js';

/**
 * A job that is watched is the server's, and so is its outcome: after any loss it is asked for again,
 * which does no harm where it was not needed.
 */
export class Watches {
  #outbox;
  #changes;
  #isOpen;
  #again = new Again();
  /** @type {Map<number, Watched>} */
  #byId = new Map();
  /** @type {Map<string, Watched>} */
  #byJob = new Map();

  /**
   * @param {import('./outbox.js').Outbox} outbox @param {import('./changes.js').Changes} changes
   * @param {() => boolean} isOpen whether there is a connection to say something on
   */
  constructor(outbox, changes, isOpen) {
    this.#outbox = outbox;
    this.#changes = changes;
    this.#isOpen = isOpen;
  }

  get entries() {
    return [...this.#byId.values()];
  }

  /** @returns {Job[]} */
  get jobs() {
    return this.entries.flatMap(({ jobs }) => jobs);
  }

  /** @param {import('./entry.js').Entry} entry as a storage had it */
  restore(entry) {
    const known = this.#byJob.get(/** @type {string} */ (entry.job.uuid));
    if (known) known.cancelling ||= entry.cancelling; // another page went on with it
    else this.#add(Watched.restored(entry));
  }

  /**
   * An object for one more who watches a job, and what lets go of it.
   * @param {string} uuid @param {any} label @param {() => number} nextId
   * @returns {[job: Job, leave: (reason: unknown) => void]}
   */
  watch(uuid, label, nextId) {
    const watched = this.#byJob.get(uuid) ?? this.#add(new Watched(nextId(), uuid));
    const { id } = watched.job;
    let job = watched.claim();
    if (!job) {
      // One that nobody wanted may not have been said on this connection.
      const isNew = watched.jobs.length === 0;
      job = new Job(id, () => this.cancel(id), label, { uuid });
      watched.join(job);
      if (isNew && this.#isOpen()) this.#say(watched, true);
    } else if (label !== undefined) {
      job.label = label;
    }
    if (label !== undefined) watched.job.label = label;
    this.#touch(watched);
    return [job, (reason) => this.#leave(watched, /** @type {Job} */ (job), reason)];
  }

  /** For all who are told of the job. Returns whether it is one of these. @param {number} id */
  cancel(id) {
    const watched = this.#byId.get(id);
    if (watched && !watched.cancelling) {
      watched.cancelling = true;
      this.#touch(watched);
      if (this.#isOpen()) this.#outbox.op({ op: 'cancel', id });
    }
    return watched !== undefined;
  }

  /** An event about a job. Returns whether it is one of these. @param {any} event */
  hear(event) {
    const watched = this.#byId.get(event.id);
    if (!watched) return false;
    const accepted = watched.accepted || event.ev === 'accepted';
    if (!watched.heard || accepted !== watched.accepted) {
      Object.assign(watched, { heard: true, accepted });
      this.#changes.touch(watched);
    }
    // First, since who hears the outcome may ask for it again.
    if (ENDS.has(event.ev)) this.#drop(watched);
    watched.tell(event);
    return true;
  }

  /** The outcome is not known any more. Returns whether it is of one of these. @param {any} gap */
  missed({ id }) {
    const watched = this.#byId.get(id);
    if (watched) this.#lose(watched, { code: 'outcome_lost', message: 'the job has ended, and the server does not know any more how' });
    return watched !== undefined;
  }

  /** An `error`. Returns whether it is about one of these. @param {any} error */
  refused({ id, code, message }) {
    const watched = this.#byId.get(id);
    if (!watched) return false;
    // What was watched before will have room again; and a cancel is for naught where the watch did not get through.
    const passes = code === 'rate_limited' || (code === 'too_many_jobs' && watched.heard) || (code === 'bad_request' && watched.cancelling);
    if (passes) this.#later(watched);
    else this.#lose(watched, { code, message });
    return true;
  }

  /** Says, on a new connection, what must be. @param {boolean} resumed */
  welcome(resumed) {
    for (const watched of this.entries) {
      if (watched.isWanted) this.#say(watched, !resumed);
      else if (!resumed) this.#drop(watched);
    }
  }

  disconnect() {
    this.#again.clear();
    for (const watched of this.entries) watched.isHeld = false;
  }

  /** None that was never said will be heard of. @param {{ code: string, message: string }} why */
  giveUp(why) {
    for (const watched of this.entries) if (!watched.sent) this.#lose(watched, why);
  }

  /** @param {{ code: string, message: string }} why @param {typeof import('./errors.js').JobError} [Kind] */
  endAll(why, Kind) {
    for (const watched of this.entries) {
      this.#drop(watched);
      watched.fail(why, Kind);
    }
  }

  /** @param {Watched} watched @param {Job} job @param {unknown} reason */
  #leave(watched, job, reason) {
    watched.leave(job, reason);
    if (this.#byId.get(watched.job.id) !== watched) return;
    if (watched.sent || watched.isWanted) this.#touch(watched);
    else this.#drop(watched);
  }

  /** @param {Watched} watched */
  #later(watched) {
    if (watched.isHeld) return;
    watched.isHeld = true;
    this.#again.in(AGAIN_MS, () => {
      watched.isHeld = false;
      if (this.#byId.get(watched.job.id) === watched && watched.isWanted) this.#say(watched, true);
    });
  }

  /** @param {Watched} watched @param {boolean} mayRepeat the server may tell what it told before */
  #say(watched, mayRepeat) {
    const { id, uuid } = watched.job;
    watched.said(mayRepeat);
    this.#changes.touch(watched);
    this.#outbox.op({ op: 'watch', id, job: uuid });
    if (watched.cancelling) this.#outbox.op({ op: 'cancel', id });
  }

  /** @param {Watched} watched @param {{ code: string, message: string }} why */
  #lose(watched, why) {
    this.#drop(watched);
    watched.fail(why, LostError);
  }

  /** Is written down at the end of this turn, whether there is a connection or not. @param {Watched} watched */
  #touch(watched) {
    this.#changes.touch(watched);
    this.#outbox.wake();
  }

  /** @param {Watched} watched */
  #add(watched) {
    this.#byId.set(watched.job.id, watched);
    this.#byJob.set(watched.job.uuid, watched);
    return watched;
  }

  /** @param {Watched} watched */
  #drop(watched) {
    this.#byId.delete(watched.job.id);
    this.#byJob.delete(watched.job.uuid);
    this.#changes.drop(watched);
  }
}
