// Who does not get in is told why, and nothing waits for ever.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Acequia, ConnectionError, LostError, RejectedError } from '../src/index.js';
import { explain } from '../src/why.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';
const PROMPT = { minMs: 1, maxMs: 1 };

function client(t, options = {}) {
  const warnings = [];
  t.mock.method(console, 'warn', (text) => warnings.push(text));
  const network = fakeNetwork();
  const it = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: PROMPT, ...options });
  t.after(() => it.close());
  const errors = [];
  it.addEventListener('error', ({ detail }) => errors.push(detail));
  return { client: it, network, errors, warnings };
}

const failure = (promise) => promise.then(() => assert.fail('it resolved'), (error) => error);

test('no server: `ready` and what waits reject in time, and it is tried on', async (t) => {
  const { client: it, network, errors, warnings } = client(t, { readyTimeoutMs: 30 });
  const job = it.submit('x');
  const { ready } = it;
  (await network.next()).end();
  const error = await failure(job.result);
  assert.ok(error instanceof RejectedError, 'nothing was run');
  assert.equal(error.code, 'unreachable');
  assert.match(error.message, /acequia\.test\/v1\/ws.*1006.*does an Acequia server listen/i);
  const why = await failure(ready);
  assert.ok(why instanceof ConnectionError);
  assert.deepEqual([why.code, why.url, why.closeCode], ['unreachable', URL, 1006]);
  assert.deepEqual([errors.length, errors[0].code, warnings.length], [1, 'connect', 1], 'it is said once');
  assert.match(warnings[0], /acequia\.test/);
  const again = it.submit('y');
  (await network.next()).welcome();
  await it.ready;
  await turn();
  assert.deepEqual([it.state, again.ended], ['open', false]);
});

test('readyTimeoutMs: Infinity waits', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client: it } = client(t, { readyTimeoutMs: Infinity, connectTimeoutMs: 2 ** 30 });
  const job = it.submit('x');
  t.mock.timers.tick(1e9);
  await turn();
  assert.equal(job.ended, false);
  assert.throws(() => new Acequia(URL, { WebSocket: fakeNetwork().WebSocket, readyTimeoutMs: '1' }), TypeError);
});

test('after a first connection, what waits does so for as long as it takes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { client: it, network, errors, warnings } = client(t, { readyTimeoutMs: 5 });
  (await network.next()).welcome().end();
  const job = it.submit('x');
  const fail = async () => {
    t.mock.timers.tick(1);
    (await network.next()).end();
  };
  await fail();
  assert.deepEqual(errors, [], 'a short outage is not worth a word');
  now = 10_000;
  await fail();
  await fail();
  assert.deepEqual([errors.map(({ code }) => code), warnings.length, job.ended], [['connect'], 1, false]);
});

test('a static token that is not taken ends the client', async (t) => {
  const { client: it, network, errors, warnings } = client(t, { token: 'old' });
  const job = it.submit('x');
  const { ready } = it;
  (await network.next()).end(4401, 'unauthorized');
  const error = await failure(job.result);
  assert.ok(error instanceof RejectedError && error.code === 'unauthorized', 'it was never sent');
  assert.match(error.message, /token/);
  assert.deepEqual([(await failure(ready)).code, it.state, errors[0].code, warnings.length], ['unauthorized', 'closed', 'unauthorized', 1]);
});

test('so does one that runs out, with the truth about each job', async (t) => {
  const { client: it, network } = client(t, { token: 'old' });
  const socket = (await network.next()).welcome();
  const sent = it.submit('x');
  await turn();
  socket.say({ ev: 'accepted', id: 1, job: 'u' });
  const unsent = it.submit('y');
  socket.end(4401);
  assert.ok((await failure(sent.result)) instanceof LostError);
  assert.equal(sent.error.code, 'unauthorized');
  assert.ok((await failure(unsent.result)) instanceof RejectedError);
  assert.equal((await failure(it.submit('z').result)).code, 'closed');
});

test('no token where one is asked for', async (t) => {
  const { client: it, network } = client(t);
  (await network.next()).end(4401);
  assert.match((await failure(it.ready)).message, /pass the option `token`/);
});

test('a function is asked five times, and a welcome begins the count anew', async (t) => {
  let asked = 0;
  const { client: it, network } = client(t, { token: () => `t${++asked}` });
  for (let i = 0; i < 4; i++) (await network.next()).end(4401);
  (await network.next()).welcome().end(4401);
  for (let i = 0; i < 3; i++) (await network.next()).end(4401);
  assert.equal(it.state, 'waiting');
  const job = it.submit('x');
  (await network.next()).end(4401);
  assert.equal((await failure(job.result)).code, 'unauthorized');
  assert.deepEqual([it.state, asked], ['closed', 9]);
});

test('a function that gets no token in time', async (t) => {
  const { client: it, errors } = client(t, { token: () => new Promise(() => {}), connectTimeoutMs: 5, readyTimeoutMs: 30, reconnect: { minMs: 1e6, maxMs: 1e6 } });
  const error = await failure(it.ready);
  assert.match(error.message, /the function `token` got none in 5 ms/);
  assert.deepEqual(errors.map(({ code }) => code), ['token']);
});

test('a greeting that is refused for its rate is said again after a second', async (t) => {
  const { client: it, network } = client(t);
  const pause = new Promise((resolve) => it.addEventListener('close', ({ detail }) => resolve(detail.retryInMs), { once: true }));
  const socket = await network.next();
  socket.open();
  socket.say({ ev: 'error', code: 'rate_limited', message: 'too fast' });
  assert.equal(await pause, 1_000);
});

test('a server of another kind', async (t) => {
  const { client: it, network } = client(t, { readyTimeoutMs: 50, connectTimeoutMs: 5, reconnect: { minMs: 1e6, maxMs: 1e6 } });
  (await network.next()).open();
  assert.match((await failure(it.ready)).message, /is it an Acequia server/);
  const other = client(t, { readyTimeoutMs: 50, reconnect: { minMs: 1e6, maxMs: 1e6 } });
  Object.assign(await other.network.next(), { protocol: 'chat' }).open();
  assert.match((await failure(other.client.ready)).message, /does not speak acequia\.v1\.json/);
});

test('what a WebSocket says of its trouble is passed on', async (t) => {
  const { client: it, network } = client(t, { readyTimeoutMs: 30 });
  const socket = await network.next();
  socket.onerror({ message: 'Unexpected server response: 403' });
  socket.end();
  assert.match((await failure(it.ready)).message, /Unexpected server response: 403/);
});

test('the hint fits the page', () => {
  const down = { code: 1006, reason: '', hasAsked: true, reached: false, wasOpen: false };
  const of = (origin, url = URL) => explain(down, { url, hasToken: false, origin });
  assert.match(of('https://app.example', 'wss://jobs.example/v1/ws'), /--allow-origin https:\/\/app\.example/);
  assert.doesNotMatch(of('http://acequia.test'), /allow-origin/);
  assert.match(of('https://app.example'), /wss/);
  assert.match(of('null'), /no origin of its own/);
  assert.doesNotMatch(of(undefined), /allow-origin/);
});

test('detach leaves the session to the next', async (t) => {
  const { client: it, network } = client(t);
  const socket = await network.next();
  socket.open();
  socket.say({ ev: 'welcome', session: 's', resumed: false, limits: {} });
  const job = it.submit('x');
  await turn();
  it.detach();
  assert.deepEqual([socket.closeCode, it.state], [1000, 'closed']);
  const error = await failure(job.result);
  assert.ok(error instanceof LostError && error.code === 'detached');
  it.close();
  it.detach();
});
