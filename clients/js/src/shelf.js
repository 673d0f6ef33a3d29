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
  /** @type {(() => void) | undefined} */
  #onLeave;

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
    return this.#broken || this.#store.mine;
  }

  /**
   * Fills the session, and returns its jobs.
   * @param {import('./session.js').Session} session @param {(id: number) => void} cancel
   */
  load(session, cancel) {
    const { secret, last, jobs } = this.#taken();
    session.secret = secret;
    session.last = last;
    return jobs.map((from) => restored(new Job(from.id, () => cancel(from.id), from.label, from), from, this.#format));
  }

  #taken() {
    try {
      const saved = this.#store.load();
      if (saved) return saved;
    } catch (error) {
      this.#broken = true; // a storage that cannot be written
      queueMicrotask(() => this.#trouble(`the session cannot be kept for a reload: ${error}`)); // once somebody listens
    }
    return { secret: null, last: 0, jobs: [] };
  }

  /** @param {import('./session.js').Session} session @param {import('./entry.js').Entry[]} entries */
  save({ secret, last }, entries) {
    if (this.#broken) return;
    try {
      this.#store.save(secret, last, entries.map((entry) => saved(entry, this.#format)));
    } catch {
      this.#saveLean(secret, last, entries);
    }
  }

  /** A page may store 5 MB or so, which a few payloads fill. @param {string | null} secret @param {number} last @param {import('./entry.js').Entry[]} entries */
  #saveLean(secret, last, entries) {
    try {
      this.#store.save(secret, last, entries.map((entry) => JSON.stringify(savedLean(entry))));
    } catch (error) {
      // What is there is out of date: to go on from it would bring back what has ended.
      this.#store.clear();
      this.#broken = true;
      this.#trouble(`the session cannot be kept for a reload: ${error}`);
    }
  }

  /** Calls `save` when the page is left or loaded again. @param {() => void} save */
  onLeave(save) {
    this.#onLeave = save;
    globalThis.addEventListener?.('pagehide', save);
  }

  /** The session will not go on here. */
  clear() {
    this.#store.clear();
  }

  /** What is there stays, for the next client. */
  release() {
    this.#store.release();
    if (this.#onLeave) globalThis.removeEventListener?.('pagehide', this.#onLeave);
  }
}
