// Ends its thread in the way that the payload names, or answers with the thread that it is.

import { threadId } from 'node:worker_threads';

const ways = {
  exit: () => process.exit(3),
  memory: () => {
    const kept = [];
    for (;;) kept.push(new Array(10_000).fill(kept.length));
  },
  later: () => {
    setImmediate(() => {
      throw new Error('thrown where nobody waits');
    });
    return new Promise(() => {});
  },
  none: () => threadId,
};

export default (job) => ways[job.json()]();
