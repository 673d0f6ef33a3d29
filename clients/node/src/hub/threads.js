// The threads that run the handler of one queue, one job at a time each, as a place where jobs run.

import { failHead } from '../heads.js';
import { Failure, told } from '../failure.js';
import { Thread } from './thread.js';

/**
 * @typedef {object} Options
 * @property {string} queue
 * @property {string} module the URL of the module whose default export is the handler
 * @property {number} threads
 * @property {number} killAfterMs
 * @property {import('node:worker_threads').ResourceLimits} [resourceLimits]
 * @property {string[]} execArgv
 */

export class Threads {
  #options;
  #desk;
  /** @type {Set<Thread>} */
  #all = new Set();
  /** Jobs that no thread is free for. @type {{ taken: import('../parcel.js').Taken, maxBody: number }[]} */
  #waiting = [];

  /** @param {Options} options @param {import('./desk.js').Desk} desk */
  constructor(options, desk) {
    this.#options = options;
    this.#desk = desk;
  }

  /** Resolves when the first thread has loaded the handler. Rejects if it cannot. */
  async ready() {
    await this.#add().ready;
  }

  /** @param {import('../parcel.js').Taken[]} jobs @param {number} maxBody */
  take(jobs, maxBody) {
    for (const taken of jobs) this.#waiting.push({ taken, maxBody });
    this.#assign();
  }

  /** @param {number[]} refs @param {boolean} isVoid */
  cancel(refs, isVoid) {
    const those = new Set(refs);
    for (const thread of this.#all) if (thread.ref !== undefined && those.has(thread.ref)) thread.cancel(isVoid);
    const dropped = this.#waiting.filter(({ taken }) => those.has(taken.ref));
    this.#waiting = this.#waiting.filter(({ taken }) => !those.has(taken.ref));
    for (const { taken } of dropped) this.#desk.fail(taken.ref, failHead(told(Failure.cancelled())));
  }

  /** @param {number} ref */
  ended(ref) {
    for (const thread of this.#all) if (thread.ref === ref) thread.free();
    this.#assign();
  }

  /** Ends them all, once what they run has ended or was ended. */
  async close() {
    this.#waiting = [];
    await Promise.all([...this.#all].map((thread) => thread.close()));
  }

  /** Gives what waits to threads that are free, or made for it. */
  #assign() {
    while (this.#waiting.length > 0) {
      const thread = [...this.#all].find((each) => each.isFree) ?? (this.#all.size < this.#options.threads ? this.#add() : undefined);
      const next = thread && this.#waiting.shift();
      if (!next) return;
      thread.run(next.taken, next.maxBody);
    }
  }

  #add() {
    const thread = new Thread(this.#options, {
      deliver: (parcel, sent) => this.#desk.deliver(this, parcel, sent),
      gone: (ref, failure) => {
        this.#all.delete(thread);
        if (ref !== undefined) this.#desk.fail(ref, failHead(told(failure)));
        this.#assign();
      },
    });
    this.#all.add(thread);
    return thread;
  }
}
