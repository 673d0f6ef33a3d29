// The codec for heads and for payloads in MessagePack, beside one that shares nothing with it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as other from '@msgpack/msgpack';

import { decode, encode, MsgpackError } from '../src/msgpack.js';

const VALUES = [
  null, true, false, 0, 1, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER,
  -1, -32, -33, -128, -129, -32_768, -32_769, -(2 ** 31), -(2 ** 31) - 1, Number.MIN_SAFE_INTEGER,
  0.5, -0.1, 1e300, Infinity, NaN, '', 'é'.repeat(15), 'é'.repeat(16), 'x'.repeat(255), 'x'.repeat(256), '😀'.repeat(20_000),
  new Uint8Array(0), new Uint8Array(255).fill(1), new Uint8Array(256).fill(2), new Uint8Array(70_000).fill(3),
  [], [1, [2, [3]]], Array(16).fill(0), Array(70_000).fill(1),
  {}, { a: 1, 'ü': { b: [null] } }, Object.fromEntries(Array.from({ length: 70_000 }, (_, n) => [`k${n}`, n])),
];

test('what it writes another library reads, and the other way round', () => {
  for (const value of VALUES) {
    assert.deepEqual(other.decode(new Uint8Array(encode(value))), value);
    assert.deepEqual(decode(other.encode(value)), value);
    assert.deepEqual(decode(new Uint8Array(encode(value))), value);
  }
});

test('integers of 64 bits are BigInts where a number cannot hold them', () => {
  for (const big of [2n ** 64n - 1n, 2n ** 53n, -(2n ** 63n)]) assert.equal(decode(encode(big)), big);
  assert.equal(decode(encode(5n)), 5);
  assert.throws(() => encode(2n ** 64n), /more than 64 bits/);
});

test('what is JSON for itself is so here: dates, keys without a value', () => {
  const at = new Date(0);
  assert.deepEqual(decode(encode({ at, left: undefined, map: new Map([['k', 1]]) })), { at: at.toJSON(), map: { k: 1 } });
});

test('half a surrogate pair becomes U+FFFD', () => assert.equal(decode(encode('caf\ud83d')), 'caf\ufffd'));

test('what cannot be written is named', () => {
  const self = [];
  self.push(self);
  for (const [bad, why] of [[() => {}, /function/], [Symbol('s'), /symbol/], [self, /128 levels/]]) assert.throws(() => encode(bad), why);
});

test('what is none is an error, whatever its bytes', () => {
  const deep = (levels) => Buffer.concat([Buffer.alloc(levels, 0x91), Buffer.from([0xc0])]);
  decode(deep(128));
  for (const bad of ['', 'c1', 'c0c0', 'a2ff', 'a1ff', 'ddffffffff', 'dfffffffff', 'c6ffffffff', '92c0', 'cb00', 'd40100', '81c001', 'dc0002c0']) {
    assert.throws(() => decode(Buffer.from(bad, 'hex')), MsgpackError, bad);
  }
  assert.throws(() => decode(deep(129)), MsgpackError);
  assert.throws(() => decode(deep(1_000_000)), MsgpackError);
});

test('a key of a stranger does not become a prototype', () => {
  const value = decode(other.encode({ ['__proto__']: { polluted: true } }, { ignoreUndefined: true }));
  assert.equal(value.polluted, undefined);
  assert.equal({}.polluted, undefined);
});
