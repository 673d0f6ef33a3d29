// A list that holds still: which rows it shows while nothing may move under somebody's hand.

/** @typedef {{ key: unknown, row: object, gone: boolean }} Shown */

export class Still {
  #keyOf;
  #isGone;
  /** @type {Shown[]} */
  #shown = [];

  /**
   * @param {(row: object) => unknown} keyOf
   * @param {(row: object, rows: object[]) => boolean} [isGone] of a row that is not among `rows` any
   *   more: whether there is no such thing now; by default always. A list of the newest loses also
   *   what is merely older.
   */
  constructor(keyOf, isGone = () => true) {
    this.#keyOf = keyOf;
    this.#isGone = isGone;
  }

  /**
   * What to show of `rows`. While it is held: those that were there, each in its place and as it now
   * is, the gone ones too; and how many are not shown, or gone.
   * @returns {{ shown: Shown[], newer: number, gone: number }}
   */
  next(rows, held) {
    if (!held || this.#shown.length === 0) {
      this.#shown = rows.map((row) => ({ key: this.#keyOf(row), row, gone: false }));
      return { shown: this.#shown, newer: 0, gone: 0 };
    }
    const now = new Map(rows.map((row) => [this.#keyOf(row), row]));
    this.#shown = this.#shown.map(({ key, row }) => {
      const found = now.get(key);
      now.delete(key);
      return found ? { key, row: found, gone: false } : { key, row, gone: this.#isGone(row, rows) };
    });
    return { shown: this.#shown, newer: now.size, gone: this.#shown.filter(({ gone }) => gone).length };
  }
}
