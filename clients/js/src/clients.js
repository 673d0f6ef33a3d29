// The clients of this page by what they keep: one key of a storage is one client.

/** @typedef {import('./client.js').Acequia} Acequia */

/** @type {WeakMap<object, Map<string, Acequia>>} */
const all = new WeakMap();

/**
 * The live client that has the key. Code that runs twice (React's StrictMode, a module that was
 * loaded anew) gets the same one: two would take each other's session.
 *
 * @param {object} storage @param {string} key
 */
export function clientOf(storage, key) {
  return all.get(storage)?.get(key);
}

/** @param {object} storage @param {string} key @param {Acequia} client */
export function remember(storage, key, client) {
  const keys = all.get(storage) ?? new Map();
  all.set(storage, keys.set(key, client));
}

/** @param {object} storage @param {string} key @param {Acequia} client */
export function forget(storage, key, client) {
  if (clientOf(storage, key) === client) all.get(storage)?.delete(key);
}
