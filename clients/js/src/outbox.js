// What waits for the end of this turn, and leaves together.

import { messages } from './format.js';

/** What a message may hold until a `welcome` says otherwise; the server's own default. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Gathers ops of one turn, and calls `flush` at its end. */
export class Outbox {
  #format;
  #flush;
  #flushing = false;
  /** @type {(import('./format.js').Part | import('./entry.js').Entry)[]} */
  #items = [];

  /** @param {import('./format.js').Format} format @param {() => void} flush */
  constructor(format, flush) {
    this.#format = format;
    this.#flush = flush;
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
  }

  /**
   * Empties it into messages. A job that no message can hold is told to `refuse`: the server would
   * hang up on it, again at each time it is sent.
   *
   * @param {number | undefined} maxBytes
   * @param {(entry: import('./entry.js').Entry, message: string) => void} refuse
   */
  messages(maxBytes = MESSAGE_BYTES_MAX, refuse) {
    const parts = [];
    for (const item of this.#items.splice(0)) {
      if (typeof item === 'string' || item instanceof Uint8Array) {
        parts.push(item);
      } else if (item.part !== null && !item.job.ended) {
        if (this.#format.size(item.part) > maxBytes) {
          refuse(item, `a message holds at most ${maxBytes} bytes`);
        } else {
          item.sent = true;
          item.saved = null;
          parts.push(item.part);
        }
      }
    }
    return [...messages(parts, this.#format, maxBytes)];
  }
}
