import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Still } from '../ops/still.js';

const rows = (...keys) => keys.map((key) => ({ key, of: keys.length }));
const still = (isGone) => new Still(({ key }) => key, isGone);
const keys = ({ shown }) => shown.map(({ key, gone }) => (gone ? `(${key})` : key));

test('what is not held shows all there is', () => {
  const list = still();
  assert.deepEqual(keys(list.next(rows('a', 'b'), false)), ['a', 'b']);
  const next = list.next(rows('c', 'a'), false);
  assert.deepEqual([keys(next), next.newer], [['c', 'a'], 0]);
});

test('while it is held nothing moves: what is new is counted, what has gone keeps its place', () => {
  const list = still();
  list.next(rows('a', 'b', 'c'), false);
  const held = list.next(rows('n', 'm', 'c', 'a'), true);
  assert.deepEqual([keys(held), held.newer, held.gone], [['a', '(b)', 'c'], 2, 1]);
  assert.equal(held.shown[0].row.of, 4, 'as it is now');
  assert.equal(held.shown[1].row.of, 3, 'as it was last');
  const back = list.next(rows('b', 'c', 'a'), true);
  assert.deepEqual([keys(back), back.newer, back.gone], [['a', 'b', 'c'], 0, 0], 'one that comes back is there again');
  assert.deepEqual(keys(list.next(rows('b', 'c', 'a'), false)), ['b', 'c', 'a']);
});

test('an empty list has nothing to hold', () => {
  const list = still();
  assert.deepEqual(keys(list.next(rows('a'), true)), ['a']);
});

test('what only made room has not gone', () => {
  const list = still(({ key }, now) => now.length < 2 || key > now.at(-1).key);
  list.next(rows('d', 'b'), false);
  assert.deepEqual(keys(list.next(rows('e', 'd'), true)), ['d', 'b']);
  assert.deepEqual(keys(list.next(rows('e', 'a'), true)), ['(d)', '(b)']);
});
