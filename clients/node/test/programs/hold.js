// A worker that holds each job until a job `release` comes, or for ever; it heeds nothing else.

import { Worker } from '@acequia/worker';

/** @type {(() => void)[]} */
const held = [];

await new Worker()
  .queue('hold', (job) => new Promise((resolve) => {
    job.progress(0, 1, 'held');
    held.push(() => resolve(job.json()));
  }))
  .queue('release', () => held.splice(0).forEach((release) => release()))
  .queue('block', (job) => {
    job.progress(0, 1, 'blocking');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, job.json());
  })
  .run();
console.log('drained');
// What keeps a process alive is no matter of the worker's end.
if (process.argv[2] === 'alive') setInterval(() => {}, 1_000);
