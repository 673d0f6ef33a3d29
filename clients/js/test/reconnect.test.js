import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pause } from '../src/pause.js';
import { Acequia } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';

async function connected(options = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  const socket = (await network.next()).welcome();
  socket.heard();
  return { network, client, socket };
}

const ids = (messages) => messages.flat().filter(({ op }) => op === 'submit').map(({ id }) => id);

test('after a loss, unanswered jobs are sent again and answered ones end', async () => {
  const { network, client, socket } = await connected();
  const [accepted, started, unanswered] = client.submitMany([{ payload: 1 }, { payload: 2 }, { payload: 3 }]);
  await turn();
  socket.say({ ev: 'accepted', id: 1, job: 'uuid-1' });
  socket.say({ ev: 'started', id: 2, job: 'uuid-2', attempt: 1, worker: 'w' });
  socket.end();
  await assert.rejects(accepted, { code: 'connection_lost', job: 'uuid-1', message: /cannot be resumed/ });
  await assert.rejects(started, { code: 'connection_lost' });
  const meanwhile = client.submit(4);
  const second = (await network.next()).welcome();
  assert.deepEqual(ids(second.heard()), [3, 4]);
  second.say({ ev: 'done', id: 3, result: 'three' });
  second.say({ ev: 'done', id: 4, result: 'four' });
  assert.deepEqual(await Promise.all([unanswered, meanwhile]), ['three', 'four']);
});

test('without resend, what was sent ends with the connection', async () => {
  const { network, client, socket } = await connected({ resend: false });
  const sent = client.submit(1);
  await turn();
  const unsent = client.submit(2);
  socket.end();
  await assert.rejects(sent, { code: 'connection_lost', message: /may or may not run/ });
  const second = (await network.next()).welcome();
  assert.deepEqual(ids(second.heard()), [2]);
  assert.equal(unsent.ended, false);
});

test('a job that is being cancelled is not sent again', async () => {
  const { network, client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  job.cancel();
  await turn();
  socket.end();
  await assert.rejects(job, { code: 'connection_lost' });
  const second = (await network.next()).welcome();
  assert.deepEqual(second.heard(), [{ op: 'hello', resume: true }]);
});

test('a job that waits for a connection can be cancelled', async () => {
  const { network, client, socket } = await connected();
  socket.end();
  const job = client.submit(1);
  job.cancel();
  await assert.rejects(job, { code: 'cancelled' });
  const second = (await network.next()).welcome();
  assert.deepEqual(second.heard(), [{ op: 'hello', resume: true }]);
});

test('events of the connection, and the pause that a bye asks for', async () => {
  const { network, client, socket } = await connected({ reconnect: { minMs: 60_000, maxMs: 60_000 } });
  const seen = [];
  for (const type of ['connecting', 'open', 'close']) {
    client.addEventListener(type, ({ detail }) => seen.push([type, client.state, detail?.retryInMs]));
  }
  socket.say({ ev: 'bye', reason: 'draining', reconnect_in_ms: 2 });
  socket.end(1001);
  (await network.next()).welcome();
  assert.deepEqual(seen, [['close', 'waiting', 2], ['connecting', 'connecting', undefined], ['open', 'open', undefined]]);
  client.close();
});

test('a connection without a welcome is given up and dialled again', async () => {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, connectTimeoutMs: 5, reconnect: { minMs: 1, maxMs: 1 } });
  const silent = await network.next();
  silent.open();
  const second = await network.next();
  assert.equal(silent.closed, true);
  second.welcome();
  await client.ready;
  client.close();
});

test('nothing is heard from a connection that was given up', async () => {
  const { network, client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  socket.end();
  (await network.next()).welcome();
  socket.say({ ev: 'done', id: 1, result: 'late' }); // as if it were still in the pipe
  assert.equal(job.ended, false);
});

test('close is for good', async () => {
  const { client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  client.close();
  assert.equal(socket.closed, true);
  assert.equal(client.state, 'closed');
  await assert.rejects(job, { code: 'closed' });
  await assert.rejects(client.submit(2), { code: 'closed' });
});

test('close before the first welcome', async () => {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket });
  client.close();
  await assert.rejects(client.ready, /closed by this client/);
});

test('retries may be limited', async () => {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1, retries: 1 } });
  const job = client.submit(1);
  (await network.next()).end();
  (await network.next()).end(1006, 'refused');
  await assert.rejects(client.ready, /refused/);
  await assert.rejects(job, { code: 'connection_lost' });
  assert.equal(client.state, 'closed');
});

test('the pause doubles up to its limit, and half of it is random', (t) => {
  const pause = new Pause({ minMs: 100, maxMs: 500 });
  t.mock.method(Math, 'random', () => 1);
  assert.deepEqual([1, 2, 3, 4, 5].map(() => pause.next()), [100, 200, 400, 500, 500]);
  pause.reset();
  Math.random.mock.mockImplementation(() => 0);
  assert.deepEqual([1, 2].map(() => pause.next()), [50, 100]);
  assert.equal(new Pause(false).next(), null);
});
