// A Worker for `acequia-worker`.

import { Worker } from '@acequia/worker';

export default new Worker({ name: 'own' }).queue('upper', (job) => job.json().toUpperCase());
