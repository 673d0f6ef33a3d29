// What waits for the end of this turn, and leaves together.

import { messages } from './format.js';
import { later } from './later.js';
import { MESSAGE_BYTES_MAX } from './limits.js';
import { Pace } from './pace.js';

/** Gathers ops of one turn, and calls `flush` at its end. */
export class Outbox {
  #format;
  #flush;
  #changes;
  #flushing = false;
  #pace = new Pace();
  #stopTimer = () => {};
  /** @type {(import('./format.js').Part | import('./entry.js').Entry)[]} */
  #items = [];

  /**
   * @param {import('./format.js').Format} format @param {import('./changes.js').Changes} changes
   * @param {() => void} flush
   */
  constructor(format, changes, flush) {
    this.#format = format;
    this.#changes = changes;
    this.#flush = flush;
  }

  /** A connection begins, and nothing waits for it. @param {number} opsPerS that the server takes */
  begin(opsPerS) {
    this.clear();
    this.#pace.begin(opsPerS, performance.now());
  }

  /** @param {object} op */
  op(op) {
    this.#items.push(this.#format.encode(op));
    this.wake();
  }

  /** A job that is to be submitted, unless it ends before. @param {import('./entry.js').Entry} entry */
  job(entry) {
    this.#items.push(entry);
    this.wake();
  }

  /** Flushes at the end of this turn, even if nothing is to be sent. */
  wake() {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  get empty() {
    return this.#items.length === 0;
  }

  clear() {
    this.#items = [];
    this.#stopTimer();
  }

  /**
   * Empties it into messages, as far as the server takes ops now. A job that no message can hold is
   * told to `refuse`: the server would hang up on it, again at each time it is sent.
   *
   * @param {number | undefined} maxBytes
   * @param {(entry: import('./entry.js').Entry, message: string) => void} refuse
   */
  messages(maxBytes = MESSAGE_BYTES_MAX, refuse) {
    const parts = [];
    const items = this.#items;
    this.#items = [];
    const allowed = this.#pace.allowed(performance.now());
    let at = 0;
    for (; at < items.length && parts.length < allowed; at++) {
      const item = items[at];
      if (typeof item === 'string' || item instanceof Uint8Array) {
        parts.push(item);
      } else if (item.part !== null && !item.job.ended) {
        if (this.#format.size(item.part) > maxBytes) {
          refuse(item, `the job has ${this.#format.size(item.part)} bytes; a message holds at most ${maxBytes}`);
        } else {
          item.sent = true;
          this.#changes.touch(item);
          parts.push(item.part);
        }
      }
    }
    this.#pace.spend(parts.length);
    if (at < items.length) {
      this.#items = at === 0 ? items : items.slice(at);
      this.#stopTimer();
      this.#stopTimer = later(this.#pace.waitMs, () => this.wake());
    }
    return [...messages(parts, this.#format, maxBytes)];
  }
}
