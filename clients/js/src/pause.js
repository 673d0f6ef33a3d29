// How long to wait before the next dial.

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
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#retries = retries;
  }

  /** In ms; null when it is time to give up. */
  next() {
    if (this.#count >= this.#retries) return null;
    const limit = Math.min(this.#maxMs, this.#minMs * 2 ** this.#count);
    this.#count += 1;
    // Half of it is random, so that the clients of a restarted server do not return as one.
    return limit * (0.5 + Math.random() / 2);
  }

  reset() {
    this.#count = 0;
  }
}
