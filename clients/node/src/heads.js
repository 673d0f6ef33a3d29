// The heads of messages: what a worker says, as bytes.

import { CODE_BYTES_MAX, TEXT_BYTES_MAX } from './limits.js';
import { encode } from './msgpack.js';
import { utf8 } from './text.js';
import { JSON_TYPE } from './types.js';

/** The map without keys. */
export const NO_HEAD = new Uint8Array(0);

/** Types that were written lately: a worker has few. @type {Map<string, Uint8Array>} */
const types = new Map();
const TYPES_MAX = 64;

/** Of `done` and `chunk`. @param {string | null} type null: the job's */
export function bodyHead(type) {
  if (type === null) return NO_HEAD;
  const known = types.get(type);
  if (known) return known;
  if (types.size >= TYPES_MAX) types.clear();
  const head = encode({ type });
  types.set(type, head);
  return head;
}

/** @param {import('./failure.js').Told} failure */
export function failHead({ code, message, retry }) {
  return encode({ code: code ? cut(code, CODE_BYTES_MAX) : undefined, message: cut(message, TEXT_BYTES_MAX), retry });
}

/** A number that is not finite is left out, and so is an empty note. @param {number} [done] @param {number} [total] @param {string} [note] */
export function progressHead(done, total, note) {
  return encode({ done: finite(done), total: finite(total), note: note ? cut(note, TEXT_BYTES_MAX) : undefined });
}

/** @param {string} topic @param {string} type */
export function publishHead(topic, type) {
  return encode({ topic, type: type === JSON_TYPE ? undefined : type });
}

/** @param {{ slots: number, pack: number, queues: string[], name: string, auth?: Uint8Array }} ready */
export function readyHead({ slots, pack, queues, name, auth }) {
  return encode({ slots, pack, queues, name: name || undefined, auth });
}

/** @param {string} text @param {number} bytesMax */
function cut(text, bytesMax) {
  return new TextDecoder().decode(utf8(text, bytesMax));
}

/** @param {number | undefined} n */
function finite(n) {
  return Number.isFinite(n) ? n : undefined;
}
