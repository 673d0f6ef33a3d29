// What a reload finds of a picture that is not finished: its view, and what is known of each tile. In the
// `sessionStorage`, where the client keeps the jobs.

const KEY = 'acequia.picture';

/**
 * What happened to a tile, in ms since the picture was begun.
 *
 * @typedef {object} Run
 * @property {string | null} worker who has or had it, if that was heard of
 * @property {number} from when it got it
 * @property {number | null} to when it was done; null while it runs
 * @property {number | null} trip how long its job took, from submit to outcome
 */

export class Kept {
  #storage = storage();

  /** A picture begins; what was kept of another one is over. */
  begin(picture) {
    this.clear();
    this.#write(KEY, JSON.stringify(picture));
  }

  /** @param {number} index of the tile @param {Run} run @param {Uint16Array} [counts] once it is done */
  tile(index, run, counts) {
    // Each count is a character of its own: none is as high as a surrogate.
    this.#write(`${KEY} ${index}`, `${JSON.stringify(run)}\n${counts ? textOf(counts) : ''}`);
  }

  /** Nobody has the tile any more. */
  drop(index) {
    this.#storage?.removeItem(`${KEY} ${index}`);
  }

  /** The picture as it was begun, with `tiles`: what is known of each; null if there is none. */
  load() {
    try {
      const picture = JSON.parse(this.#storage?.getItem(KEY) ?? 'null');
      return picture && { ...picture, tiles: new Map(this.#tiles()) };
    } catch {
      return null; // nothing that this page wrote
    }
  }

  /** The picture is finished, or given up. */
  clear() {
    for (const key of this.#keys()) this.#storage.removeItem(key);
  }

  *#tiles() {
    for (const key of this.#keys()) {
      if (key === KEY) continue;
      const [run] = this.#storage.getItem(key).split('\n', 1);
      const counts = this.#storage.getItem(key).slice(run.length + 1);
      yield [Number(key.slice(KEY.length)), { ...JSON.parse(run), counts: counts && countsOf(counts) }];
    }
  }

  #keys() {
    return Object.keys(this.#storage ?? {}).filter((key) => key === KEY || key.startsWith(`${KEY} `));
  }

  #write(key, text) {
    try {
      this.#storage?.setItem(key, text);
    } catch {
      this.drop(Number(key.slice(KEY.length))); // full: after a reload this tile is computed again
    }
  }
}

/** Storage may be refused: the page then does without. */
function storage() {
  try {
    return sessionStorage;
  } catch {
    return undefined;
  }
}

/** So many characters at a time: more arguments than a call may have would not do. */
const AT_ONCE = 8192;

function textOf(counts) {
  let text = '';
  for (let at = 0; at < counts.length; at += AT_ONCE) text += String.fromCharCode(...counts.subarray(at, at + AT_ONCE));
  return text;
}

const countsOf = (text) => Uint16Array.from(text, (character) => character.charCodeAt(0));
