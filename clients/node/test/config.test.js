// What is wrong with a worker's options is said before anything is dialled.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Worker, WorkerError } from '@acequia/worker';

import { configOf } from '../src/config.js';

const handler = () => {};

for (const [what, options, message] of [
  ['an endpoint of another kind', { jobs: 'http://x:1', results: 'tcp://x:2' }, /^the jobs endpoint "http:\/\/x:1" cannot be used: it is neither; expected is tcp:/],
  ['a port that cannot be dialled', { results: 'tcp://x:0' }, /^the results endpoint .*: 0 is no port/],
  ['an address to listen on', { jobs: 'tcp://*:1' }, /not to dial/],
  ['endpoints that are no pairs', { jobs: ['tcp://a:1', 'tcp://b:1'] }, /there are 2 of the one and 1 of the other/],
  ['no slots', { slots: 0 }, /^`slots` is an integer from 1 to 65536, and not 0$/],
  ['slots that are no number', { slots: '8' }, /and not '8'$/],
  ['a pack', { pack: 1_025 }, /^`pack` is an integer from 1 to 1024/],
  ['a beat that comes too late', { beatMs: 5_001 }, /^`beatMs` is an integer from 10 to 5000/],
  ['a token file that is not there', { tokenFile: '/none' }, /^the worker token cannot be read: ENOENT.*'\/none'$/],
  ['a token that is empty', { token: '' }, /^the option `token` holds no worker token: it is empty$/],
  ['an unknown option', { slot: 1 }, /^a worker has no option `slot`; there are jobs, results, /],
]) {
  test(`a WorkerError: ${what}`, () => {
    const worker = new Worker(options).queue('q', handler);
    return assert.rejects(worker.run(), (error) => error instanceof WorkerError && message.test(error.message));
  });
}

test('queues that cannot be', async () => {
  const worker = new Worker({ log: false }).queue('q', handler);
  const bad = [
    ['a b', handler], ['', handler], ['x'.repeat(65), handler], [5, handler], ['q', handler], ['q', new URL('file:///x.js')], ['n', null], ['n', './relative.js'],
    ['n', handler, { threads: 2 }], ['n', new URL('file:///x.js'), { threads: 0 }], ['n', new URL('file:///x.js'), { thread: 1 }], ['n', '/x.js', { killAfterMs: -1 }],
  ];
  for (const [name, ...how] of bad) assert.throws(() => worker.queue(name, ...how), WorkerError, String(name));
  await assert.rejects(new Worker().run(), /a worker serves 1 to 64 queues, and this one 0/);
});

test('a worker runs once', async () => {
  const worker = new Worker({ log: false, signals: false, jobs: 'tcp://127.0.0.1:9', results: 'tcp://127.0.0.1:9' }).queue('q', handler);
  const ended = worker.run();
  await assert.rejects(worker.run(), /runs already/);
  assert.throws(() => worker.queue('late', handler), /comes too late/);
  worker.stop();
  await ended;
});

test('it stops by a signal of its own, also one that has aborted', async () => {
  const make = () => new Worker({ log: false, signals: false, jobs: 'tcp://127.0.0.1:9', results: 'tcp://127.0.0.1:9' }).queue('q', handler);
  await make().run({ signal: AbortSignal.abort() });
  const controller = new AbortController();
  const ended = make().run({ signal: controller.signal });
  controller.abort();
  await ended;
});

test('options go before the environment, the environment before the defaults', () => {
  const env = { ACEQUIA_JOBS: 'tcp://a:1, tcp://b:1', ACEQUIA_RESULTS: 'tcp://a:2,tcp://b:2', ACEQUIA_SLOTS: '7', ACEQUIA_NAME: 'env', ACEQUIA_GRACE_S: '2' };
  assert.deepEqual(configOf({}, ['q'], env), {
    servers: [{ jobs: 'tcp://a:1', results: 'tcp://a:2' }, { jobs: 'tcp://b:1', results: 'tcp://b:2' }],
    config: { name: 'env', slots: 7, pack: 256, queues: ['q'], token: undefined, beatMs: 3_000, graceMs: 2_000 },
  });
  const { servers, config } = configOf({ jobs: 'ipc:///j', results: 'ipc:///r', slots: 2, name: 'code', graceMs: 5, token: 't' }, ['b', 'a'], env);
  assert.deepEqual(servers, [{ jobs: 'ipc:///j', results: 'ipc:///r' }]);
  assert.deepEqual({ ...config, token: String(config.token) }, { name: 'code', slots: 2, pack: 256, queues: ['a', 'b'], token: 't', beatMs: 3_000, graceMs: 5 });
  const plain = configOf({}, ['q'], {});
  assert.deepEqual(plain.servers, [{ jobs: 'tcp://127.0.0.1:5557', results: 'tcp://127.0.0.1:5558' }]);
  assert.deepEqual([plain.config.slots, plain.config.graceMs], [1, 30_000]);
  assert.match(plain.config.name, new RegExp(`-${process.pid}$`));
  assert.throws(() => configOf({}, ['q'], { ACEQUIA_SLOTS: 'many' }), /^WorkerError: ACEQUIA_SLOTS is a number, and not "many"$/);
});
