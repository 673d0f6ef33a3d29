// The ends of batches, as promises.

import { Again, AGAIN_MS } from './again.js';
import { heed } from './beginning.js';
import { LostError } from './errors.js';
import { promised } from './promised.js';

/**
 * @typedef {object} Awaited a batch whose end somebody waits for
 * @property {number} id of its op, for the answer that is an error
 * @property {boolean} sent on some connection
 * @property {Set<ReturnType<typeof promised>>} waiters
 */

export class Batches {
  #say;
  #again = new Again();
  /** By name. @type {Map<string, Awaited>} */
  #awaited = new Map();

  /** @param {(op: object) => boolean} say says an op once what it may be about is said; false: there is no connection */
  constructor(say) {
    this.#say = say;
  }

  /**
   * @param {string} name @param {() => number} nextId @param {import('./index.js').AbortSignalLike} [signal]
   * @returns {Promise<any>} the next `batch` event of that name
   */
  watch(name, nextId, signal) {
    const known = this.#awaited.get(name);
    const awaited = known ?? { id: nextId(), sent: false, waiters: new Set() };
    const waiter = promised();
    awaited.waiters.add(waiter);
    heed(signal, waiter.promise, (reason) => {
      awaited.waiters.delete(waiter);
      if (awaited.waiters.size === 0 && this.#awaited.get(name) === awaited) this.#awaited.delete(name);
      waiter.reject(reason);
    });
    if (!known) {
      this.#awaited.set(name, awaited);
      this.#ask(name, awaited);
    }
    return waiter.promise;
  }

  /** @param {any} event */
  ended(event) {
    for (const { resolve } of this.#take(event.batch)) resolve(event);
  }

  /** An `error`. Returns whether it is about one of these. @param {any} error */
  refused({ id, code, message }) {
    const found = [...this.#awaited].find(([, awaited]) => awaited.id === id);
    if (!found) return false;
    const [name, awaited] = found;
    if (code === 'rate_limited') this.#again.in(AGAIN_MS, () => this.#awaited.get(name) === awaited && this.#ask(name, awaited));
    else this.#fail(name, new LostError({ code, message }));
    return true;
  }

  /** A new connection. */
  welcome() {
    for (const [name, awaited] of this.#awaited) this.#ask(name, awaited);
  }

  disconnect() {
    this.#again.clear();
  }

  /** None that was never asked about will be heard of. @param {{ code: string, message: string }} why */
  giveUp(why) {
    for (const [name, { sent }] of this.#awaited) if (!sent) this.#fail(name, new LostError(why));
  }

  /** @param {Error} error */
  endAll(error) {
    for (const name of this.#awaited.keys()) this.#fail(name, error);
  }

  /** @param {string} name @param {Awaited} awaited */
  #ask(name, awaited) {
    if (this.#say({ op: 'watch', id: awaited.id, batch: name })) awaited.sent = true;
  }

  /** @param {string} name @param {Error} error */
  #fail(name, error) {
    for (const { reject } of this.#take(name)) reject(error);
  }

  /** Those who wait for it, and do so no more. @param {string} name */
  #take(name) {
    const waiters = this.#awaited.get(name)?.waiters ?? [];
    this.#awaited.delete(name);
    return waiters;
  }
}
