// A `Storage` in memory; what is in it can be had as an object, for a tab that is copied.

export class MemoryStorage {
  #items;
  /** How many characters fit. */
  room = Infinity;

  constructor(items = {}) {
    this.#items = new Map(Object.entries(items));
  }

  get items() {
    return Object.fromEntries(this.#items);
  }

  getItem(key) {
    return this.#items.get(key) ?? null;
  }

  setItem(key, value) {
    if (value.length > this.room) throw new Error('QuotaExceededError');
    this.#items.set(key, value);
  }

  removeItem(key) {
    this.#items.delete(key);
  }

  /** What the storage has of a page that is gone: as after a reload, or in the copy of a tab. */
  copy() {
    return new MemoryStorage(this.items);
  }
}
