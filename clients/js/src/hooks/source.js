// Where hooks get their client from: one that the page has made, or one that is made when it is first needed.

/** @typedef {import('../index.js').Acequia} Acequia */

/**
 * A function that makes a client is not called while anything is rendered, so neither on a server nor for what
 * is never shown. The client that it made is closed when nobody holds the source any more, in a later
 * turn: who lets go and takes hold again in one turn, as React's StrictMode does, keeps the session.
 */
export class Source {
  #make;
  /** @type {Acequia | undefined} */
  #client;
  #holders = 0;

  /** @param {Acequia | (() => Acequia)} given */
  constructor(given) {
    this.#make = typeof given === 'function' ? given : undefined;
    this.#client = typeof given === 'function' ? undefined : given;
  }

  /** Not to be asked for while rendering. */
  get client() {
    if (!this.#client && this.#make) {
      this.#client = this.#make();
      // Those who are inside of what holds it come first; one that nobody is about to hold is closed.
      if (this.#holders === 0) this.#closeSoon();
    }
    return /** @type {Acequia} */ (this.#client);
  }

  /** Returns what lets go. */
  hold() {
    this.#holders += 1;
    return () => {
      this.#holders -= 1;
      if (this.#holders === 0) this.#closeSoon();
    };
  }

  #closeSoon() {
    if (!this.#make) return; // it is the page's own
    setTimeout(() => {
      if (this.#holders > 0) return;
      this.#client?.close();
      this.#client = undefined;
    });
  }
}

/**
 * @param {Acequia | null | undefined} client that of the hook itself
 * @param {Source | null | undefined} shared that of the page
 * @param {string} remedy
 */
export function sourceOf(client, shared, remedy) {
  const source = client ? new Source(client) : shared;
  if (!source) throw new Error(`there is no client: give the hook a \`client\`, or ${remedy}`);
  return source;
}
