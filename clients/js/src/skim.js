// Reads as much of an event in MessagePack as can be read, when the codec cannot read all of it.

/**
 * Each value of the map by itself. What cannot be read is left out, and `unreadable` says why.
 *
 * @param {Uint8Array} bytes @param {(bytes: Uint8Array) => any} decode
 * @returns {Record<string, any>}
 * @throws if it is no map of MessagePack
 */
export function salvage(bytes, decode) {
  const [entries, body] = mapHead(bytes);
  /** @type {Record<string, any>} */
  const event = {};
  let at = body;
  for (let i = 0; i < entries; i++) {
    const value = skip(bytes, at);
    const end = skip(bytes, value);
    try {
      const key = decode(bytes.slice(at, value));
      if (typeof key === 'string') event[key] = decode(bytes.slice(value, end));
    } catch (error) {
      event.unreadable ??= error;
    }
    at = end;
  }
  return event;
}

/** How many entries the map has, and where they begin. @param {Uint8Array} bytes @returns {[number, number]} */
function mapHead(bytes) {
  const tag = bytes[0];
  if (tag >= 0x80 && tag <= 0x8f) return [tag & 0x0f, 1];
  if (tag === 0xde) return [uint(bytes, 1, 2), 3];
  if (tag === 0xdf) return [uint(bytes, 1, 4), 5];
  throw new TypeError('it is no map');
}

/** Where the value ends that begins at `at`. @param {Uint8Array} bytes @param {number} at */
function skip(bytes, at) {
  for (let left = 1; left > 0; left--) {
    if (at >= bytes.length) throw new TypeError('it breaks off');
    const tag = bytes[at];
    if (tag <= 0x7f || tag >= 0xe0) at += 1;
    else if (tag <= 0x8f) [left, at] = [left + 2 * (tag & 0x0f), at + 1];
    else if (tag <= 0x9f) [left, at] = [left + (tag & 0x0f), at + 1];
    else if (tag <= 0xbf) at += 1 + (tag & 0x1f);
    else {
      const [head, more, times] = HEADS[tag - 0xc0];
      const size = more === 0 ? 0 : uint(bytes, at + 1, more);
      at += head + (times === 0 ? size : 0);
      left += times * size;
    }
  }
  if (at > bytes.length) throw new TypeError('it breaks off');
  return at;
}

/**
 * By tag from 0xc0: bytes of the head (and of a value of fixed size), bytes of the length in it, and how
 * many values there are to each unit of that length; with 0, it counts bytes.
 * @type {[head: number, length: number, times: number][]}
 */
const HEADS = [
  [1, 0, 0], [1, 0, 0], [1, 0, 0], [1, 0, 0], // nil, never used, false, true
  [2, 1, 0], [3, 2, 0], [5, 4, 0], // bin
  [3, 1, 0], [4, 2, 0], [6, 4, 0], // ext
  [5, 0, 0], [9, 0, 0], // float
  [2, 0, 0], [3, 0, 0], [5, 0, 0], [9, 0, 0], // uint
  [2, 0, 0], [3, 0, 0], [5, 0, 0], [9, 0, 0], // int
  [3, 0, 0], [4, 0, 0], [6, 0, 0], [10, 0, 0], [18, 0, 0], // fixext
  [2, 1, 0], [3, 2, 0], [5, 4, 0], // str
  [3, 2, 1], [5, 4, 1], // array
  [3, 2, 2], [5, 4, 2], // map
];

/** @param {Uint8Array} bytes @param {number} at @param {number} length */
function uint(bytes, at, length) {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return value;
}
