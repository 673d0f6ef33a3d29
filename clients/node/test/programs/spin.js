// A worker whose handler blocks the main thread until its job is cancelled.

import { Worker } from '@acequia/worker';

let begun = 0;

await new Worker()
  .queue('spin', (job) => {
    begun += 1;
    job.progress(begun, 2, 'spinning');
    while (!job.cancelled);
  })
  .queue('begun', () => begun)
  .run();
