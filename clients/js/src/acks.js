// When to tell the server what it may forget. Pure.

// The server holds back `progress`, `chunk` and `message` once about 1,000 events or 1 MiB are not
// acknowledged, so an ack goes out long before that, yet far less often than events come.
const EVENTS_MAX = 100;
const BYTES_MAX = 128 * 1024;
/** After the first event that was not acknowledged. */
export const ACK_WITHIN_MS = 1_000;

/** What was heard since the last ack. An ack that rides along with other ops costs next to nothing. */
export class Acks {
  /** @type {number | null} */
  #seq = null;
  #events = 0;
  #bytes = 0;
  #sinceMs = 0;

  /**
   * An event was heard. Says whether an ack is due: `now`, or `later`, which is at the latest after
   * `ACK_WITHIN_MS`. The clock is looked at here too, since timers of hidden pages are late.
   *
   * @param {number} seq @param {number} bytes @param {number} nowMs
   * @returns {'now' | 'later'}
   */
  heard(seq, bytes, nowMs) {
    if (this.#seq === null) this.#sinceMs = nowMs;
    this.#seq = seq;
    this.#events += 1;
    this.#bytes += bytes;
    const due = this.#events >= EVENTS_MAX || this.#bytes >= BYTES_MAX || nowMs - this.#sinceMs >= ACK_WITHIN_MS;
    return due ? 'now' : 'later';
  }

  /** The number to acknowledge, if there is one that was not taken yet. @returns {number | null} */
  take() {
    const seq = this.#seq;
    this.reset();
    return seq;
  }

  /** The next `hello` says how far we are, or the session is another. */
  reset() {
    this.#seq = null;
    this.#events = this.#bytes = 0;
  }
}
