// No more ops in a second than the server takes: what it refuses is work for both, and comes late.

/** So long at least between two helpings of what had to wait. */
const HELPING_MS = 50;

export class Pace {
  #perS = Infinity;
  #left = Infinity;
  #atMs = 0;

  /** A connection begins, and its greeting counted. @param {number} perS @param {number} nowMs */
  begin(perS, nowMs) {
    this.#perS = perS;
    this.#left = perS - 1;
    this.#atMs = nowMs;
  }

  /** How many ops may go now. @param {number} nowMs */
  allowed(nowMs) {
    if (this.#perS !== Infinity) {
      this.#left = Math.min(this.#perS, this.#left + ((nowMs - this.#atMs) / 1000) * this.#perS);
      this.#atMs = nowMs;
    }
    return Math.floor(this.#left + 1e-9); // a second's worth is a second's worth
  }

  /** @param {number} ops */
  spend(ops) {
    this.#left -= ops;
  }

  /** Until more may go. */
  get waitMs() {
    return Math.max(HELPING_MS, Math.ceil(((1 - this.#left) / this.#perS) * 1000));
  }
}
