// Payloads as bodies of calls, and results as values.

import { plain } from '../payload.js';

const JSON_TYPE = 'application/json';
const MSGPACK_TYPE = 'application/msgpack';
const OCTETS_TYPE = 'application/octet-stream';

/** @typedef {{ encode: (value: unknown) => Uint8Array, decode: (bytes: Uint8Array) => unknown }} Codec */

/** Whether it goes as it is. @param {unknown} payload */
export function isBytes(payload) {
  return payload instanceof ArrayBuffer || ArrayBuffer.isView(payload);
}

/**
 * @param {any} payload @param {string} [type] its media type, if it is bytes or text already
 * @returns {{ type: string, body: string | Uint8Array }}
 */
export function bodyOf(payload, type) {
  if (isBytes(payload)) {
    const view = payload instanceof ArrayBuffer ? new Uint8Array(payload) : new Uint8Array(payload.buffer, payload.byteOffset, payload.byteLength);
    return { type: type ?? OCTETS_TYPE, body: view };
  }
  if (type === undefined) return { type: JSON_TYPE, body: JSON.stringify(plain(payload, false)) };
  if (typeof payload !== 'string') throw new TypeError('a payload with a `type` is bytes or a string, which go as they are');
  return { type, body: payload };
}

/** @param {import('./call.js').Answer} answer @param {Codec} [codec] */
export function valueOf({ type, bytes, text }, codec) {
  if (type === JSON_TYPE) return JSON.parse(text());
  if (type.startsWith('text/')) return text();
  if (type === MSGPACK_TYPE && codec) return codec.decode(bytes);
  return bytes;
}
