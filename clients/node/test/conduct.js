#!/usr/bin/env node
// The worker that the suite common to all languages drives. All its settings are from the environment.

import { setTimeout as sleep } from 'node:timers/promises';

import { Failure, Reply, Worker } from '@acequia/worker';

const THROWN = {
  error: () => new Error('boom'),
  bytes: () => new Error('caf\ud83d'),
  long: () => new Error('x'.repeat(10_000)),
  other: () => null,
  fail: () => new Failure('not a picture', { code: 'no_image', retry: false }),
};

await new Worker()
  .queue('echo', (job) => Reply.sameType(job.payload))
  .queue('upper', (job) => job.json().toUpperCase())
  .queue('sleep', async (job) => {
    try {
      await sleep(job.json(), undefined, { signal: job.signal });
    } catch {
      await job.publish('cancelled', job.id);
      throw Failure.cancelled();
    }
  })
  .queue('hang', new URL('./handlers/hang.js', import.meta.url))
  .queue('throw', (job) => {
    throw THROWN[job.json()]();
  })
  .queue('progress', (job) => {
    const total = job.json();
    for (let done = 1; done <= total; done++) job.progress(done, total, `step ${done}`);
    return total;
  })
  .queue('chunks', async (job) => {
    const count = job.json();
    for (let n = 1; n <= count; n++) await job.chunk(n);
    return count;
  })
  .queue('publish', async (job) => {
    const { topic, data } = job.json();
    await job.publish(topic, data);
  })
  .queue('meta', (job) => Reply.json({
    id: job.id,
    queue: job.queue,
    attempt: job.attempt,
    type: job.type,
    timeout_ms: job.timeoutMs,
    traceparent: job.traceparent ?? null,
  }))
  .queue('bytes', (job) => Reply.bytes(Buffer.alloc(job.json(), 'x')))
  .run();
