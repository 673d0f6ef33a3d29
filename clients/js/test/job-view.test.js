// What a hook shows of a job, as far as no server can be made to say it at will.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CHUNKS_MAX, JobView } from '../src/hooks/job-view.js';
import { deliver, JobHandle } from '../src/job.js';

/** A view of a job, and what hands it an event. */
function shown() {
  const job = new JobHandle(1, () => {});
  const view = new JobView();
  view.submit(/** @type {any} */ ({ start: () => job }), null, {});
  return { view, hear: (event) => deliver(job, event) };
}

test('a first chunk in the middle begins anew, also where `started` was not told again', () => {
  const { view, hear } = shown();
  for (const [n, data] of [[1, 'a'], [2, 'b'], [1, 'c'], [2, 'd']]) hear({ ev: 'chunk', n, data });
  assert.deepEqual(view.snapshot().chunks, ['c', 'd']);
});

test('a chunk that cannot be read is left out', () => {
  const { view, hear } = shown();
  hear({ ev: 'chunk', n: 1, data: 'a' });
  hear({ ev: 'chunk', n: 2, unreadable: new Error('a key twice') });
  hear({ ev: 'chunk', n: 3, data: 'c' });
  assert.deepEqual(view.snapshot().chunks, ['a', 'c']);
});

test('the last chunks of very many are kept', () => {
  const { view, hear } = shown();
  for (let n = 1; n <= CHUNKS_MAX + 2; n++) hear({ ev: 'chunk', n, data: n });
  const { chunks } = view.snapshot();
  assert.deepEqual([chunks.length, chunks[0], chunks.at(-1)], [CHUNKS_MAX, 3, CHUNKS_MAX + 2]);
});

test('a snapshot is the same until something changes, and one that was taken stays as it is', () => {
  const { view, hear } = shown();
  hear({ ev: 'chunk', n: 1, data: 'a' });
  const before = view.snapshot();
  assert.equal(view.snapshot(), before);
  hear({ ev: 'progress', done: 1, total: 2 });
  assert.equal(view.snapshot().chunks, before.chunks);
  hear({ ev: 'chunk', n: 2, data: 'b' });
  assert.deepEqual([before.chunks, view.snapshot().chunks], [['a'], ['a', 'b']]);
  assert.deepEqual([before.progress, view.snapshot().progress], [null, { done: 1, total: 2, note: undefined }]);
});
