// How long is waited in silence: for the first connection, and for one that was lost.

import { later } from './later.js';

/** An outage that lasts longer is worth a word. */
const OUTAGE_MS = 10_000;

/**
 * For the first connection there is a time, after which what waits for it ends. A connection that was
 * lost is tried for as long as the caller allows, and told of once.
 */
export class Patience {
  #ms;
  #onOver;
  #onOutage;
  #hadOne = false;
  #stopTimer = () => {};
  #isArmed = false;
  /** @type {number | null} */
  #downSinceMs = null;
  #hasTold = false;

  /** @param {number} ms for the first connection @param {{ over: () => void, outage: () => void }} on */
  constructor(ms, { over, outage }) {
    if (typeof ms !== 'number' || !(ms >= 0)) throw new TypeError('the option `readyTimeoutMs` must be a number of milliseconds');
    this.#ms = ms;
    this.#onOver = over;
    this.#onOutage = outage;
  }

  /** Something waits for the first connection. */
  arm() {
    if (this.#hadOne || this.#isArmed || this.#ms === Infinity) return;
    this.#isArmed = true;
    this.#stopTimer = later(this.#ms, () => {
      this.#isArmed = false;
      this.#onOver();
    });
  }

  /** There is a connection, or a session of one that the page before this had. */
  had() {
    this.#hadOne = true;
    this.#downSinceMs = null;
    this.#hasTold = false;
    this.stop();
  }

  /** A connection was lost, or not to be had. */
  down() {
    const now = performance.now();
    this.#downSinceMs ??= now;
    if (this.#hasTold || (this.#hadOne && now - this.#downSinceMs < OUTAGE_MS)) return;
    this.#hasTold = true;
    this.#onOutage();
  }

  stop() {
    this.#isArmed = false;
    this.#stopTimer();
  }
}
