import assert from 'node:assert/strict';
import { test } from 'node:test';

import { fold, NOTHING, pointsOf, WINDOW_MS } from '../ops/store.js';

const history = (points, queues = {}) => ({
  event: 'history',
  data: { interval_ms: 2000, until_ms: 1_000_000, points, all: { done: Array.from({ length: points }, (_, n) => n) }, queues },
});

const tick = (at, more = {}) => ({
  event: 'tick',
  data: {
    at_ms: at, server: { version: '1' }, point: { all: { done: 7 }, queues: {} },
    queues: [], workers: [], more_workers: false, pools: [], failures: [], ...more,
  },
});

test('a history becomes points, of which the last is the newest', () => {
  const state = fold(NOTHING, history(3, { mail: { done: [5, 6, 7] } }));
  assert.deepEqual(state.points, [
    { at: 996_000, all: { done: 0 }, queues: { mail: { done: 5 } } },
    { at: 998_000, all: { done: 1 }, queues: { mail: { done: 6 } } },
    { at: 1_000_000, all: { done: 2 }, queues: { mail: { done: 7 } } },
  ]);
  assert.equal(state.at, null, 'it does not tell how the server is now');
});

test('a tick adds a point, and replaces all else', () => {
  const before = fold(NOTHING, history(2));
  const kept = structuredClone(before);
  const state = fold(before, tick(1_002_000, { queues: [{ queue: 'a' }] }));
  assert.deepEqual(state.points.map(({ at, all }) => [at, all.done]), [[998_000, 0], [1_000_000, 1], [1_002_000, 7]]);
  assert.deepEqual(state.queues, [{ queue: 'a' }]);
  assert.equal(state.at, 1_002_000);
  assert.deepEqual(before, kept, 'the state before is as it was');
});

test('what is older than ten minutes leaves', () => {
  let state = fold(NOTHING, history(300));
  for (let n = 1; n <= 50; n++) state = fold(state, tick(1_000_000 + n * 2000));
  assert.equal(state.points.length, 300);
  assert.ok(state.points[0].at > state.at - WINDOW_MS);
  state = fold(state, tick(state.at + WINDOW_MS * 2));
  assert.equal(state.points.length, 1, 'after a long gap only the newest is left');
});

test('time does not go back: a clock that was set back begins anew', () => {
  let state = fold(fold(NOTHING, history(3)), tick(1_002_000));
  state = fold(state, tick(998_500));
  assert.deepEqual(state.points.map(({ at }) => at), [996_000, 998_000, 998_500]);
  state = fold(state, tick(500_000));
  assert.deepEqual(state.points.map(({ at }) => at), [500_000]);
});

test('what is told of now replaces all but the points', () => {
  const before = fold(NOTHING, history(2));
  const { data: { point, ...data }, ...of } = tick(1_002_000, { queues: [{ queue: 'a' }] });
  const state = fold(before, { ...of, event: 'now', data });
  assert.deepEqual([state.at, state.queues, state.points], [1_002_000, [{ queue: 'a' }], before.points]);
});

test('a history after a reconnect takes the place of what was there', () => {
  const state = fold(fold(NOTHING, history(300)), history(2));
  assert.equal(state.points.length, 2);
});

test('the points of a queue, where something is known of it', () => {
  const first = fold(NOTHING, history(1, { mail: { done: [5] } }));
  const state = fold(first, tick(1_002_000));
  assert.deepEqual(pointsOf(state, null).map(({ point }) => point), [{ done: 0 }, { done: 7 }]);
  assert.deepEqual(pointsOf(state, 'mail').map(({ point }) => point), [{ done: 5 }, null]);
  assert.deepEqual(pointsOf(state, 'constructor').map(({ point }) => point), [null, null]);
});

test('a queue may have any name', () => {
  const queues = JSON.parse('{"__proto__": {"done": [5]}, "toString": {"done": [6]}}');
  const state = fold(NOTHING, history(1, queues));
  assert.deepEqual(pointsOf(state, '__proto__')[0].point, { done: 5 });
  assert.deepEqual(pointsOf(state, 'toString')[0].point, { done: 6 });
});

test('the answer to a call changes the one thing at once', () => {
  const queues = [{ queue: 'a', paused: false }, { queue: 'b', paused: false }];
  const state = fold(fold(NOTHING, tick(1, { queues, pools: [{ pool: 'p', min: 0 }], workers: [{ worker: 1, state: 'ready' }] })), { event: 'queue', data: { queue: 'b', paused: true } });
  assert.deepEqual(state.queues, [queues[0], { queue: 'b', paused: true }]);
  assert.deepEqual(fold(state, { event: 'pool', data: { pool: 'p', min: 2 } }).pools, [{ pool: 'p', min: 2 }]);
  assert.deepEqual(fold(state, { event: 'worker', data: { worker: 1, state: 'draining' } }).workers, [{ worker: 1, state: 'draining' }]);
  assert.deepEqual(fold(state, { event: 'queue', data: { queue: 'gone' } }).queues, state.queues);
});

test('what a newer server has to tell is passed over', () => {
  assert.equal(fold(NOTHING, { event: 'weather', data: {} }), NOTHING);
});
