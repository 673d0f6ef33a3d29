import assert from 'node:assert/strict';
import { test } from 'node:test';

import { runsOf, stateOf, unexplained, unexplainedWords, wordsOf } from '../ops/runs.js';

const NOW = 1_000_000;
const job = { job: 'j', queue: 'mail', since_ms: NOW - 5000, attempt: 1 };
const held = { job: 'h', since_ms: NOW - 12_000, why: 'timeout' };
const worker = (more) => ({ state: 'ready', slots: 1, busy: 1, jobs: [], ...more });

test('a slot that is held says by what and since when', () => {
  const stuck = worker({ held: [held] });
  assert.deepEqual([stateOf(stuck), unexplained(stuck), runsOf(stuck)], ['held', 0, [held]]);
  assert.equal(wordsOf(held, NOW), 'timed out, held 12 s');
  assert.equal(wordsOf({ ...held, why: 'cancelled' }, NOW), 'cancelled, held 12 s');
  assert.equal(wordsOf({ ...held, why: 'lost' }, NOW), 'lost, held 12 s');
  assert.equal(wordsOf({ ...held, why: 'evicted', since_ms: NOW + 500 }, NOW), 'evicted, held 0 s', 'of a newer server, by another clock');
});

test('one that has slots left, or goes, is what it was', () => {
  assert.equal(stateOf(worker({ slots: 2, busy: 2, held: [held], jobs: [job] })), 'ready');
  assert.deepEqual(runsOf(worker({ slots: 2, busy: 2, held: [held], jobs: [job] })), [held, job], 'what is odd first');
  assert.equal(stateOf(worker({ held: [held], state: 'silent' })), 'silent');
  assert.equal(stateOf(worker({ busy: 0 })), 'ready');
});

test('a server that does not tell of held slots is not taken for an idle one', () => {
  assert.equal(unexplained(worker()), 1);
  assert.equal(stateOf(worker()), 'held');
  assert.equal(unexplainedWords(1), '1 slot held by a run that is over');
  assert.equal(unexplained(worker({ jobs: [job] })), 0);
  const many = Array.from({ length: 100 }, () => job);
  assert.equal(unexplained(worker({ slots: 500, busy: 400, jobs: many })), 0, 'it tells of a hundred jobs only');
});

test('a job that runs says for how long, of which queue, and which run it is', () => {
  assert.equal(wordsOf(job, NOW), '5 s mail');
  assert.equal(wordsOf({ ...job, attempt: 3 }, NOW), '5 s mail, run 3');
  assert.equal(wordsOf(job, NOW, { several: false }), '5 s', 'of the one queue that its worker serves');
});
