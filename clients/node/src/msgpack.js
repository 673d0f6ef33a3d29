// MessagePack: the heads of messages, and payloads of that type. Its own, since a head is all that the protocol
// itself needs, and a dependency would bring a cache, extensions and settings that no head has a use for.

import { NESTING_MAX } from './limits.js';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What is no MessagePack, or is nested too deep. */
export class MsgpackError extends Error {
  name = 'MsgpackError';
}

/** Reads values one after the other. */
export class Reader {
  #bytes;
  #view;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get ended() {
    return this.#at === this.#bytes.length;
  }

  /**
   * The pairs of a map, in their order. `nil` and an empty array are maps without keys too, which some packers
   * cannot write.
   *
   * @returns {[unknown, unknown][]}
   */
  pairs() {
    const byte = this.#byte();
    if (byte === 0xc0 || byte === 0x90) return [];
    const count =
      byte >> 4 === 0x8 ? byte & 0xf : byte === 0xde ? this.#uint(2) : byte === 0xdf ? this.#uint(4) : undefined;
    if (count === undefined) throw new MsgpackError('it is not a map');
    return this.#pairs(count, 1);
  }

  /** @returns {unknown} */
  value(depth = 0) {
    const byte = this.#byte();
    if (byte < 0x80) return byte;
    if (byte < 0x90) return this.#map(byte & 0xf, depth + 1);
    if (byte < 0xa0) return this.#array(byte & 0xf, depth + 1);
    if (byte < 0xc0) return this.#string(byte & 0x1f);
    if (byte >= 0xe0) return byte - 0x100;
    switch (byte) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc4: return this.#take(this.#uint(1));
      case 0xc5: return this.#take(this.#uint(2));
      case 0xc6: return this.#take(this.#uint(4));
      case 0xca: return this.#view.getFloat32(this.#skip(4));
      case 0xcb: return this.#view.getFloat64(this.#skip(8));
      case 0xcc: return this.#uint(1);
      case 0xcd: return this.#uint(2);
      case 0xce: return this.#uint(4);
      case 0xcf: return number(this.#view.getBigUint64(this.#skip(8)));
      case 0xd0: return this.#view.getInt8(this.#skip(1));
      case 0xd1: return this.#view.getInt16(this.#skip(2));
      case 0xd2: return this.#view.getInt32(this.#skip(4));
      case 0xd3: return number(this.#view.getBigInt64(this.#skip(8)));
      case 0xd9: return this.#string(this.#uint(1));
      case 0xda: return this.#string(this.#uint(2));
      case 0xdb: return this.#string(this.#uint(4));
      case 0xdc: return this.#array(this.#uint(2), depth + 1);
      case 0xdd: return this.#array(this.#uint(4), depth + 1);
      case 0xde: return this.#map(this.#uint(2), depth + 1);
      case 0xdf: return this.#map(this.#uint(4), depth + 1);
      case 0xc1: throw new MsgpackError('the byte c1 begins no value');
      default: throw new MsgpackError('it holds an extension type; read `payload` with a library that knows it');
    }
  }

  /** Where the next `count` bytes begin, which are there. @param {number} count */
  #skip(count) {
    const at = this.#at;
    if (count > this.#bytes.length - at) throw new MsgpackError('it ends in the middle of a value');
    this.#at = at + count;
    return at;
  }

  #byte() {
    return this.#bytes[this.#skip(1)];
  }

  /** @param {1 | 2 | 4} size */
  #uint(size) {
    const at = this.#skip(size);
    return size === 1 ? this.#bytes[at] : size === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  /** @param {number} count */
  #take(count) {
    const at = this.#skip(count);
    return this.#bytes.subarray(at, at + count);
  }

  /** @param {number} count */
  #string(count) {
    try {
      return decoder.decode(this.#take(count));
    } catch (error) {
      if (error instanceof MsgpackError) throw error;
      throw new MsgpackError('a string is not UTF-8');
    }
  }

  /** What announces more than there can be, or is too deep, is not begun. @param {number} count @param {number} depth */
  #begin(count, depth) {
    if (depth > NESTING_MAX) throw new MsgpackError(`it is nested more than ${NESTING_MAX} levels deep`);
    if (count > this.#bytes.length - this.#at) throw new MsgpackError('it ends in the middle of a value');
  }

  /** @param {number} count @param {number} depth */
  #array(count, depth) {
    this.#begin(count, depth);
    return Array.from({ length: count }, () => this.value(depth));
  }

  /** @param {number} count @param {number} depth @returns {[unknown, unknown][]} */
  #pairs(count, depth) {
    this.#begin(count, depth);
    return Array.from({ length: count }, () => [this.value(depth), this.value(depth)]);
  }

  /** @param {number} count @param {number} depth */
  #map(count, depth) {
    const pairs = this.#pairs(count, depth);
    const bad = pairs.find(([key]) => typeof key !== 'string' && typeof key !== 'number');
    if (bad) throw new MsgpackError('a key is neither a string nor a number');
    return Object.fromEntries(/** @type {[string, unknown][]} */ (pairs));
  }
}

/** @param {bigint} big */
function number(big) {
  const near = Number(big);
  return Number.isSafeInteger(near) ? near : big;
}

/** The one value that `bytes` are. Integers that a number cannot hold are BigInts. @param {Uint8Array} bytes */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = reader.value();
  if (!reader.ended) throw new MsgpackError('more follows behind the value');
  return value;
}

/** Writes values one after the other. */
class Writer {
  #bytes = Buffer.allocUnsafe(256);
  #at = 0;

  finish() {
    return this.#bytes.subarray(0, this.#at);
  }

  /** @param {unknown} value @returns {void} */
  value(value, depth = 0) {
    switch (typeof value) {
      case 'string': return this.#string(value);
      case 'number': return this.#number(value);
      case 'boolean': return this.#byte(value ? 0xc3 : 0xc2);
      case 'bigint': return this.#big(value);
      case 'undefined': return this.#byte(0xc0);
      case 'object': return value === null ? this.#byte(0xc0) : this.#object(value, depth + 1);
      default: throw new TypeError(`a ${typeof value} cannot be written as MessagePack`);
    }
  }

  /** @param {any} value @param {number} depth @returns {void} */
  #object(value, depth) {
    if (value instanceof ArrayBuffer) return this.#bin(new Uint8Array(value));
    if (ArrayBuffer.isView(value)) return this.#bin(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    if (typeof value.toJSON === 'function') return this.value(value.toJSON(), depth - 1);
    if (depth > NESTING_MAX) throw new TypeError(`the value is nested more than ${NESTING_MAX} levels deep`);
    if (Array.isArray(value)) {
      this.#header(value.length, 0x90, 15, 0xdc);
      for (const each of value) this.value(each, depth);
      return;
    }
    const pairs = value instanceof Map ? [...value] : Object.entries(value).filter(([, each]) => each !== undefined);
    this.#header(pairs.length, 0x80, 15, 0xde);
    for (const [key, each] of pairs) {
      this.value(key, depth);
      this.value(each, depth);
    }
  }

  /** @param {string} text */
  #string(text) {
    const count = Buffer.byteLength(text);
    if (count > 31 && count < 256) this.#sized(0xd9, count, 1);
    else this.#header(count, 0xa0, 31, 0xda);
    const at = this.#room(count);
    this.#bytes.write(text, at, count);
  }

  /** @param {Uint8Array} bytes */
  #bin(bytes) {
    const size = bytes.length < 256 ? 1 : bytes.length < 65_536 ? 2 : 4;
    this.#sized(0xc4 + (size >> 1), bytes.length, size);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** @param {number} n */
  #number(n) {
    if (!Number.isInteger(n) || Object.is(n, -0) || Math.abs(n) >= 2 ** 63) {
      this.#byte(0xcb);
      const at = this.#room(8);
      this.#bytes.writeDoubleBE(n, at);
    } else if (n >= 0) {
      if (n < 128) this.#byte(n);
      else if (n < 256) this.#sized(0xcc, n, 1);
      else if (n < 65_536) this.#sized(0xcd, n, 2);
      else if (n < 2 ** 32) this.#sized(0xce, n, 4);
      else this.#big(BigInt(n));
    } else if (n >= -32) this.#byte(n & 0xff);
    else if (n >= -128) this.#sized(0xd0, n & 0xff, 1);
    else if (n >= -32_768) this.#sized(0xd1, n & 0xffff, 2);
    else if (n >= -(2 ** 31)) this.#sized(0xd2, n >>> 0, 4);
    else this.#big(BigInt(n));
  }

  /** @param {bigint} n */
  #big(n) {
    if (n >= 2n ** 64n || n < -(2n ** 63n)) throw new TypeError(`${n} has more than 64 bits`);
    this.#byte(n < 0n ? 0xd3 : 0xcf);
    const at = this.#room(8);
    this.#bytes.writeBigUInt64BE(BigInt.asUintN(64, n), at);
  }

  /** Of what counts its elements: in one byte up to `small`, or behind `wide` or the byte after it. @param {number} count @param {number} base @param {number} small @param {number} wide */
  #header(count, base, small, wide) {
    if (count <= small) this.#byte(base | count);
    else if (count < 65_536) this.#sized(wide, count, 2);
    else this.#sized(wide + 1, count, 4);
  }

  /** @param {number} tag @param {number} n @param {number} size */
  #sized(tag, n, size) {
    this.#byte(tag);
    const at = this.#room(size);
    this.#bytes.writeUIntBE(n, at, size);
  }

  /** @param {number} byte */
  #byte(byte) {
    const at = this.#room(1);
    this.#bytes[at] = byte;
  }

  /** Where the next `count` bytes go, in what may be another buffer by then. @param {number} count */
  #room(count) {
    const at = this.#at;
    this.#at = at + count;
    if (this.#at > this.#bytes.length) {
      const more = Buffer.allocUnsafe(Math.max(this.#at, this.#bytes.length * 2));
      more.set(this.#bytes.subarray(0, at));
      this.#bytes = more;
    }
    return at;
  }
}

/**
 * `value` as MessagePack. `toJSON` is asked, as of a `Date`; a key whose value is `undefined` is left out; bytes
 * are `bin`; half a surrogate pair becomes U+FFFD.
 *
 * @param {unknown} value @throws TypeError for what is nothing of the kind, or nested more than 128 levels deep
 * @returns {Uint8Array}
 */
export function encode(value) {
  const writer = new Writer();
  writer.value(value);
  return writer.finish();
}
