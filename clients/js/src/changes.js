// What has to be written down of the live jobs, since it was written last.

/** @typedef {import('./entry.js').Kept} Kept */

export class Changes {
  #wanted;
  /** @type {Set<Kept>} */
  touched = new Set();
  /** Ids of jobs that are live no more. @type {Set<number>} */
  gone = new Set();

  /** @param {boolean} wanted whether anybody writes anything down */
  constructor(wanted) {
    this.#wanted = wanted;
  }

  get none() {
    return this.touched.size === 0 && this.gone.size === 0;
  }

  /** @param {Kept} entry */
  touch(entry) {
    if (this.#wanted) this.touched.add(entry);
  }

  /** @param {Kept} entry */
  drop(entry) {
    if (!this.#wanted) return;
    this.touched.delete(entry);
    this.gone.add(entry.job.id);
  }

  clear() {
    this.touched.clear();
    this.gone.clear();
  }

  /** Nothing is written down any more. */
  stop() {
    this.#wanted = false;
    this.clear();
  }
}
