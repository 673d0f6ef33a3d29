// Where a session waits while its page is loaded again.

/**
 * One entry of a `Storage`, owned by one client at a time: whoever loaded it last. A client that is
 * not the owner any more neither writes nor clears it.
 *
 * The record is JSON: `owner`, `v`, `secret`, `last`, `jobs`. `owner` comes first, so that a look at
 * the beginning tells whose it is.
 */
export class Store {
  #storage;
  #key;
  #stamp = `{"owner":${JSON.stringify(randomName())},`;

  /** @param {import('./index.js').SessionStorage} storage @param {string} key */
  constructor(storage, key) {
    for (const method of /** @type {const} */ (['getItem', 'setItem', 'removeItem'])) {
      if (typeof storage[method] !== 'function') throw new TypeError(`the storage has no \`${method}\``);
    }
    this.#storage = storage;
    this.#key = key;
    const keys = taken.get(storage) ?? new Set();
    if (keys.has(key)) throw new TypeError(`another client of this page has the storage key \`${key}\`: name another as \`storageKey\``);
    taken.set(storage, keys.add(key));
  }

  /**
   * Takes possession, and returns what is there. What cannot be read counts as nothing.
   * @returns {Saved | null}
   */
  load() {
    const saved = understood(this.#storage.getItem(this.#key));
    this.#write(saved?.secret ?? null, saved?.last ?? 0, (saved?.jobs ?? []).map((job) => JSON.stringify(job)));
    return saved;
  }

  /** Whether no other client has loaded it since. */
  get mine() {
    return this.#storage.getItem(this.#key)?.startsWith(this.#stamp) ?? false;
  }

  /**
   * @param {string | null} secret @param {number} last @param {string[]} jobs as JSON
   * @throws if the storage is full
   */
  save(secret, last, jobs) {
    if (this.mine) this.#write(secret, last, jobs);
  }

  /** The session will not go on here. */
  clear() {
    if (this.mine) this.#storage.removeItem(this.#key);
    this.release();
  }

  /** What is there stays, for the next client. */
  release() {
    taken.get(this.#storage)?.delete(this.#key);
  }

  /** @param {string | null} secret @param {number} last @param {string[]} jobs */
  #write(secret, last, jobs) {
    this.#storage.setItem(this.#key, `${this.#stamp}"v":${VERSION},"secret":${JSON.stringify(secret)},"last":${last},"jobs":[${jobs}]}`);
  }
}

/**
 * @typedef {object} Saved
 * @property {string | null} secret
 * @property {number} last the highest `seq` whose event has been dealt with
 * @property {SavedJob[]} jobs those that were live, in the order of submission
 *
 * @typedef {object} SavedJob
 * @property {number} id
 * @property {string} [uuid]
 * @property {boolean} [sent]
 * @property {boolean} [heard]
 * @property {boolean} [accepted]
 * @property {boolean} [cancelling]
 * @property {boolean} [keyed]
 * @property {string} [part] the op as text, while it may have to be sent again
 * @property {any} [label]
 */

const VERSION = 1;

/** Two clients of a page under one key would take each other's session. @type {WeakMap<object, Set<string>>} */
const taken = new WeakMap();

/** @param {string | null} text @returns {Saved | null} */
function understood(text) {
  try {
    const { v, secret, last, jobs } = JSON.parse(text ?? 'null');
    const known = v === VERSION && (secret === null || typeof secret === 'string') && Number.isSafeInteger(last) && last >= 0;
    if (!known || !jobs.every((/** @type {any} */ job) => Number.isSafeInteger(job.id))) return null;
    return { secret, last, jobs };
  } catch {
    return null;
  }
}

function randomName() {
  return Math.random().toString(36).slice(2) + Date.now().toString(36);
}
