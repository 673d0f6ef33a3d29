// The thread that speaks with the servers: no handler runs in it, so none can hold up a heartbeat.
//
//     server ──▶ connection ──take──▶ place: the main thread, or a thread of the queue
//                    │                  │
//                    ▼                  ▼
//     server ◀── outbox ◀──── desk ◀────┘
//
// What is held is in one table (`held.js`), by numbers that mean something in this process alone.

import { parentPort, workerData } from 'node:worker_threads';

import { describe } from '../failure.js';
import { Desk } from './desk.js';
import { Held } from './held.js';
import { MainPlace } from './main-place.js';
import { Server } from './server.js';
import { Threads } from './threads.js';

const control = /** @type {import('node:worker_threads').MessagePort} */ (parentPort);
const { config, servers, pools, port, closed } = workerData;

const held = new Held();
const desk = new Desk(held);
const main = new MainPlace(port, desk);
/** @type {Map<string, Threads>} */
const places = new Map(pools.map((/** @type {import('./threads.js').Options} */ pool) => [pool.queue, new Threads(pool, desk)]));

const owner = {
  held,
  placeOf: (/** @type {string} */ queue) => places.get(queue) ?? main,
  log: (/** @type {string} */ level, /** @type {string} */ text) => control.postMessage({ log: level, text }),
};
/** @type {Server[]} */
const all = servers.map((/** @type {{ jobs: string, results: string }} */ endpoints) => new Server(config, endpoints, owner));

control.on('message', (word) => (word === 'leave' ? leave() : abandon()));

function leave() {
  for (const server of all) server.leave();
}

/** Closes all sockets, and says so to whoever waits: a thread that ends while one of them receives takes the process with it. */
async function abandon() {
  await Promise.all(all.map((server) => server.abandon()));
  Atomics.store(closed, 0, 1);
  Atomics.notify(closed, 0);
}

// A mistake of this library. The thread ends, and with it the worker, which says why.
process.on('uncaughtException', async (error) => {
  control.postMessage({ fatal: `a mistake of this library: ${describe(error)}`, stack: error?.stack });
  await abandon();
  process.exit();
});

/** It is of no use to go on. @param {unknown} error */
function fail(error) {
  // An error of another thread may have lost what it is on its way.
  control.postMessage({ fatal: describe(error), stack: error instanceof Error ? error.stack : undefined });
  leave();
}

await Promise.all([...places.values()].map((place) => place.ready())).catch(fail);
await Promise.all(all.map((server) => server.run().catch(fail)));
await Promise.all([...places.values()].map((place) => place.close()));
main.close();
control.close();
