// Puts a session and its live jobs into a storage, and takes them out after a reload.

import { restored, saved, savedLean } from './entry.js';
import { Job } from './job.js';
import { Store } from './store.js';

/** The storage of one client. Trouble with it is told once, and then it is let go of. */
export class Shelf {
  #store;
  #format;
  #trouble;
  #broken = false;
  /** As it was written last. @type {{ secret: string | null, last: number }} */
  #written = { secret: null, last: 0 };

  /**
   * @param {import('./index.js').SessionStorage} storage @param {string} key
   * @param {import('./format.js').Format} format @param {(why: string) => void} trouble
   */
  constructor(storage, key, format, trouble) {
    this.#store = new Store(storage, key);
    this.#format = format;
    this.#trouble = trouble;
  }

  /** Whether the session is still this client's to go on with. */
  get mine() {
    try {
      return this.#broken || this.#store.mine;
    } catch {
      return true; // a storage that cannot be read, of which the next `save` tells
    }
  }

  /**
   * Fills the session, and returns its jobs.
   * @param {import('./session.js').Session} session @param {(id: number) => void} cancel
   */
  load(session, cancel) {
    const saved = this.#take();
    if (!saved) return [];
    let entries;
    try {
      entries = saved.jobs.map((from) => restored(new Job(from.id, () => cancel(from.id), from.label, { ...from, restored: true }), from, this.#format));
    } catch {
      return []; // somebody else's, like all that cannot be understood
    }
    session.secret = saved.secret;
    session.last = saved.last;
    return entries;
  }

  #take() {
    try {
      const saved = this.#store.load();
      this.#written = { secret: saved?.secret ?? null, last: saved?.last ?? 0 };
      return saved;
    } catch (error) {
      this.#broken = true; // a storage that cannot be written
      queueMicrotask(() => this.#trouble(`the session cannot be kept for a reload: ${error}`)); // once somebody listens
      return null;
    }
  }

  /**
   * Writes down what has changed. `all`: the live jobs, if they must be written as a whole.
   * @param {import('./session.js').Session} session @param {import('./changes.js').Changes} changes
   * @param {() => import('./entry.js').Kept[]} all
   */
  save({ secret, last }, changes, all) {
    if (this.#broken || (changes.none && secret === this.#written.secret && last === this.#written.last)) return;
    const text = (/** @type {import('./entry.js').Kept} */ entry) => saved(entry, this.#format);
    const store = this.#store;
    // A page may store 5 MB or so, which what is of no use any more fills, or a few payloads.
    const whole = (/** @type {boolean} */ room) => store.replace(secret, last, all().map(text), room);
    const lean = () => store.replace(secret, last, all().map((entry) => JSON.stringify(savedLean(entry))), false);
    try {
      firstThatWorks([() => store.append(secret, last, [...changes.touched].map(text), [...changes.gone]), () => whole(false), lean]);
      if (store.isBloated) firstThatWorks([() => whole(true), () => whole(false), lean]);
      this.#written = { secret, last };
    } catch (error) {
      // What is there is out of date: to go on from it would bring back what has ended.
      this.clear();
      this.#broken = true;
      this.#trouble(`the session cannot be kept for a reload: ${error}`);
    }
    changes.clear();
  }

  /** The session will not go on here. */
  clear() {
    try {
      this.#store.clear();
    } catch {} // nor will the next page be able to read it
  }
}

/** @param {(() => void)[]} tries @throws what the last of them threw */
function firstThatWorks([attempt, ...others]) {
  try {
    attempt();
  } catch (error) {
    if (others.length === 0) throw error;
    firstThatWorks(others);
  }
}

/**
 * The `sessionStorage` of this page, if it has one that it may use.
 * @param {(why: string) => void} trouble
 */
export function pageStorage(trouble) {
  let why = 'there is no sessionStorage here';
  try {
    if (globalThis.sessionStorage) return globalThis.sessionStorage;
  } catch (error) {
    why = String(error); // the user's settings, or a frame in a sandbox
  }
  queueMicrotask(() => trouble(`the session cannot be kept for a reload: ${why}`)); // once somebody listens
  return undefined;
}
