// Whether anybody is still there: a connection that froze says nothing, not even that it has ended.

import { later } from './later.js';

const NOW = () => performance.now();

/**
 * After a silence it asks, and without an answer in time the connection is dead. The server's pings
 * cannot be seen from a page, so they prove nothing here.
 *
 * ```text
 * quiet ──silence, or something sent and not answered──▶ asked ──no answer──▶ dead
 *   ▲                                                      │
 *   └───────────────────── anything heard ◀────────────────┘
 * ```
 */
export class Liveness {
  #everyMs;
  #timeoutMs;
  #handler;
  #heardAtMs = 0;
  /** The first thing that was sent since something was heard. @type {number | null} */
  #sentAtMs = null;
  /** @type {number | null} */
  #askedAtMs = null;
  /** Whether a late timer has been forgiven since something was heard. */
  #forgave = false;
  #isOn = false;
  #dueAtMs = Infinity;
  #stopTimer = () => {};

  /**
   * @param {{ everyMs?: number, timeoutMs?: number } | false | undefined} options
   * @param {{ ask: () => void, dead: (silentMs: number) => void }} handler
   */
  constructor(options, handler) {
    const { everyMs = 20_000, timeoutMs = 10_000 } = options || {};
    this.#everyMs = options === false ? Infinity : everyMs;
    this.#timeoutMs = timeoutMs;
    this.#handler = handler;
  }

  start() {
    this.#isOn = this.#everyMs !== Infinity;
    this.heard();
    this.#arm();
  }

  stop() {
    this.#isOn = false;
    this.#dueAtMs = Infinity;
    this.#stopTimer();
  }

  /** The timer is not moved at each event: it sees for itself that it came too early. */
  heard() {
    const isAnswer = this.#askedAtMs !== null;
    this.#heardAtMs = NOW();
    this.#sentAtMs = this.#askedAtMs = null;
    this.#forgave = false;
    if (isAnswer && this.#isOn) this.#arm();
  }

  sent() {
    if (!this.#isOn || this.#sentAtMs !== null) return;
    this.#sentAtMs = NOW();
    this.#arm();
  }

  /** There is reason to doubt: the page was away, or the network is another. */
  doubt() {
    if (this.#isOn && this.#askedAtMs === null) this.#ask();
  }

  #ask() {
    this.#askedAtMs = NOW();
    this.#handler.ask();
    this.#arm();
  }

  get #due() {
    if (this.#askedAtMs !== null) return this.#askedAtMs + this.#timeoutMs;
    const silence = this.#heardAtMs + this.#everyMs;
    return this.#sentAtMs === null ? silence : Math.min(silence, this.#sentAtMs + this.#everyMs / 4);
  }

  #arm() {
    const due = this.#due;
    if (due >= this.#dueAtMs) return;
    this.#dueAtMs = due;
    this.#stopTimer();
    this.#stopTimer = later(Math.max(due - NOW(), 0), () => this.#look());
  }

  #look() {
    this.#dueAtMs = Infinity;
    const late = NOW() - this.#due;
    if (late < 0) return this.#arm();
    if (this.#askedAtMs === null) return this.#ask();
    if (late > this.#timeoutMs && !this.#forgave) {
      // The machine slept, or the page: the answer may be there, and wait to be read.
      this.#forgave = true;
      return this.#ask();
    }
    this.stop();
    this.#handler.dead(Math.round(NOW() - this.#heardAtMs));
  }
}
