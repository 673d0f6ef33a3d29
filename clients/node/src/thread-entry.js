// What a thread for one handler runs: it loads the module, and then takes jobs.

import { parentPort, workerData } from 'node:worker_threads';

import { Runner } from './runner.js';

const { module, queue } = workerData;
const { default: handler } = await import(module);
if (typeof handler !== 'function') throw new TypeError(`${module} has no function as its default export, which is the handler of the queue \`${queue}\``);
const port = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
new Runner(port, () => handler);
port.postMessage({ ready: true });
