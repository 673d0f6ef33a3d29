// The live jobs by correlation id: what an event, a loss and a welcome do to them.

import { LostError } from './errors.js';
import { deliver, fail } from './job.js';
import { afterReplay, fate, isSafe, keepsPart, loss } from './recovery.js';

/**
 * The id of a `cancel` for a job that there never was. Its answer comes after all that was sent
 * again, so it marks the end of a replay. The ids of jobs are numbers.
 */
const REPLAY_END = 'replay-end';

/** @typedef {import('./entry.js').Entry} Entry */

export class LiveJobs {
  #policy;
  #outbox;
  /** In the order of submission. @type {Map<number, Entry>} */
  #entries = new Map();
  /** Sent on a lost connection and maybe not known to the server; the replay may have word of them. @type {Entry[]} */
  #unsure = [];

  /** @param {import('./recovery.js').Policy} policy @param {import('./outbox.js').Outbox} outbox */
  constructor(policy, outbox) {
    this.#policy = policy;
    this.#outbox = outbox;
  }

  /** @returns {Entry[]} */
  get entries() {
    return [...this.#entries.values()];
  }

  /** @param {Entry} entry */
  add(entry) {
    this.#entries.set(entry.job.id, entry);
  }

  /** @param {number} id @param {boolean} open whether there is a connection to say so on */
  cancel(id, open) {
    const entry = this.#entries.get(id);
    if (!entry || entry.cancelling) return;
    if (!entry.sent) return this.end(entry, { ev: 'cancelled' }); // the server need never know
    entry.cancelling = true;
    entry.saved = null;
    if (open) this.#outbox.op({ op: 'cancel', id });
  }

  /** An event about a job. @param {any} event */
  hear(event) {
    const entry = this.#entries.get(event.id);
    if (!entry) return; // of a job that ended here before the server knew, or that has ended already
    if (event.ev === 'rejected' && event.code === 'draining' && this.#policy.reconnects) {
      entry.sent = false; // for the server that comes next; the end of this connection is near
      entry.saved = null;
      return;
    }
    const accepted = entry.accepted || event.ev === 'accepted';
    if (!entry.heard || accepted !== entry.accepted) {
      Object.assign(entry, { heard: true, accepted, saved: null });
      if (accepted && !keepsPart(entry, this.#policy)) entry.part = null;
    }
    if (event.ev === 'rejected' && event.code === 'duplicate_id' && entry.repeated) return; // it is live
    deliver(entry.job, event);
    if (entry.job.ended) this.#entries.delete(event.id);
  }

  /** Events are missing, maybe the one that told how a job ended. @param {any} gap */
  missed({ id }) {
    const entry = this.#entries.get(id);
    if (entry) this.lose(entry, { code: 'outcome_lost', message: 'the job has ended, and the server does not know any more how' });
  }

  /** Whether an `error` is no more than the answer to one of our cancels. @param {any} error */
  expects(error) {
    if (error.code !== 'bad_request' || error.id === undefined) return false;
    if (error.id === REPLAY_END) this.#replayEnded();
    // Any other cancel was for a job that has ended, or that the server never had.
    const entry = this.#entries.get(error.id);
    if (entry?.cancelling) this.end(entry, { ev: 'cancelled' });
    return true;
  }

  /** Says again, on a new connection, what must be. @param {boolean} resumed @param {boolean} hadSession */
  welcome(resumed, hadSession) {
    for (const entry of this.entries) this.#meet(entry, fate(entry, resumed, this.#policy), hadSession);
    if (this.#unsure.length > 0) this.#outbox.op({ op: 'cancel', id: REPLAY_END });
  }

  /** The connection ended. @param {boolean} resumable whether there is a session to go on with */
  disconnect(resumable) {
    this.#unsure = [];
    if (resumable) return; // the next welcome decides
    for (const entry of this.entries) this.#meet(entry, fate(entry, false, this.#policy), false);
  }

  #replayEnded() {
    for (const entry of this.#unsure.splice(0)) {
      if (!isSafe(entry) && !entry.job.ended) this.#meet(entry, afterReplay(entry, this.#policy), true);
    }
  }

  /** @param {Entry} entry @param {import('./recovery.js').Fate} fate @param {boolean} hadSession */
  #meet(entry, fate, hadSession) {
    switch (fate) {
      case 'send':
        entry.repeated ||= entry.sent;
        entry.sent = entry.heard = entry.accepted = false;
        entry.saved = null;
        this.#outbox.job(entry);
        break;
      case 'unsure':
        this.#unsure.push(entry);
        break;
      case 'cancel':
        this.#outbox.op({ op: 'cancel', id: entry.job.id });
        break;
      case 'lost':
        this.lose(entry, loss(entry, hadSession));
        break;
    }
  }

  /** @param {Entry} entry @param {{ code: string, message: string }} why */
  lose(entry, { code, message }) {
    this.#entries.delete(entry.job.id);
    fail(entry.job, code, message, LostError);
  }

  /** All end with `closed`. */
  close() {
    for (const { job } of this.entries) {
      this.#entries.delete(job.id);
      fail(job, 'closed', 'the client was closed before the job ended');
    }
  }

  /** Ends a job without the server's word. @param {Entry} entry @param {any} event */
  end(entry, event) {
    this.#entries.delete(entry.job.id);
    deliver(entry.job, { ...event, id: entry.job.id });
  }
}
