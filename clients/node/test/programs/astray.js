// A worker whose handler throws where nobody waits for it.

import { Worker } from '@acequia/worker';

await new Worker()
  .queue('astray', () => {
    setImmediate(() => {
      throw new Error('thrown astray');
    });
    return new Promise(() => {});
  })
  .run();
