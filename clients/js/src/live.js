// The live jobs by correlation id: what an event, a loss and a welcome do to them.

import { Again, AGAIN_MS } from './again.js';
import { LostError } from './errors.js';
import { abandon, deliver, ENDS, fail, tell } from './job.js';
import { afterReplay, fate, isSafe, keepsPart, loss } from './recovery.js';

/**
 * How the id of a `cancel` for a job that there never was begins. Its answer comes after all that was
 * sent again, so it marks the end of a replay. It is another one each time: the answer to the one
 * before may be among what is sent again. The ids of jobs are numbers.
 */
const REPLAY_END = 'replay-end-';

/** Refusals that pass. Of a job that the server may have, they say nothing of that job. */
const PASSING = new Set(['rate_limited', 'queue_full', 'too_many_jobs', 'storage']);
/** What comes too late for a job that ended meanwhile: answers to a `cancel` or a `watch`. */
const LATE = new Set(['bad_request', 'not_found', 'too_many_jobs', 'duplicate_id', 'rate_limited']);

/** @typedef {import('./entry.js').Entry} Entry */

export class LiveJobs {
  #policy;
  #outbox;
  #changes;
  /** In the order of submission. @type {Map<number, Entry>} */
  #entries = new Map();
  /** What marks the end of the replay on this connection. */
  #mark = '';
  /** Sent on a lost connection and maybe not known to the server; the replay may have word of them. @type {Entry[]} */
  #unsure = [];
  /** What waits for these. @type {(() => void)[]} */
  #afterReplay = [];
  #again = new Again();

  /**
   * @param {import('./recovery.js').Policy} policy @param {import('./outbox.js').Outbox} outbox
   * @param {import('./changes.js').Changes} changes
   */
  constructor(policy, outbox, changes) {
    this.#policy = policy;
    this.#outbox = outbox;
    this.#changes = changes;
  }

  /** @returns {Entry[]} */
  get entries() {
    return [...this.#entries.values()];
  }

  /** @param {number} id */
  get(id) {
    return this.#entries.get(id);
  }

  /** @param {Entry} entry */
  add(entry) {
    this.#entries.set(entry.job.id, entry);
    this.#changes.touch(entry);
  }

  /** @param {number} id @param {boolean} open whether there is a connection to say so on */
  cancel(id, open) {
    const entry = this.#entries.get(id);
    if (!entry || entry.cancelling) return;
    if (!entry.sent) return this.end(entry, { ev: 'cancelled' }); // the server need never know
    entry.cancelling = true;
    this.#changes.touch(entry);
    if (open) this.#outbox.op({ op: 'cancel', id });
  }

  /** Its submitter does not wait for the server's word. @param {number} id @param {unknown} reason @param {boolean} open */
  abort(id, reason, open) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    abandon(entry.job, reason);
    this.cancel(id, open);
  }

  /** An event about a job. @param {any} event */
  hear(event) {
    const entry = this.#entries.get(event.id);
    if (!entry) return; // of a job that ended here before the server knew, or that has ended already
    if (event.ev === 'rejected') return this.#refused(entry, event);
    const accepted = entry.accepted || event.ev === 'accepted';
    if (!entry.heard || accepted !== entry.accepted) {
      Object.assign(entry, { heard: true, accepted });
      if (accepted && !keepsPart(entry, this.#policy)) entry.part = null;
      this.#changes.touch(entry);
    }
    tell(entry.job, event);
    if (ENDS.has(event.ev)) this.#drop(entry);
  }

  /** @param {Entry} entry @param {any} event */
  #refused(entry, event) {
    const { code, message, retry_after_ms: afterMs } = event;
    if (code === 'draining' && this.#policy.reconnects) {
      if (!entry.repeated) entry.sent = false; // for the server that comes next; the end of this connection is near
      this.#changes.touch(entry);
    } else if (!entry.repeated) {
      this.end(entry, event);
    } else if (code === 'duplicate_id') {
      entry.heard = true; // it is live
      this.#changes.touch(entry);
    } else if (PASSING.has(code)) {
      this.#again.in(afterMs ?? AGAIN_MS, () => !entry.job.ended && this.#outbox.job(entry));
    } else {
      const why = `sent again after a lost connection, it was refused (${code}: ${message}); the first one may have run, or run now`;
      this.lose(entry, { code: 'connection_lost', message: why });
    }
  }

  /** Events are missing, maybe the one that told how a job ended. @param {any} gap */
  missed({ id }) {
    const entry = this.#entries.get(id);
    if (entry) this.lose(entry, { code: 'outcome_lost', message: 'the job has ended, and the server does not know any more how' });
  }

  /** Whether an `error` is no more than the answer to one of our cancels, or came too late. @param {any} error */
  expects(error) {
    const { id, code } = error;
    if (typeof id === 'string' && id.startsWith(REPLAY_END)) {
      if (id !== this.#mark) return true;
      // One that was one too many in its second may have overtaken the replay.
      if (code === 'rate_limited') this.#again.in(AGAIN_MS, () => this.#outbox.op({ op: 'cancel', id }));
      else this.#replayEnded();
      return true;
    }
    const entry = this.#entries.get(id);
    if (code === 'rate_limited' && entry?.cancelling) {
      this.#again.in(AGAIN_MS, () => this.#entries.has(id) && this.#outbox.op({ op: 'cancel', id }));
      return true;
    }
    if (id === undefined || !LATE.has(code)) return false;
    // Any other cancel was for a job that has ended, or that the server never had.
    if (code === 'bad_request' && entry?.cancelling) this.end(entry, { ev: 'cancelled' });
    return true;
  }

  /** Says again, on a new connection, what must be. @param {boolean} resumed @param {boolean} hadSession */
  welcome(resumed, hadSession) {
    for (const entry of this.entries) this.#meet(entry, fate(entry, resumed, this.#policy), hadSession);
    this.#mark = REPLAY_END + Math.random().toString(36).slice(2);
    if (this.#unsure.length > 0) this.#outbox.op({ op: 'cancel', id: this.#mark });
  }

  /** The connection ended. @param {boolean} resumable whether there is a session to go on with */
  disconnect(resumable) {
    this.#unsure = [];
    this.#afterReplay = [];
    this.#again.clear();
    if (resumable) return; // the next welcome decides
    for (const entry of this.entries) this.#meet(entry, fate(entry, false, this.#policy), false);
  }

  /** Once all that must be submitted again is on its way, on this connection. @param {() => void} act */
  afterReplay(act) {
    if (this.#unsure.length === 0) act();
    else this.#afterReplay.push(act);
  }

  #replayEnded() {
    for (const entry of this.#unsure.splice(0)) {
      if (!isSafe(entry) && this.#entries.has(entry.job.id)) this.#meet(entry, afterReplay(entry, this.#policy), true);
    }
    for (const act of this.#afterReplay.splice(0)) act();
  }

  /** @param {Entry} entry @param {import('./recovery.js').Fate} fate @param {boolean} hadSession */
  #meet(entry, fate, hadSession) {
    switch (fate) {
      case 'send':
        entry.repeated ||= entry.sent;
        entry.sent = entry.repeated;
        entry.heard = entry.accepted = false;
        this.#changes.touch(entry);
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
  lose(entry, why) {
    this.#drop(entry);
    fail(entry.job, why, LostError);
  }

  /** All end, with the truth about each. @param {(entry: Entry) => void} end */
  endAll(end) {
    this.disconnect(true);
    for (const entry of this.entries) end(entry);
  }

  /** Ends a job without the server's word. @param {Entry} entry @param {any} event */
  end(entry, event) {
    this.#drop(entry);
    deliver(entry.job, { ...event, id: entry.job.id });
  }

  /** @param {Entry} entry */
  #drop(entry) {
    this.#entries.delete(entry.job.id);
    this.#changes.drop(entry);
  }
}
