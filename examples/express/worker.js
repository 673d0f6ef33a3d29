// Makes reports, a row at a time.

import { setTimeout as work } from 'node:timers/promises';

import { Worker } from '@acequia/worker';

await new Worker({ slots: 16 })
  .queue('reports', async (job) => {
    const { rows } = job.json();
    for (let row = 1; row <= rows; row++) {
      await work(100, undefined, { signal: job.signal });
      job.progress(row, rows);
    }
    return { summary: `${rows} rows, made at ${new Date().toLocaleTimeString()}` };
  })
  .run();
