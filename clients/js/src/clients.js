// The clients of this page by what they keep: one storage key is one client.

/** @typedef {import('./client.js').Acequia} Acequia */
/** @typedef {{ client: Acequia, speaks: string }} Known */

/** @type {WeakMap<object, Map<string, Known>>} */
const all = new WeakMap();

/**
 * The live client that has the key. Code that runs twice (React's StrictMode, a module that was
 * loaded anew) gets the same one: two would take each other's session.
 *
 * @param {object} storage @param {string} key @param {string} speaks encoding and URL
 * @returns {Acequia | undefined}
 * @throws {TypeError} if it is of another server or encoding
 */
export function clientOf(storage, key, speaks) {
  const known = all.get(storage)?.get(key);
  if (known && known.speaks !== speaks) {
    throw new TypeError(`another client of this page has the storage key \`${key}\`, for ${known.speaks}: name another as \`storageKey\``);
  }
  return known?.client;
}

/** @param {object} storage @param {string} key @param {Known} known */
export function remember(storage, key, known) {
  const keys = all.get(storage) ?? new Map();
  all.set(storage, keys.set(key, known));
}

/** @param {object} storage @param {string} key @param {Acequia} client */
export function forget(storage, key, client) {
  if (all.get(storage)?.get(key)?.client === client) all.get(storage)?.delete(key);
}
