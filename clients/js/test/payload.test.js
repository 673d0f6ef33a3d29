import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plain } from '../src/payload.js';

const cycle = {};
cycle.a = [cycle];
const deep = (levels) => (levels === 0 ? 1 : [deep(levels - 1)]);
class Point {
  constructor() {
    this.x = 1;
  }
}

const NEVER = {
  'an ArrayBuffer': new ArrayBuffer(2), 'a DataView': new DataView(new ArrayBuffer(2)), 'floats': new Float64Array(2),
  'a Blob': new Blob(['x']), 'a Map': new Map([[1, 2]]), 'a Set': new Set([1]), 'a RegExp': /x/, 'an Error': new Error('x'),
  'a Promise': Promise.resolve(1), 'a WeakMap': new WeakMap(), 'an EventTarget': new EventTarget(), 'URLSearchParams': new URLSearchParams('a=1'),
  'a string object': new String('x'), 'a symbol': Symbol('s'), 'a function': () => 1, 'undefined': undefined,
  'toJSON without a word': { toJSON() {} }, 'a circle': cycle, '129 levels': deep(129),
};

for (const isBinary of [false, true]) {
  const encoding = isBinary ? 'MessagePack' : 'JSON';
  for (const [what, value] of Object.entries(NEVER)) {
    test(`${what} is no payload in ${encoding}, nor a part of one`, () => {
      assert.throws(() => plain(value, isBinary), TypeError);
      assert.throws(() => plain([value], isBinary), TypeError);
      if (value !== undefined) assert.throws(() => plain({ a: { b: [1, value] } }, isBinary), { name: 'TypeError', message: /payload\.a\.b\[1\]/ });
    });
  }

  test(`what ${encoding} can say goes as it is`, () => {
    for (const value of [null, true, 0, -1.5, '', 'ü€😀\0', [], {}, { a: [{ b: [1, 'x'] }] }, deep(128), Object.create(null)]) {
      assert.equal(plain(value, isBinary), value);
    }
    assert.deepEqual({ ...plain(new Point(), isBinary) }, { x: 1 });
  });

  test(`\`toJSON\` is asked in ${encoding}, and a key without a value is left out`, () => {
    const at = new Date(0);
    assert.deepEqual(plain({ at, in: [at], gone: undefined }, isBinary), { at: '1970-01-01T00:00:00.000Z', in: ['1970-01-01T00:00:00.000Z'] });
    assert.equal(plain(new Date(NaN), isBinary), null);
    assert.deepEqual(plain({ self: { toJSON: (key) => key } }, isBinary), { self: 'self' });
    const given = { a: [at] };
    plain(given, isBinary);
    assert.equal(given.a[0], at, 'the caller\'s own is not touched');
  });
}

test('bytes, NaN, BigInts are for MessagePack alone', () => {
  for (const value of [new Uint8Array(2), Buffer.from([1, 2]), NaN, Infinity, -Infinity, 1n]) {
    for (const payload of [value, { a: value }, [value]]) {
      assert.throws(() => plain(payload, false), TypeError);
      assert.deepEqual(plain(payload, true), payload);
    }
  }
  assert.throws(() => plain(Buffer.from([1]), false), /codec/);
});

test('half of a surrogate pair is not changed in silence', { skip: !''.isWellFormed }, () => {
  assert.equal(plain('\ud800', false), '\ud800');
  assert.throws(() => plain('\ud800', true), TypeError);
});
