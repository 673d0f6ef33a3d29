// A worker that beats often, and whose handler blocks the main thread for so many ms.

import { Worker } from '@acequia/worker';

await new Worker({ beatMs: 200 })
  .queue('block', (job) => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, job.json());
    return 'done';
  })
  .run();
