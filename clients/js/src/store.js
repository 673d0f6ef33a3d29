// Where a session waits while its page is loaded again.

/**
 * Entries of a `Storage`, owned by one client at a time: whoever loaded them last. A client that is
 * not the owner any more neither writes nor clears them.
 *
 * The head, under the key itself, is JSON: `owner`, `v`, `secret`, `last`, `first`, `next`. `owner`
 * comes first, so that a look at the beginning tells whose it is. The jobs are a journal in segments,
 * from `first` up to `next`, under the key and their number: `jobs` that are new or got further, and
 * the ids of those that are `gone`. So what a turn writes is what changed in it. A segment is written
 * before the head that counts it.
 */
export class Store {
  #storage;
  #key;
  #stamp = `{"owner":${JSON.stringify(randomName())},`;
  #first = 0;
  #next = 0;
  #bytes = 0;
  /** Of the jobs alone, when they were written as a whole. */
  #wholeBytes = 0;

  /** @param {import('./index.js').SessionStorage} storage @param {string} key */
  constructor(storage, key) {
    for (const method of /** @type {const} */ (['getItem', 'setItem', 'removeItem'])) {
      if (typeof storage[method] !== 'function') throw new TypeError(`the storage has no \`${method}\``);
    }
    this.#storage = storage;
    this.#key = key;
  }

  /**
   * Takes possession, and returns what is there. What cannot be read counts as nothing.
   * @returns {Saved | null}
   */
  load() {
    const found = this.#read();
    [this.#first, this.#next] = found ? [found.first, found.next] : [0, 0];
    this.#bytes = this.#wholeBytes = found?.bytes ?? 0;
    this.#writeHead(found?.secret ?? null, found?.last ?? 0);
    return found && { secret: found.secret, last: found.last, jobs: found.jobs };
  }

  /** Whether no other client has loaded it since. */
  get mine() {
    return this.#storage.getItem(this.#key)?.startsWith(this.#stamp) ?? false;
  }

  /** Whether most of what is there is of no use any more. */
  get isBloated() {
    return this.#bytes > 2 * this.#wholeBytes + SLACK_BYTES;
  }

  /**
   * @param {string | null} secret @param {number} last
   * @param {string[]} jobs new or further than they were, as JSON @param {number[]} gone
   * @throws if the storage is full
   */
  append(secret, last, jobs, gone) {
    if (!this.mine) return;
    if (jobs.length > 0 || gone.length > 0) {
      const text = `{"jobs":[${jobs}],"gone":[${gone}]}`;
      this.#storage.setItem(this.#segment(this.#next), text);
      this.#next += 1;
      this.#bytes += text.length;
    }
    this.#writeHead(secret, last);
  }

  /**
   * All jobs, in place of what is there. If there is `room`, the old goes after the new has come.
   * @param {string | null} secret @param {number} last @param {string[]} jobs as JSON @param {boolean} room
   * @throws if the storage is full
   */
  replace(secret, last, jobs, room) {
    if (!this.mine) return;
    const [first, next] = [this.#first, this.#next];
    if (!room) this.#remove(first, next);
    this.#first = next;
    this.#bytes = 0;
    try {
      this.append(secret, last, jobs, []);
    } catch (error) {
      this.#first = first; // for whoever tries again
      throw error;
    }
    this.#wholeBytes = this.#bytes;
    if (room) this.#remove(first, next);
  }

  /** The session will not go on here. */
  clear() {
    if (!this.mine) return;
    this.#remove(this.#first, this.#next);
    this.#storage.removeItem(this.#key);
  }

  /** @param {number} n */
  #segment(n) {
    return `${this.#key} ${n}`;
  }

  /** @param {number} first @param {number} next */
  #remove(first, next) {
    for (let n = first; n < next; n++) this.#storage.removeItem(this.#segment(n));
  }

  /** @param {string | null} secret @param {number} last */
  #writeHead(secret, last) {
    const of = `"v":${VERSION},"secret":${JSON.stringify(secret)},"last":${last},"first":${this.#first},"next":${this.#next}`;
    this.#storage.setItem(this.#key, `${this.#stamp}${of}}`);
  }

  /** Null if it cannot be understood; what the storage throws goes through. */
  #read() {
    const head = understood(this.#storage.getItem(this.#key), isHead);
    if (!head) return null;
    /** @type {Map<number, SavedJob>} */
    const jobs = new Map();
    let bytes = 0;
    for (let n = head.first; n < head.next; n++) {
      const text = this.#storage.getItem(this.#segment(n));
      const segment = understood(text, isSegment);
      if (!segment) return null;
      for (const job of segment.jobs) jobs.set(job.id, job);
      for (const id of segment.gone) jobs.delete(id);
      bytes += /** @type {string} */ (text).length;
    }
    return { ...head, jobs: [...jobs.values()], bytes };
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
 * @property {boolean} [watched]
 * @property {boolean} [idle]
 * @property {string} [part] the op as text, while it may have to be sent again
 * @property {any} [label]
 */

const VERSION = 2;
/** What may be of no use before it is worth writing the rest anew. */
const SLACK_BYTES = 64 * 1024;

/** @param {string | null} text @param {(value: any) => boolean} isRight @returns {any} */
function understood(text, isRight) {
  try {
    const value = JSON.parse(text ?? 'null');
    return isRight(value) ? value : null;
  } catch {
    return null;
  }
}

const isCount = (/** @type {any} */ value) => Number.isSafeInteger(value) && value >= 0;

/** @param {any} head */
function isHead({ v, secret, last, first, next }) {
  return v === VERSION && (secret === null || typeof secret === 'string') && isCount(last) && isCount(first) && isCount(next) && first <= next;
}

/** @param {any} segment */
function isSegment({ jobs, gone }) {
  return jobs.every((/** @type {any} */ job) => Number.isSafeInteger(job.id)) && gone.every(Number.isSafeInteger);
}

function randomName() {
  return Math.random().toString(36).slice(2) + Date.now().toString(36);
}
