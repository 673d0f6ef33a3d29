// What a handler returns, and what it sends on the way there.

import { badResult, describe, shown } from './failure.js';
import { TYPE_BYTES_MAX } from './limits.js';
import { encode } from './msgpack.js';
import { JSON_TYPE, MSGPACK_TYPE, OCTETS_TYPE, TEXT_TYPE } from './types.js';

/**
 * A body and its media type.
 *
 * A handler need not make one: bytes that it returns are `Reply.bytes`, and any other value is written in the format
 * of the job, which is MessagePack for a job of that type and JSON for all others.
 */
export class Reply {
  /**
   * @param {string | Uint8Array} body a string is written in UTF-8
   * @param {string | null} type null: the job's
   */
  constructor(body, type) {
    this.body = body;
    this.type = type;
  }

  /** Bytes, `application/octet-stream`. @param {Uint8Array | ArrayBuffer | ArrayBufferView} bytes */
  static bytes(bytes) {
    return new Reply(viewOf(bytes), OCTETS_TYPE);
  }

  /** Text, `text/plain`; a client gets it as a string. @param {string} text */
  static text(text) {
    return new Reply(String(text), TEXT_TYPE);
  }

  /** A value as JSON. @param {unknown} value @throws Failure if it cannot be written as JSON */
  static json(value) {
    return new Reply(stringify(value), JSON_TYPE);
  }

  /** A value as MessagePack. @param {unknown} value @throws Failure if it cannot be written as MessagePack */
  static msgpack(value) {
    return new Reply(pack(value), MSGPACK_TYPE);
  }

  /** Bytes or text of any media type, such as `image/png`. @param {string} type at most 128 bytes @param {string | Uint8Array | ArrayBuffer | ArrayBufferView} body */
  static typed(type, body) {
    return new Reply(bodyOf(body), type);
  }

  /** Bytes or text of the same type as the job's payload. @param {string | Uint8Array | ArrayBuffer | ArrayBufferView} body */
  static sameType(body) {
    return new Reply(bodyOf(body), null);
  }
}

/**
 * What a handler returned, as a reply to a job of that type.
 *
 * @param {unknown} value @param {string} type the job's
 * @returns {Reply}
 */
export function replyOf(value, type) {
  if (value instanceof Reply) return value;
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) return Reply.bytes(value);
  if (type === MSGPACK_TYPE) return new Reply(pack(value), null);
  return new Reply(stringify(value), type === JSON_TYPE ? null : JSON_TYPE);
}

/**
 * @param {Reply} reply @param {string} what names it in the failure @throws Failure if its type is none
 */
export function checkType({ type }, what) {
  if (type === null) return;
  if (typeof type !== 'string' || type === '') throw badResult(`the ${what}'s media type is ${shown(type)}, and must be a string`);
  if (type.length <= TYPE_BYTES_MAX / 3) return;
  const bytes = Buffer.byteLength(type);
  if (bytes > TYPE_BYTES_MAX) throw badResult(`the ${what}'s media type has ${bytes} bytes, over the limit of ${TYPE_BYTES_MAX}`);
}

/** @param {string} what @param {number} bytes @param {number} bytesMax */
export function tooLarge(what, bytes, bytesMax) {
  return badResult(
    `the ${what} has ${bytes} bytes, and the server takes at most ${bytesMax}; send a smaller one, or raise the server's --result-bytes`,
  );
}

/** @param {unknown} value */
function stringify(value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value);
  } catch (error) {
    throw badResult(`the result cannot be written as JSON: ${describe(error)}`);
  }
  if (text === undefined) throw badResult(`the result cannot be written as JSON: it is a ${typeof value}`);
  return text;
}

/** @param {unknown} value */
function pack(value) {
  try {
    return encode(value);
  } catch (error) {
    throw badResult(`the result cannot be written as MessagePack: ${describe(error)}`);
  }
}

/** @param {string | Uint8Array | ArrayBuffer | ArrayBufferView} body */
function bodyOf(body) {
  return typeof body === 'string' ? body : viewOf(body);
}

/** @param {Uint8Array | ArrayBuffer | ArrayBufferView} bytes */
function viewOf(bytes) {
  if (bytes instanceof Uint8Array) return bytes;
  if (bytes instanceof ArrayBuffer) return new Uint8Array(bytes);
  if (ArrayBuffer.isView(bytes)) return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  throw badResult(`a body is bytes or a string, and not ${shown(bytes)}`);
}
