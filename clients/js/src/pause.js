// How long to wait before the next dial.

import { TIMER_MS_MAX } from './later.js';

/**
 * Doubling, with jitter, up to a limit. Gives up after `retries` pauses without a `reset`, which by
 * default is never.
 */
export class Pause {
  #minMs;
  #maxMs;
  #retries;
  #count = 0;

  /** @param {{ minMs?: number, maxMs?: number, retries?: number } | false} [options] `false`: never dial again */
  constructor(options = {}) {
    const { minMs = 250, maxMs = 15_000, retries = Infinity } = options || { retries: 0 };
    this.#minMs = Math.max(minMs, 1); // nought doubles to nought
    this.#maxMs = Math.min(maxMs, TIMER_MS_MAX);
    this.#retries = retries;
  }

  /**
   * In ms; null when it is time to give up.
   * @param {unknown} [asked] what the server asked for. It spreads the return of its clients, so the
   *   first pause is just that; but no server can ask to be dialled without end.
   */
  next(asked) {
    if (this.#count >= this.#retries) return null;
    const limit = Math.min(this.#maxMs, this.#minMs * 2 ** this.#count);
    this.#count += 1;
    // Half of it is random, so that the clients of a restarted server do not return as one.
    const own = limit * (0.5 + Math.random() / 2);
    if (typeof asked !== 'number' || !(asked >= 0)) return own;
    return Math.min(this.#count === 1 ? asked : Math.max(asked, own), TIMER_MS_MAX);
  }

  reset() {
    this.#count = 0;
  }
}
