// The server's time, which may not be the reader's: as the newest tick told it, and since then by a
// clock that is never set.

export class Clock {
  #at = null;
  #since = 0;
  #elapsed;

  /** @param {() => number} [elapsed] ms from any moment on */
  constructor(elapsed = () => performance.now()) {
    this.#elapsed = elapsed;
  }

  /** The server just said what time it is. */
  set(at) {
    if (at === this.#at) return;
    this.#at = at;
    this.#since = this.#elapsed();
  }

  /** In ms since 1970; the reader's own time until the server has told its. */
  now() {
    return this.#at === null ? Date.now() : this.#at + this.#elapsed() - this.#since;
  }
}
