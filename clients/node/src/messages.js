// What the server says, read from the frames of one ZeroMQ message.

import { DURATION_MS_MAX, QUEUE_NAME, TYPE_BYTES_MAX } from './limits.js';
import { Reader } from './msgpack.js';
import { OCTETS_TYPE } from './types.js';

/**
 * @typedef {object} JobHead
 * @property {string} queue
 * @property {number} attempt
 * @property {string} type
 * @property {number | null} timeoutMs
 * @property {Record<string, string>} meta
 *
 * @typedef {{ kind: 'hello', id: Uint8Array, v: number, nonce: Uint8Array, maxBody: number, server: string }} Hello
 * @typedef {{ kind: 'job', id: Uint8Array, head: JobHead, body: Uint8Array }} JobMessage
 * @typedef {Hello | JobMessage | { kind: 'cancel', id: Uint8Array } | { kind: 'bye', id: Uint8Array, reason: string }} ToWorker
 */

/** The version of the protocol that this library speaks. */
export const VERSION = 1;

/** The server broke the protocol. */
export class Malformed extends Error {}

/** The server speaks another version of the protocol: to dial again is of no use. */
export class OtherVersion extends Malformed {}

const NOTHING = Buffer.alloc(0);

/** Heads of jobs that came lately: most are alike. */
const HEADS_MAX = 256;

/** Reads messages, and remembers the heads of jobs. */
export class Messages {
  /** @type {Map<string, JobHead>} */
  #heads = new Map();
  /** @type {Buffer} */
  #lastBytes = Buffer.alloc(0);
  /** @type {JobHead | undefined} */
  #last;

  /**
   * Those of one ZeroMQ message, in order. Those before one that is malformed count. One alone may leave out frames at
   * its end.
   *
   * @param {Buffer[]} frames
   * @returns {Generator<ToWorker, void>}
   */
  *read(frames) {
    const count = frames.length;
    if (count < 2 || (count > 4 && count % 4 !== 0)) throw new Malformed(`a message of ${count} frames`);
    for (let at = 0; at < count; at += 4) yield this.#message(frames[at], frames[at + 1], frames[at + 2] ?? NOTHING, frames[at + 3] ?? NOTHING);
  }

  /** @param {Buffer} kind @param {Buffer} id @param {Buffer} head @param {Buffer} body @returns {ToWorker} */
  #message(kind, id, head, body) {
    if (id.length !== 16) throw new Malformed(`an id of ${id.length} bytes`);
    // The only one of three bytes.
    if (kind.length === 3 && kind[0] === 0x6a && kind[1] === 0x6f && kind[2] === 0x62) return { kind: 'job', id, head: this.#jobHead(head), body };
    switch (kind.toString('latin1')) {
      case 'cancel': return { kind: 'cancel', id };
      case 'hello': return { kind: 'hello', id, ...hello(headOf(head)) };
      case 'bye': return { kind: 'bye', id, reason: optional(headOf(head), 'reason', string, '') };
      default: throw new Malformed(`the kind ${JSON.stringify(kind.toString('latin1', 0, 32))}`);
    }
  }

  /** @param {Buffer} bytes */
  #jobHead(bytes) {
    if (this.#last && bytes.equals(this.#lastBytes)) return this.#last;
    const key = bytes.toString('latin1');
    let head = this.#heads.get(key);
    if (!head) {
      head = jobHead(headOf(bytes));
      if (this.#heads.size >= HEADS_MAX) this.#heads.clear();
      this.#heads.set(key, head);
    }
    this.#lastBytes = bytes;
    this.#last = head;
    return head;
  }
}

/** @param {Uint8Array} bytes */
function headOf(bytes) {
  try {
    return new Map(bytes.length === 0 ? [] : new Reader(bytes).pairs());
  } catch (error) {
    throw new Malformed(`a head that is no map: ${/** @type {Error} */ (error).message}`);
  }
}

/** @param {Map<unknown, unknown>} head */
function hello(head) {
  const v = required(head, 'v', integer);
  const server = optional(head, 'server', string, '');
  if (v !== VERSION) {
    throw new OtherVersion(`the server (${server}) speaks version ${v} of the worker protocol, and this library version ${VERSION}: update the older one`);
  }
  const nonce = head.get('nonce');
  if (!(nonce instanceof Uint8Array) || nonce.length !== 32) throw new Malformed('a `nonce` that is not 32 bytes');
  return { v, nonce, maxBody: required(head, 'max_body', integer), server };
}

/** @param {Map<unknown, unknown>} head @returns {JobHead} */
function jobHead(head) {
  const queue = optional(head, 'queue', string, 'default');
  const attempt = optional(head, 'attempt', integer, 1);
  const type = optional(head, 'type', string, OCTETS_TYPE);
  const timeoutMs = optional(head, 'timeout_ms', integer, null);
  const meta = head.has('meta') ? head.get('meta') : {};
  if (!QUEUE_NAME.test(queue)) throw new Malformed('a `queue` that is no name');
  if (attempt < 1) throw new Malformed('an `attempt` of 0');
  if (Buffer.byteLength(type) > TYPE_BYTES_MAX) throw new Malformed('a `type` that is too long');
  if (timeoutMs !== null && timeoutMs > DURATION_MS_MAX) throw new Malformed('a `timeout_ms` of more than thirty days');
  if (!isStrings(meta)) throw new Malformed('a `meta` that is no map of strings');
  return { queue, attempt, type, timeoutMs, meta };
}

/** @param {unknown} value @returns {value is Record<string, string>} */
function isStrings(value) {
  return Object.prototype.toString.call(value) === '[object Object]' && Object.values(/** @type {object} */ (value)).every((each) => typeof each === 'string');
}

/** @template T @param {Map<unknown, unknown>} head @param {string} key @param {(value: unknown, key: string) => T} read */
function required(head, key, read) {
  return read(head.get(key), key);
}

/** @template T, D @param {Map<unknown, unknown>} head @param {string} key @param {(value: unknown, key: string) => T} read @param {D} or */
function optional(head, key, read, or) {
  return head.get(key) == null ? or : read(head.get(key), key);
}

/** @param {unknown} value @param {string} key */
function string(value, key) {
  if (typeof value !== 'string') throw new Malformed(`a \`${key}\` that is no string`);
  return value;
}

/** @param {unknown} value @param {string} key */
function integer(value, key) {
  // What a number cannot hold is more than there is of anything.
  if (typeof value === 'bigint' && value > 0n) return Number.MAX_SAFE_INTEGER;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0) throw new Malformed(`a \`${key}\` that is no integer`);
  return value;
}
