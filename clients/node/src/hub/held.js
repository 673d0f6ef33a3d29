// The jobs that this process holds, of all servers.

/**
 * @typedef {import('./lane.js').Lane} Lane
 *
 * @typedef {object} Place where jobs run
 * @property {(jobs: import('../parcel.js').Taken[], maxBody: number) => void} take
 * @property {(refs: number[], isVoid: boolean) => void} cancel
 * @property {(ref: number) => void} ended
 *
 * @typedef {{ ref: number, id: Uint8Array, lane: Lane, place: Place }} One
 */

/** A job is held from the moment it is read until its last word is on its way. */
export class Held {
  /** @type {Map<number, One>} */
  #all = new Map();
  #last = 0;

  /** Takes a job in. @param {Uint8Array} id @param {Lane} lane @param {Place} place */
  add(id, lane, place) {
    do this.#last = (this.#last + 1) >>> 0;
    while (this.#all.has(this.#last));
    this.#all.set(this.#last, { ref: this.#last, id, lane, place });
    lane.held += 1;
    return this.#last;
  }

  /** @param {number} ref */
  get(ref) {
    return this.#all.get(ref);
  }

  /** @param {One} one */
  remove(one) {
    this.#all.delete(one.ref);
    one.lane.held -= 1;
  }

  /** The job of that id, which it is rarely asked for. @param {Lane} lane @param {Buffer} id */
  find(lane, id) {
    for (const one of this.#all.values()) if (one.lane === lane && id.equals(one.id)) return one;
  }

  /** Lets go of all that the lane held, and tells who runs it. @param {Lane} lane */
  void(lane) {
    if (lane.held === 0) return;
    /** @type {Map<Place, number[]>} */
    const places = new Map();
    for (const one of this.#all.values()) {
      if (one.lane !== lane) continue;
      this.remove(one);
      const refs = places.get(one.place);
      if (refs) refs.push(one.ref);
      else places.set(one.place, [one.ref]);
    }
    for (const [place, refs] of places) place.cancel(refs, true);
  }
}
