// The client library in Node.js, against the real server and real workers.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import * as codec from '@msgpack/msgpack';
import WebSocket from 'ws';

import { Acequia, JobError, RejectedError } from '../../clients/js/src/index.js';
import { eventually, quietPorts, sample, start, startWorker } from './harness.js';

const names = (job, ...types) => {
  const seen = [];
  for (const type of types) job.addEventListener(type, ({ detail }) => seen.push(detail));
  return seen;
};

function connect(t, server, options = {}) {
  const client = new Acequia(server.ws, { WebSocket, reconnect: { minMs: 10, maxMs: 100 }, ...options });
  t.after(() => client.close());
  return client;
}

for (const [encoding, options] of [['JSON', {}], ['MessagePack', { codec }]]) {
  describe(encoding, () => {
    test('results', async (t) => {
      const server = await start(t, 'demo');
      const client = connect(t, server, options);
      const welcome = await client.ready;
      assert.equal(welcome.resumed, false);
      assert.equal(client.limits.payload_bytes, 1 << 20);
      assert.equal(await client.submit('fair shares', { queue: 'upper' }), 'FAIR SHARES');
      for (const value of [null, true, 0, -1.5, '', 'ü€😀\u0000', [], {}, { a: [{ b: [1, 'x'] }] }]) {
        assert.deepEqual(await client.submit(value, { queue: 'echo' }), value);
      }
      const tile = { x0: -2, y0: -1, step: 0.25, width: 12, height: 8, max_iter: 100 };
      const bytes = await client.submit(tile, { queue: 'mandelbrot' });
      assert.ok(bytes instanceof Uint8Array);
      assert.equal(bytes.length, 12 * 8 * 2);
    });

    test('a thousand at once, each its own', async (t) => {
      const server = await start(t, 'demo');
      const clients = [1, 2, 3].map(() => connect(t, server, options));
      const results = await Promise.all(
        clients.map((client, who) =>
          Promise.all(client.submitMany(Array.from({ length: 1000 }, (_, n) => ({ payload: `c${who} j${n}` })), { queue: 'upper' })),
        ),
      );
      results.forEach((of, who) => assert.deepEqual(of, Array.from({ length: 1000 }, (_, n) => `C${who} J${n}`)));
    });

    test('events, and failures', async (t) => {
      const server = await start(t, 'serve');
      await startWorker(t, server, '--name', 'fails', '--', 'sh', '-c', 'echo no luck >&2; exit 3');
      const client = connect(t, server, options);
      const job = client.submit('text', { attempts: 2, timeoutMs: 60_000 });
      const seen = names(job, 'accepted', 'started', 'retrying', 'failed', 'done');
      await assert.rejects(job.result, (error) => {
        assert.ok(error instanceof JobError);
        assert.deepEqual([error.code, error.attempt, error.message], ['exit_3', 2, 'no luck']);
        assert.equal(error.job, job.uuid);
        return true;
      });
      assert.deepEqual(seen.filter(({ ev }) => ev !== 'accepted').map(({ ev }) => ev), ['started', 'retrying', 'started', 'failed']);
      assert.equal(seen.find(({ ev }) => ev === 'started').worker, 'fails');
      assert.equal(job.state, 'failed');
    });

    test('chunks', async (t) => {
      const server = await start(t, 'serve');
      await startWorker(t, server, '--stream', '--', 'seq', '500');
      const client = connect(t, server, options);
      const chunks = [];
      for await (const { n, data } of client.submit('go').chunks()) chunks.push([n, data.trimEnd()]);
      assert.deepEqual(chunks, Array.from({ length: 500 }, (_, n) => [n + 1, String(n + 1)]));
    });

    test('cancel, by call and by signal', async (t) => {
      const server = await start(t, 'serve');
      await startWorker(t, server, '--slots', '2', '--', 'sleep', '600');
      const client = connect(t, server, options);
      const abort = new AbortController();
      const [one, two] = [client.submit(1), client.submit(2, { signal: abort.signal })];
      await Promise.all([one, two].map((job) => new Promise((resolve) => job.addEventListener('started', resolve))));
      one.cancel();
      abort.abort();
      await assert.rejects(one.result, { code: 'cancelled' });
      await assert.rejects(two.result, { name: 'AbortError' });
      await eventually(async () => {
        const metrics = await (await fetch(`${server.url}metrics`)).text();
        return /acequia_jobs_ended_total{queue="default",outcome="cancelled"} 2/.test(metrics);
      }, 'the end of both at the server');
    });

    test('rejections', async (t) => {
      const server = await start(t, 'serve', { args: ['--client-jobs', '2'] });
      const client = connect(t, server, options);
      const jobs = client.submitMany([1, 2, 3].map((payload) => ({ payload })));
      await assert.rejects(jobs[2].result, (error) => {
        assert.ok(error instanceof RejectedError);
        assert.equal(error.code, 'too_many_jobs');
        assert.ok(error.retryAfterMs > 0);
        return true;
      });
      await assert.rejects(client.submit(1, { priority: 10 }).result, { code: 'bad_request' });
      await assert.rejects(client.submit(1, { key: 'k'.repeat(129) }).result, { code: 'bad_request' });
      await assert.rejects(client.submit('x'.repeat(1 << 20)).result, { code: 'too_large' });
      await assert.rejects(client.submit('x'.repeat(5 << 20)).result, { code: 'too_large' });
      assert.equal(client.state, 'open');
    });

    test('the server is killed and comes back', async (t) => {
      const server = await start(t, 'serve', { ports: await quietPorts() });
      server.mayEnd = true;
      const worker = await startWorker(t, server, '--demo');
      const client = connect(t, server, { ...options, resume: false });
      assert.equal(await client.submit('before', { queue: 'upper' }), 'BEFORE');
      const unheard = client.submit('held', { queue: 'nobody' });
      await new Promise((resolve) => unheard.addEventListener('accepted', resolve));
      const closed = new Promise((resolve) => client.addEventListener('close', resolve, { once: true }));
      await server.process.kill();
      await closed;
      await assert.rejects(unheard.result, { code: 'connection_lost' });
      const waits = client.submit('between', { queue: 'upper' });
      await start(t, 'serve', { ports: server });
      assert.equal(await waits, 'BETWEEN');
      assert.ok(worker.alive);
    });

    test('a server that stops says when to come back', async (t) => {
      const server = await start(t, 'serve');
      server.mayEnd = true;
      const client = connect(t, server, options);
      await client.ready;
      const closed = new Promise((resolve) => client.addEventListener('close', resolve, { once: true }));
      assert.equal(await server.process.kill('SIGTERM'), 0);
      const { detail } = await closed;
      assert.equal(detail.code, 1001);
      assert.ok(detail.retryInMs >= 500, `comes back in ${detail.retryInMs} ms`);
    });
  });
}

test('bytes in a payload', async (t) => {
  const server = await start(t, 'demo');
  const client = connect(t, server, { codec });
  for (const bytes of [new Uint8Array(0), new Uint8Array([0, 255, 128]), new Uint8Array(1 << 20)]) {
    assert.deepEqual(await client.submit(bytes, { queue: 'echo' }), bytes);
  }
  assert.throws(() => connect(t, server).submit(new Uint8Array(1)), TypeError);
});

test('a job of a client that goes is cancelled if it asked for that', async (t) => {
  const server = await start(t, 'serve');
  const client = connect(t, server);
  const job = client.submit(1, { queue: 'nobody', onDisconnect: 'cancel' });
  await new Promise((resolve) => job.addEventListener('accepted', resolve));
  client.close();
  await assert.rejects(job.result, { code: 'closed' });
  await eventually(async () => {
    const metrics = await (await fetch(`${server.url}metrics`)).text();
    return /acequia_jobs_ended_total{queue="nobody",outcome="cancelled"} 1/.test(metrics);
  }, 'the end of the job');
});

test('the sample of the README runs in Node.js, with the package ws where there is no WebSocket, and ends', async (t) => {
  const server = await start(t, 'demo');
  const library = new URL('../../clients/js/src/node/index.js', import.meta.url);
  const text = sample('live.js', 'clients/js/README.md');
  const program = text.replace("'@acequia/client'", JSON.stringify(library.href)).replace('ws://127.0.0.1:8080/v1/ws', server.ws);
  // As in Node.js before version 22. The package is where CommonJS looks for it beyond the folders of the library.
  const older = `data:text/javascript,${encodeURIComponent('delete globalThis.WebSocket;')}`;
  const env = { ...process.env, NODE_PATH: fileURLToPath(new URL('node_modules', import.meta.url)) };
  const args = ['--import', older, '--input-type=module', '--eval', program];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { timeout: 30_000, env });
  assert.deepEqual([stdout, stderr], ['HELLO\n', '']);
});
