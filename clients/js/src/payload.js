// What may be a payload: what the session's encoding can say without changing it.

import { NESTING_MAX } from './limits.js';

/**
 * The payload as it goes to the encoder: `toJSON` was asked, keys without a value are left out. The
 * same in both encodings, but for bytes, NaN and the infinities, which JSON does not have.
 *
 * @param {unknown} payload @param {boolean} isBinary whether the encoding is MessagePack
 * @throws {TypeError} if the worker would get something else than what was meant
 */
export function plain(payload, isBinary) {
  if (payload === undefined) throw new TypeError('submit: no payload; `null` says that there is none');
  return new Walk(isBinary).value(payload, 1);
}

class Walk {
  #isBinary;
  /** Where we are, for the error. @type {(string | number)[]} */
  #path = [];

  /** @param {boolean} isBinary */
  constructor(isBinary) {
    this.#isBinary = isBinary;
  }

  /** @param {any} value @param {number} depth of containers, with this one if it is one @returns {any} */
  value(value, depth) {
    switch (typeof value) {
      case 'boolean':
        return value;
      case 'string':
        // JSON can write down half of a surrogate pair; MessagePack would put another character there.
        return this.#isBinary && value.isWellFormed?.() === false ? this.#refuse('half of a surrogate pair') : value;
      case 'number':
        return this.#isBinary || Number.isFinite(value) ? value : this.#refuse(String(value));
      case 'bigint':
        if (typeof (/** @type {any} */ (value).toJSON) === 'function') return this.value(/** @type {any} */ (value).toJSON(), depth);
        return this.#isBinary ? value : this.#refuse('a BigInt'); // the codec has its own word on it
      case 'object':
        return value === null ? null : this.#object(value, depth);
      default:
        return this.#refuse(value === undefined ? 'undefined' : `a ${typeof value}`);
    }
  }

  /** @param {any} object @param {number} depth */
  #object(object, depth) {
    if (depth > NESTING_MAX) return this.#refuse(`nested more than ${NESTING_MAX} levels deep, or in itself`);
    if (ArrayBuffer.isView(object) || object instanceof ArrayBuffer) return this.#bytes(object);
    if (typeof object.toJSON === 'function') return this.value(object.toJSON(this.#path.at(-1) ?? ''), depth + 1);
    if (Array.isArray(object)) return this.#array(object, depth);
    const tag = Object.prototype.toString.call(object).slice(8, -1);
    // The contents of a Map, a Blob, a Promise and their like are not in their keys.
    if (tag !== 'Object') return this.#refuse(`a ${tag}`);
    return this.#map(object, depth);
  }

  /** @param {any} bytes */
  #bytes(bytes) {
    if (!this.#isBinary) return this.#refuse('bytes, which need a MessagePack session: pass the option `codec`');
    return bytes instanceof Uint8Array ? bytes : this.#refuse(`a ${bytes.constructor?.name}: make a Uint8Array of it`);
  }

  /** @param {any[]} array @param {number} depth */
  #array(array, depth) {
    /** @type {any[] | undefined} */
    let copy;
    for (let i = 0; i < array.length; i++) {
      this.#path.push(i);
      const value = this.value(array[i], depth + 1);
      this.#path.pop();
      if (value !== array[i] && !Number.isNaN(value)) (copy ??= array.slice())[i] = value;
    }
    return copy ?? array;
  }

  /** @param {Record<string, any>} map @param {number} depth */
  #map(map, depth) {
    /** @type {[string, any][]} */
    const entries = [];
    let changed = false;
    for (const key of Object.keys(map)) {
      const own = map[key];
      if (own === undefined) {
        changed = true; // JSON leaves it out
        continue;
      }
      this.#path.push(key);
      const value = this.value(own, depth + 1);
      this.#path.pop();
      changed ||= value !== own && !Number.isNaN(value);
      entries.push([key, value]);
    }
    return changed ? Object.fromEntries(entries) : map;
  }

  /** @param {string} what @returns {never} */
  #refuse(what) {
    const at = this.#path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('');
    throw new TypeError(`submit: payload${at} is ${what}, and would not reach the worker as it is`);
  }
}
