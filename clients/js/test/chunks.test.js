import assert from 'node:assert/strict';
import { test } from 'node:test';

import { deliver, fail, Job } from '../src/job.js';

const chunk = (n, data) => ({ ev: 'chunk', id: 1, n, data });
const job = () => new Job(1, () => {});

async function taken(chunks) {
  const seen = [];
  for await (const { n, data } of chunks) seen.push([n, data]);
  return seen;
}

test('chunks come in order and end with the job', async () => {
  const one = job();
  const chunks = one.chunks();
  deliver(one, chunk(1, 'a')); // before anyone takes
  const all = taken(chunks);
  deliver(one, chunk(2, 'b'));
  await new Promise(setImmediate);
  deliver(one, chunk(3, 'c')); // while the loop waits
  deliver(one, { ev: 'done', id: 1, result: null });
  assert.deepEqual(await all, [[1, 'a'], [2, 'b'], [3, 'c']]);
});

test('a job that fails throws after its chunks', async () => {
  const one = job();
  const chunks = one.chunks();
  deliver(one, chunk(1, 'a'));
  fail(one, { code: 'timeout', message: 'too long' });
  assert.deepEqual(await chunks.next(), { value: { n: 1, data: 'a' }, done: false });
  await assert.rejects(chunks.next(), { code: 'timeout' });
  assert.deepEqual(await chunks.next(), { value: undefined, done: true });
});

test('of two who wait, the first is thrown at', async () => {
  const one = job();
  const chunks = one.chunks();
  const [first, second] = [chunks.next(), chunks.next()];
  deliver(one, { ev: 'cancelled', id: 1 });
  await assert.rejects(first, { code: 'cancelled' });
  assert.equal((await second).done, true);
});

test('the chunks of a job that has ended', async () => {
  const [done, failed] = [job(), job()];
  deliver(done, { ev: 'done', id: 1, result: 1 });
  fail(failed, { code: 'x', message: '' });
  assert.deepEqual(await taken(done.chunks()), []);
  await assert.rejects(taken(failed.chunks()), { code: 'x' });
});

test('break ends the iteration and not the job', async () => {
  const one = job();
  const chunks = one.chunks();
  deliver(one, chunk(1, 'a'));
  deliver(one, chunk(2, 'b'));
  for await (const { n } of chunks) {
    assert.equal(n, 1);
    break;
  }
  assert.deepEqual(await taken(chunks), []);
  assert.equal(one.ended, false);
});

test('chunks that nobody takes are bounded', async () => {
  const one = job();
  const chunks = one.chunks({ max: 2 });
  for (const n of [1, 2, 3]) deliver(one, chunk(n, n));
  const seen = [];
  await assert.rejects(async () => {
    for await (const { n } of chunks) seen.push(n);
  }, RangeError);
  assert.deepEqual(seen, [1, 2]);
});
