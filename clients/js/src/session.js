// What a client must know to come back: the secret of its session and how far it has heard. Pure.

/**
 * ```text
 * none ──welcome with a secret──▶ resumable ──welcome, resumed──▶ resumable, goes on
 *                                     └──welcome, not resumed──▶ resumable anew, or none
 * ```
 */
export class Session {
  #wanted;
  /** Like a password: whoever has it gets the events of the session. @type {string | null} */
  secret = null;
  /** The highest `seq` that was heard. */
  last = 0;

  /** @param {boolean} wanted whether to ask for a session that can be resumed */
  constructor(wanted) {
    this.#wanted = wanted;
  }

  get resumable() {
    return this.secret !== null;
  }

  /** Another has gone on with it; what there is now is read anew. */
  reset() {
    this.secret = null;
    this.last = 0;
  }

  /** What this adds to the next `hello`. */
  hello() {
    if (!this.#wanted) return {};
    return this.secret === null ? { resume: true } : { resume: this.secret, last: this.last };
  }

  /**
   * Whether the session goes on. If not, it is a new one, or one that cannot be resumed.
   * @param {{ session?: string, resumed: boolean }} welcome
   */
  welcome({ session, resumed }) {
    const goesOn = resumed && this.resumable;
    if (!goesOn) this.last = 0;
    this.secret = session ?? (goesOn ? this.secret : null);
    return goesOn;
  }

  /**
   * Whether an event is new, and notes it. Numbers only grow, not always by one; events without a
   * number are always new.
   * @param {{ seq?: number }} event
   */
  hear({ seq }) {
    if (seq === undefined) return true;
    if (seq <= this.last) return false;
    this.last = seq;
    return true;
  }
}
