// How long to wait before a server that took a connection and dropped it is dialled again.

const PAUSE_MIN_MS = 50;
const PAUSE_MAX_MS = 5_000;

export class Backoff {
  #tries = 0;

  /** The server was heard of. */
  reset() {
    this.#tries = 0;
  }

  /** Anything up to a ceiling that doubles, so that the workers of a server that restarts do not all come at one time. */
  pauseMs() {
    const ceiling = Math.min(PAUSE_MIN_MS * 2 ** this.#tries, PAUSE_MAX_MS);
    this.#tries += 1;
    return Math.random() * ceiling;
  }
}
