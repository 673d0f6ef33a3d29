// The chunks of one job as an async iterator.

import { JobError } from './errors.js';

/** @typedef {{ n: number, data: any }} Chunk */

/** @implements {AsyncIterableIterator<Chunk>} */
export class ChunkStream {
  #job;
  #max;
  /** Came, and not taken yet. @type {Chunk[]} */
  #waiting = [];
  /** Taken, and not come yet. @type {{ resolve: (r: IteratorResult<Chunk, undefined>) => void, reject: (e: Error) => void }[]} */
  #takers = [];
  #ended = false;
  /** Thrown once, after the chunks that came before it. @type {Error | undefined} */
  #error;

  /** @param {import('./job.js').JobHandle} job @param {number} max */
  constructor(job, max) {
    this.#job = job;
    this.#max = max;
    if (job.ended) this.#end(job.error);
    else {
      // Listening starts here, not at the first `next()`: a chunk in between would be lost.
      job.addEventListener('chunk', this.#onChunk);
      for (const end of ENDS) job.addEventListener(end, this.#onEnd);
    }
  }

  [Symbol.asyncIterator]() {
    return this;
  }

  /** @returns {Promise<IteratorResult<Chunk, undefined>>} */
  next() {
    const chunk = this.#waiting.shift();
    if (chunk) return Promise.resolve({ value: chunk, done: false });
    if (this.#error) {
      const error = this.#error;
      this.#error = undefined;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** `break` out of the loop lands here. The job goes on. */
  return() {
    this.#waiting = [];
    this.#end(undefined);
    return Promise.resolve({ value: undefined, done: /** @type {const} */ (true) });
  }

  /** @param {Event} event */
  #onChunk = (event) => {
    const { n, data, unreadable } = /** @type {CustomEvent} */ (event).detail;
    if (unreadable) return this.#end(new JobError({ code: 'unreadable', message: `a chunk cannot be read: ${unreadable}`, job: this.#job.uuid, cause: unreadable }));
    const taker = this.#takers.shift();
    if (taker) taker.resolve({ value: { n, data }, done: false });
    else if (this.#waiting.length < this.#max) this.#waiting.push({ n, data });
    else this.#end(new RangeError(`more than ${this.#max} chunks wait to be taken`));
  };

  #onEnd = () => this.#end(this.#job.error);

  /** @param {Error | undefined} error */
  #end(error) {
    this.#job.removeEventListener('chunk', this.#onChunk);
    for (const end of ENDS) this.#job.removeEventListener(end, this.#onEnd);
    this.#ended = true;
    const [first, ...others] = this.#takers.splice(0);
    if (!first || !error) this.#error = error;
    else first.reject(error);
    for (const taker of error ? others : first ? [first, ...others] : []) {
      taker.resolve({ value: undefined, done: true });
    }
  }
}

const ENDS = ['done', 'failed', 'cancelled', 'rejected'];
