// How long jobs took, from submit to outcome.

export class Trips {
  /** In ms, the shortest first. @type {number[]} */
  #sorted = [];

  add(ms) {
    const at = this.#sorted.findIndex((other) => other > ms);
    this.#sorted.splice(at < 0 ? this.#sorted.length : at, 0, ms);
  }

  /** The shortest, the one in the middle and the longest; null before there is one. */
  get told() {
    const all = this.#sorted;
    return all.length === 0 ? null : { min: all[0], median: all[Math.floor(all.length / 2)], max: all.at(-1) };
  }
}
