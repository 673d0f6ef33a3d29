// Something that changes, as a framework wants to look at it: a snapshot, and word of each change.

/** @template Snapshot */
export class View {
  /** @type {Set<() => void>} */
  #listeners = new Set();
  /** @type {Snapshot | undefined} */
  #shown;
  #make;

  /** @param {() => Snapshot} make what is shown now; asked once for each change, and only if somebody looks */
  constructor(make) {
    this.#make = make;
  }

  /** The same object until something changes. @returns {Snapshot} */
  snapshot = () => (this.#shown ??= this.#make());

  /** Returns what ends it. @param {() => void} listener */
  subscribe = (listener) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  changed() {
    this.#shown = undefined;
    for (const listener of this.#listeners) listener();
  }
}
