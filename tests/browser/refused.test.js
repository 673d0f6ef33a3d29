// Who does not get in, and what froze, against the real server: nothing waits for ever, and all is told.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import * as codec from '@msgpack/msgpack';
import WebSocket from 'ws';

import { Acequia, ConnectionError, LostError, RejectedError } from '../../clients/js/src/index.js';
import { eventually, start, startWorker } from './harness.js';
import { startProxy } from './proxy.js';

const SECRET = 'a-secret-of-at-least-32-bytes-length!!';
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (seconds, claims = {}, secret = SECRET) => {
  const text = `${encoded({ alg: 'HS256' })}.${encoded({ sub: 'u', exp: Math.floor(Date.now() / 1000) + seconds, ...claims })}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
};

function connect(t, ws, options = {}) {
  const client = new Acequia(ws, { WebSocket, reconnect: { minMs: 10, maxMs: 100 }, ...options });
  client.told = [];
  client.addEventListener('error', ({ detail }) => client.told.push(detail.code));
  client.addEventListener('close', ({ detail }) => client.told.push(`close ${detail.code}`));
  t.after(() => client.close());
  return client;
}

async function guarded(t) {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-secret-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'secret'), SECRET);
  return start(t, 'serve', { args: ['--client-auth', 'jwt', '--jwt-secret-file', join(folder, 'secret')] });
}

const failure = (promise) => promise.then(() => assert.fail('it resolved'), (error) => error);

/** A server that is none of ours. */
async function stranger(t, answer) {
  const server = createServer(answer);
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    answer(request, { end: (body) => socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`), writeHead: () => {}, socket });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  return `ws://127.0.0.1:${server.address().port}/v1/ws`;
}

describe('who does not get in', () => {
  for (const [what, from] of Object.entries({
    'there is no server': async () => 'ws://127.0.0.1:1/v1/ws',
    'the path is another': async (t) => (await start(t, 'serve')).ws.replace('/v1/ws', '/v2/ws'),
    'it is a page': (t) => stranger(t, (_, answer) => answer.end('<html>hello</html>')),
    'it hangs up': (t) => stranger(t, (_, { socket }) => socket?.destroy()),
  })) {
    test(`${what}: the promises say so, with the address`, async (t) => {
      const url = await from(t);
      const client = connect(t, url, { readyTimeoutMs: 500 });
      const job = client.submit('x');
      const why = await failure(client.ready);
      assert.ok(why instanceof ConnectionError);
      assert.ok(why.message.includes(url) && /does an Acequia server listen there/i.test(why.message), why.message);
      const error = await failure(job.result);
      assert.ok(error instanceof RejectedError && error.code === 'unreachable', String(error));
      assert.equal(client.told.filter((code) => code === 'connect').length, 1);
      assert.notEqual(client.state, 'closed', 'it is tried on');
    });
  }

  test('a page of another origin', async (t) => {
    const server = await start(t, 'serve');
    class Foreign extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { origin: 'https://elsewhere.example' });
      }
    }
    const client = connect(t, server.ws, { WebSocket: Foreign, readyTimeoutMs: 500 });
    assert.match((await failure(client.ready)).message, /403/);
  });

  for (const [what, token] of Object.entries({
    'no token': undefined, 'nonsense': 'nonsense', 'a token of another key': tokenOf(60, {}, 'another-secret-of-at-least-32-bytes!!'), 'one that is over': tokenOf(-60),
    'nonsense that a header cannot hold': 'ü ü',
  })) {
    test(`${what}: unauthorized at once`, async (t) => {
      const server = await guarded(t);
      const client = connect(t, server.ws, { token });
      const job = client.submit('x');
      assert.equal((await failure(client.ready)).code, 'unauthorized');
      const error = await failure(job.result);
      assert.ok(error instanceof RejectedError && error.code === 'unauthorized');
      assert.deepEqual([client.state, client.told], ['closed', ['unauthorized', 'close 4401']]);
    });
  }

  test('a function that gets none but bad ones', async (t) => {
    const server = await guarded(t);
    let asked = 0;
    const client = connect(t, server.ws, { token: () => `bad.${++asked}` });
    assert.equal((await failure(client.ready)).code, 'unauthorized');
    assert.equal(asked, 5);
  });
});

describe('tokens', () => {
  test('are renewed on the open connection, by which even jobs for a present client live', async (t) => {
    const server = await guarded(t);
    await startWorker(t, server, '--slots', '3', '--', 'sh', '-c', 'cat; sleep 6');
    const client = connect(t, server.ws, { token: () => tokenOf(4) });
    const jobs = client.submitMany([{ onDisconnect: 'cancel' }, { onDisconnect: { cancelAfterMs: 1_000 } }, {}].map((options, i) => ({ payload: `${i}`, ...options })));
    assert.deepEqual(await Promise.all(jobs), ['0', '1', '2']);
    assert.deepEqual(client.told, []);
  });

  test('one that ran out and is no function ends the client, and its jobs are told the truth', async (t) => {
    const server = await guarded(t);
    const client = connect(t, server.ws, { token: tokenOf(2) });
    const job = client.submit('x');
    const error = await failure(job.result);
    assert.ok(error instanceof LostError && error.code === 'unauthorized', String(error));
    assert.deepEqual([client.state, client.told], ['closed', ['unauthorized', 'close 4401']]);
  });

  test('what a token allows in a second is kept to', async (t) => {
    const server = await guarded(t);
    await startWorker(t, server, '--slots', '20', '--', 'cat');
    const client = connect(t, server.ws, { token: tokenOf(60, { acequia: { ops_per_s: 10 } }) });
    const jobs = client.submitMany(Array.from({ length: 15 }, (_, i) => ({ payload: `${i}` })));
    assert.deepEqual(await Promise.all(jobs), jobs.map((_, i) => `${i}`));
    assert.deepEqual(client.told, []);
  });

  test('jobs whose connection is cut come back at one op in a second', async (t) => {
    const server = await guarded(t);
    const proxy = await startProxy(t, server);
    await startWorker(t, server, '--slots', '20', '--', 'cat');
    const client = connect(t, proxy.ws, { token: tokenOf(120, { acequia: { ops_per_s: 2 } }) });
    await client.ready;
    proxy.swallow();
    const jobs = client.submitMany([{ payload: 'a' }, { payload: 'b', key: 'k' }]);
    await eventually(async () => /outcome="done"} [1-9]/.test(await (await fetch(`${server.url}metrics`)).text()), 'one of them to end');
    proxy.cut();
    assert.deepEqual(await Promise.all(jobs), ['a', 'b']);
  });
});

for (const [encoding, options] of [['JSON', {}], ['MessagePack', { codec }]]) {
  describe(encoding, () => {
    test('a connection that froze is noticed, and the job goes on over another', async (t) => {
      const server = await start(t, 'serve');
      const proxy = await startProxy(t, server);
      await startWorker(t, server, '--demo');
      const client = connect(t, proxy.ws, { ...options, heartbeat: { everyMs: 400, timeoutMs: 300 } });
      await client.ready;
      assert.equal(await client.submit('before', { queue: 'upper' }), 'BEFORE');
      proxy.pause();
      assert.equal(await client.submit('frozen', { queue: 'upper' }), 'FROZEN');
      assert.deepEqual(client.told, ['close 1006']);
    });

    test('one that is merely quiet is not', async (t) => {
      const server = await start(t, 'serve');
      const client = connect(t, server.ws, { ...options, heartbeat: { everyMs: 50, timeoutMs: 10_000 } });
      const job = client.submit('held', { queue: 'nobody' });
      await new Promise((resolve) => job.addEventListener('accepted', resolve));
      let sent = 0;
      const { send } = WebSocket.prototype;
      t.mock.method(WebSocket.prototype, 'send', function (...args) {
        sent += 1;
        return send.apply(this, args);
      });
      await eventually(() => sent > 5, 'some questions');
      assert.deepEqual([client.state, client.told, job.ended], ['open', [], false]);
    });

    test('more jobs in a turn than a message holds', async (t) => {
      const server = await start(t, 'serve', { args: ['--client-jobs', '50000'] });
      await startWorker(t, server, '--demo');
      const client = connect(t, server.ws, options);
      await client.ready;
      client.subscribe('x');
      const jobs = client.submitMany(Array.from({ length: 10_001 }, (_, i) => ({ payload: `j${i}` })), { queue: 'upper' });
      assert.deepEqual(await Promise.all(jobs), jobs.map((_, i) => `J${i}`));
    });

    test('what is detached goes on with the next of its storage', async (t) => {
      const server = await start(t, 'serve');
      const items = new Map();
      const storage = { getItem: (key) => items.get(key) ?? null, setItem: (key, value) => items.set(key, value), removeItem: (key) => items.delete(key) };
      const first = connect(t, server.ws, { ...options, storage });
      assert.equal(new Acequia(server.ws, { WebSocket, ...options, storage }), first, 'one key is one client');
      const job = first.submit('held', { label: 'mine', queue: 'upper' });
      await new Promise((resolve) => job.addEventListener('accepted', resolve));
      first.detach();
      assert.equal((await failure(job.result)).code, 'detached');
      const second = connect(t, server.ws, { ...options, storage });
      const [same] = second.jobs;
      assert.equal(same.label, 'mine');
      assert.equal((await second.ready).resumed, true);
      await startWorker(t, server, '--demo');
      assert.equal(await same, 'HELD');
    });
  });
}
