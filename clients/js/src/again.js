// What a server did not take now, and is said again on the same connection.

import { later } from './later.js';

/** Until an op is said again, where the server names no time. */
export const AGAIN_MS = 1_000;

export class Again {
  /** @type {Set<() => void>} */
  #stops = new Set();

  /** Unless the connection ends before. @param {number} ms @param {() => void} act */
  in(ms, act) {
    const stop = later(ms, () => {
      this.#stops.delete(stop);
      act();
    });
    this.#stops.add(stop);
  }

  /** The connection has ended. */
  clear() {
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }
}
