// The two formats of the protocol: how an op becomes bytes and a message becomes an event.
// An op is encoded once, by itself; a message of several is put together from those parts.

import { bytesOf, OPS_PER_MESSAGE_MAX } from './limits.js';
import { salvage } from './skim.js';

/**
 * @typedef {string | Uint8Array<ArrayBuffer>} Part one encoded op, or a whole message
 * @typedef {object} Format
 * @property {string} subprotocol
 * @property {boolean} isBinary
 * @property {(op: object) => Part} encode
 * @property {(part: Part) => number} size in bytes on the wire
 * @property {(parts: Part[]) => Part} join parts to one message: an array of ops
 * @property {(data: any) => any} decode an event; what could not be read of it is its key `unreadable`, an error
 * @property {(part: Part) => string} pack a part as text, for a storage
 * @property {(text: string) => Part} unpack throws at what was never packed
 */

/** @type {Format} */
export const json = {
  subprotocol: 'acequia.v1.json',
  isBinary: false,
  encode: (op) => JSON.stringify(op),
  size: (part) => bytesOf(/** @type {string} */ (part)),
  join: (parts) => `[${parts.join(',')}]`,
  decode(data) {
    const event = JSON.parse(data);
    if ('result' in event) event.result = bytesOrValue(event.result);
    if ('data' in event) event.data = bytesOrValue(event.data);
    return event;
  },
  pack: (part) => /** @type {string} */ (part),
  unpack(text) {
    JSON.parse(text); // one op that is none would spoil the message that it is sent in
    return text;
  },
};

/**
 * @param {{ encode: (value: unknown) => Uint8Array, decode: (bytes: Uint8Array) => unknown }} codec
 * @returns {Format}
 */
export function msgpack(codec) {
  return {
    subprotocol: 'acequia.v1.msgpack',
    isBinary: true,
    encode(op) {
      try {
        return /** @type {Uint8Array<ArrayBuffer>} */ (codec.encode(op));
      } catch (cause) {
        throw new TypeError(`the codec cannot encode it: ${cause}`, { cause });
      }
    },
    size: (part) => part.length,
    join(parts) {
      const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, ARRAY_HEADER));
      bytes[0] = 0xdd; // array 32: a length of four bytes, then the elements as they are
      new DataView(bytes.buffer).setUint32(1, parts.length);
      let at = ARRAY_HEADER;
      for (const part of parts) {
        bytes.set(/** @type {Uint8Array} */ (part), at);
        at += part.length;
      }
      return bytes;
    },
    decode(data) {
      const bytes = new Uint8Array(data);
      /** @type {any} */
      let event;
      try {
        event = codec.decode(bytes);
      } catch {} // what can be read of it is read below
      if (typeof event?.ev !== 'string') event = salvage(bytes, codec.decode);
      for (const key of NUMBERS) if (typeof event[key] === 'bigint') event[key] = Number(event[key]);
      return event;
    },
    pack: (part) => btoa(Array.from(/** @type {Uint8Array} */ (part), (byte) => String.fromCharCode(byte)).join('')),
    unpack(text) {
      const part = bytesOfBase64(text);
      codec.decode(part);
      return part;
    },
  };
}

/**
 * Gathers parts into as few messages as `maxBytes` and the limit of ops allow, in order.
 * A lone op is sent as itself. The caller keeps single parts under the limit.
 *
 * @param {Iterable<Part>} parts
 * @param {Format} format
 * @param {number} maxBytes
 * @returns {Generator<Part>}
 */
export function* messages(parts, format, maxBytes) {
  /** @type {Part[]} */
  let batch = [];
  let bytes = ARRAY_HEADER;
  for (const part of parts) {
    const size = format.size(part) + 1; // the comma, in JSON
    if (batch.length === OPS_PER_MESSAGE_MAX || (batch.length > 0 && bytes + size > maxBytes)) {
      yield batch.length === 1 ? batch[0] : format.join(batch);
      batch = [];
      bytes = ARRAY_HEADER;
    }
    batch.push(part);
    bytes += size;
  }
  if (batch.length > 0) yield batch.length === 1 ? batch[0] : format.join(batch);
}

const ARRAY_HEADER = 5;
/** Keys of events that are integers, which some codecs make BigInts of. */
const NUMBERS = ['id', 'seq', 'n', 'attempt', 'missed', 'in_ms', 'retry_after_ms', 'reconnect_in_ms', 'close'];

/**
 * A result that is neither JSON nor text comes as exactly {"$base64": "…"}.
 * @param {any} value
 */
function bytesOrValue(value) {
  if (typeof value?.$base64 !== 'string' || Object.keys(value).length !== 1) return value;
  try {
    return bytesOfBase64(value.$base64);
  } catch {
    return value; // a worker's own JSON that only looks like it
  }
}

/** @param {string} base64 */
function bytesOfBase64(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}
