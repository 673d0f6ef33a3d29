// Handlers in threads of their own: what computes, blocks, crashes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { WorkerError } from '@acequia/worker';

import { handler, resolvers, serve, session, work } from './harness.js';

const upper = (job) => job.json().toUpperCase();

test('work is spread over the threads, and no other job waits for it', async (t) => {
  const server = await serve(t);
  await work(t, server, { fib: [handler('fib'), { threads: 2 }], upper }, { slots: 9 });
  const computing = Promise.all(Array.from({ length: 8 }, () => server.client.run('fib', 27)));
  assert.equal(await server.client.run('upper', 'quick'), 'QUICK');
  const results = await computing;
  assert.deepEqual(results.map(({ value }) => value), Array(8).fill(196_418));
  assert.equal(new Set(results.map(({ threadId }) => threadId)).size, 2);
});

for (const [way, code, message] of [
  ['exit', 'thread_ended', /^the handler's thread ended: it exited with code 3$/],
  ['memory', 'thread_ended', /^the handler's thread ended: .*memory/],
  ['later', 'thread_ended', /^the handler's thread ended: thrown where nobody waits$/],
]) {
  test(`a thread that ends fails its job alone, and another takes its place: ${way}`, async (t) => {
    const server = await serve(t);
    await work(t, server, { doomed: [handler('doomed'), { threads: 1, resourceLimits: { maxOldGenerationSizeMb: 32 } }], upper }, { slots: 4 });
    const before = await server.client.run('doomed', 'none');
    const failing = await server.client.submit('doomed', way);
    // It waits for the thread that is about to end.
    const next = await server.client.submit('doomed', 'none');
    await assert.rejects(failing.wait(), (error) => error.code === code && message.test(error.message));
    assert.notEqual(await next.wait(), before);
    assert.equal(await server.client.run('upper', 'a'), 'A');
  });
}

test('a thread that blocks is ended when its job is cancelled, and another takes its place', async (t) => {
  const server = await serve(t);
  await work(t, server, { hang: [handler('hang'), { threads: 1, killAfterMs: 10 }], upper }, { slots: 1 });
  const client = session(t, server);
  for (let n = 0; n < 3; n++) {
    const job = client.start(n, { queue: 'hang' });
    await new Promise((resolve) => job.addEventListener('started', resolve));
    job.cancel();
    await assert.rejects(job.result, { code: 'cancelled' });
    assert.equal(await client.submit('a', { queue: 'upper' }), 'A', 'the only slot is free');
  }
});

test('a thread that computes sees that its job is cancelled, and is not ended', async (t) => {
  const server = await serve(t);
  await work(t, server, { spin: [handler('spin'), { threads: 1, killAfterMs: 60_000 }] });
  const client = session(t, server);
  const spun = [];
  client.addEventListener('message', ({ detail }) => {
    spun.push(detail.data);
    heard.resolve();
  });
  client.subscribe('spun');
  let heard;
  for (let n = 0; n < 2; n++) {
    heard = resolvers();
    const job = client.start(n, { queue: 'spin' });
    await new Promise((resolve) => job.addEventListener('progress', resolve));
    job.cancel();
    await assert.rejects(job.result, { code: 'cancelled' });
    await heard.promise;
    assert.equal(spun[n], job.uuid);
  }
});

test('a job that waits for a thread and is cancelled frees its slot at once', async (t) => {
  const server = await serve(t);
  await work(t, server, { spin: [handler('spin'), { threads: 1, killAfterMs: 60_000 }], upper }, { slots: 2 });
  const client = session(t, server);
  const first = client.start(1, { queue: 'spin' });
  await new Promise((resolve) => first.addEventListener('progress', resolve));
  const second = client.start(2, { queue: 'spin' });
  await new Promise((resolve) => second.addEventListener('started', resolve));
  second.cancel();
  await assert.rejects(second.result, { code: 'cancelled' });
  assert.equal(await client.submit('a', { queue: 'upper' }), 'A', 'one slot is free');
  first.cancel();
  await assert.rejects(first.result, { code: 'cancelled' });
});

test('a module that cannot be loaded, or has no handler, ends the worker before it dials', async (t) => {
  const server = await serve(t);
  for (const [name, message] of [['broken', /^no such model$/], ['missing', /Cannot find module .*missing\.js/], ['../harness', /has no function as its default export, which is the handler of the queue `q`/]]) {
    await assert.rejects(work(t, server, { q: [handler(name)] }), (error) => error instanceof WorkerError && message.test(error.message), name);
  }
});
