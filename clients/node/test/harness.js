// What the tests of the worker have beyond the harness of all tests in Node.js.

import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { Worker } from '@acequia/worker';
import WebSocket from 'ws';

import { HttpClient } from '../../js/src/http/index.js';
import { Acequia } from '../../js/src/index.js';
import { environment, Program, start } from '../../../tests/browser/harness.js';

export { binary, environment, eventually, Process, Program, quietPorts, start } from '../../../tests/browser/harness.js';

/** A module of `handlers`. */
export const handler = (name) => new URL(`./handlers/${name}.js`, import.meta.url);

/** A file of this folder. */
export const file = (name) => fileURLToPath(new URL(name, import.meta.url));

/** What a program finds out of its environment about a server. */
export const settings = ({ jobs, results }, more = {}) => ({ ...environment, ACEQUIA_JOBS: jobs, ACEQUIA_RESULTS: results, ...more });

/** A server and an HTTP client of it. */
export async function serve(t, ...args) {
  const server = await start(t, 'serve', { args });
  server.client = new HttpClient(server.url);
  return server;
}

/** A session over WebSocket. */
export function session(t, server) {
  const client = new Acequia(server.ws, { WebSocket });
  t.after(() => client.close());
  return client;
}

/** A worker in this process, connected. It is `stopped` when the test is over. */
export async function work(t, { jobs, results }, queues, options = {}) {
  const lines = [];
  const connected = Promise.withResolvers?.() ?? resolvers();
  const note = (text) => {
    lines.push(text);
    if (text.startsWith('connected')) connected.resolve();
  };
  const log = { info: note, warn: note, error: note };
  const worker = new Worker({ jobs, results, name: 'tested', signals: false, log, ...options });
  for (const [queue, ...how] of Object.entries(queues).map(([queue, how]) => [queue, ...[how].flat()])) worker.queue(queue, ...how);
  const ended = worker.run();
  ended.catch(connected.reject);
  const stop = async () => {
    worker.stop();
    await ended;
  };
  await connected.promise;
  t.after(stop);
  return { worker, lines, ended, stop };
}

/** A program of Node.js that works for the server, connected. Ended after the test. */
export async function workers(t, server, args, env) {
  const program = new Program(process.execPath, args, { env: settings(server, env) });
  t.after(() => program.kill());
  await program.said(/connected/);
  return program;
}

export function resolvers() {
  let resolve, reject;
  const promise = new Promise((...both) => ([resolve, reject] = both));
  promise.catch(() => {});
  return { promise, resolve, reject };
}

/** Resolves once the signal has aborted. */
export async function aborted(signal) {
  if (!signal.aborted) await once(signal, 'abort');
}
