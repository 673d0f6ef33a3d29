// The client over HTTP, against the real server.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import * as codec from '@msgpack/msgpack';
import WebSocket from 'ws';

import { ConnectionError, HttpClient, HttpError, HttpJob, JobError, NotEndedError, RejectedError } from '../../clients/js/src/http/index.js';
import { Acequia } from '../../clients/js/src/index.js';
import { gate } from './gate.js';
import { quietPorts, start, startWorker } from './harness.js';
import { startProxy } from './proxy.js';

const UNKNOWN = '01938c2e-7a3b-7c4d-9e5f-60718293a4b5';

const is = (Kind, code, more = {}) => (error) => {
  assert.equal(error.constructor, Kind, `${error.name} ${error.code} ${error.message}`);
  assert.equal(error.code, code);
  for (const [key, value] of Object.entries(more)) assert.deepEqual(error[key], value, key);
  return true;
};

test('results of payloads of all kinds', async (t) => {
  const server = await start(t, 'demo');
  const client = new HttpClient(server.url, { codec });
  assert.equal(await client.run('upper', 'fair shares'), 'FAIR SHARES');
  for (const value of [null, true, 0, -1.5, '', 'ü€😀', [], {}, { a: [{ b: [1, 'x'] }] }]) assert.deepEqual(await client.run('echo', value), value);
  const bytes = new Uint8Array([0, 1, 255]);
  assert.deepEqual(await client.run('echo', bytes), bytes);
  assert.deepEqual(await client.run('echo', bytes.buffer), bytes);
  assert.deepEqual(await client.run('echo', bytes, { type: 'image/png' }), bytes);
  assert.equal(await client.run('echo', 'as it is', { type: 'text/plain' }), 'as it is');
  assert.deepEqual(await client.run('echo', codec.encode({ a: [1] }), { type: 'application/msgpack' }), { a: [1] });
  assert.deepEqual(await client.run('echo', new Date(0)), new Date(0).toJSON());
});

test('a job: submitted, asked about, waited for', async (t) => {
  const server = await start(t, 'serve');
  const client = new HttpClient(server.url);
  const { path, open } = gate(t);
  await startWorker(t, server, '--name', 'gated', '--', 'sh', '-c', `cat '${path}'; cat`);
  const job = await client.submit('default', { a: 1 }, { priority: 9, timeoutMs: 60_000, batch: 'b', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' });
  assert.ok(job instanceof HttpJob);
  await assert.rejects(job.result(), is(NotEndedError, 'not_ended', { job: job.id, status: 404 }));
  await assert.rejects(job.wait({ waitMs: 1 }), is(NotEndedError, 'not_ended'));
  const aborted = AbortSignal.abort(new Error('enough'));
  await assert.rejects(job.wait({ signal: aborted }), /enough/);
  const waiting = job.wait();
  open();
  assert.equal(await waiting, '{"a":1}');
  const { submittedMs, endedMs, ...status } = await job.status();
  assert.deepEqual(status, { job: job.id, state: 'done', queue: 'default', attempt: 1, resultType: 'text/plain' });
  assert.ok(submittedMs <= endedMs);
  assert.equal(await client.job(job.id).result(), '{"a":1}');
  await assert.rejects(job.cancel(), is(HttpError, 'has_ended', { status: 409, job: job.id }));
});

test('how a job ends without a result', async (t) => {
  const server = await start(t, 'serve');
  const client = new HttpClient(server.url);
  await startWorker(t, server, '--', 'sh', '-c', 'echo no luck >&2; exit 3');
  const failed = is(JobError, 'exit_3', { attempt: 2, message: 'no luck' });
  await assert.rejects(client.run('default', 1, { attempts: 2 }), failed);
  const job = await client.submit('default', 1, { attempts: 2 });
  await assert.rejects(job.wait(), failed);
  assert.deepEqual([(await job.status()).code, (await job.status()).message], ['exit_3', 'no luck']);

  const waiting = await client.submit('nobody', 1);
  const outcome = waiting.wait().catch((error) => error);
  await waiting.cancel();
  await waiting.cancel();
  is(JobError, 'cancelled', { job: waiting.id })(await outcome);
  assert.equal((await waiting.status()).state, 'cancelled');
  await assert.rejects(client.status(UNKNOWN), is(HttpError, 'not_found', { status: 404, job: UNKNOWN }));
  await assert.rejects(client.wait(UNKNOWN), is(HttpError, 'not_found'));
  await assert.rejects(client.cancel(UNKNOWN), is(HttpError, 'not_found'));
});

test('a wait that is over leaves the job, unless it is to be cancelled then', async (t) => {
  const server = await start(t, 'serve');
  const client = new HttpClient(server.url);
  const error = await client.run('nobody', 1, { waitMs: 10 }).catch((error) => error);
  is(NotEndedError, 'not_ended')(error);
  assert.equal((await client.status(error.job)).state, 'waiting');
  const cancelled = await client.run('nobody', 1, { waitMs: 10, onDisconnect: 'cancel' }).catch((error) => error);
  assert.equal((await client.status(cancelled.job, { waitMs: 30_000 })).state, 'cancelled');
});

test('many, each taken or refused by itself', async (t) => {
  const server = await start(t, 'demo');
  const client = new HttpClient(server.url);
  const made = await client.submitMany([{ payload: 'a' }, { payload: 'b', priority: 10 }, { payload: 'c', queue: 'echo' }, { payload: 'd', key: 'one' }, { payload: 'e', key: 'one' }], { queue: 'upper' });
  is(RejectedError, 'bad_request')(made[1]);
  assert.deepEqual(await Promise.all([0, 2, 3].map((n) => made[n].wait())), ['A', 'c', 'D']);
  assert.equal(made[4].id, made[3].id, 'one key is one job');
  // More than one call holds, in bytes and in jobs; of the latter, one more than a client may have.
  const megabytes = await client.submitMany(Array.from({ length: 6 }, () => ({ payload: 'x'.repeat(900_000), queue: 'echo' })));
  assert.deepEqual(await Promise.all(megabytes.map((job) => job.wait().then(({ length }) => length))), Array(6).fill(900_000));
  const patience = new HttpClient(server.url, { retries: 0 });
  const thousands = await patience.submitMany(Array.from({ length: 10_001 }, (_, n) => ({ payload: n, queue: 'nobody' })));
  is(RejectedError, 'too_many_jobs')(thousands[10_000]);
  assert.equal(new Set(thousands.slice(0, 10_000).map(({ id }) => id)).size, 10_000);
});

test('what is a mistake of the program is a TypeError, and what no server takes is refused', async (t) => {
  const server = await start(t, 'serve');
  const client = new HttpClient(server.url);
  for (const mistake of [
    () => client.submit('q', undefined), () => client.submit('q', { bytes: new Uint8Array(1) }), () => client.submit('q', 1, { prio: 1 }),
    () => client.submit('q', 1, { type: 'image/png' }), () => client.submit('q', new Uint8Array(1), { key: 'ü' }),
    () => client.submit('q', new Uint8Array(1), { onDisconnect: { cancelAfterMs: 1 } }), () => client.submitMany([{ payload: new Uint8Array(1) }]),
  ]) await assert.rejects(async () => mistake(), TypeError);
  assert.throws(() => new HttpClient('ws://127.0.0.1:1'), TypeError);
  assert.throws(() => new HttpClient(server.url, { tokens: 't' }), TypeError);
  await assert.rejects(client.submit('no queue', 1), is(RejectedError, 'bad_request'));
  await assert.rejects(client.run('q', 'x'.repeat(2 << 20)), is(RejectedError, 'too_large'));
  await assert.rejects(client.publish('', 1), (error) => error instanceof HttpError);
});

test('messages reach who subscribed, also later', async (t) => {
  const server = await start(t, 'serve');
  const client = new HttpClient(server.url);
  assert.equal(await client.publish('news/sports', { kept: true }, { retain: true }), 0);
  const page = new Acequia(server.ws, { WebSocket });
  t.after(() => page.close());
  const heard = [];
  const two = new Promise((resolve) => page.addEventListener('message', ({ detail }) => heard.push(detail.data) === 3 && resolve()));
  const first = new Promise((resolve) => page.addEventListener('message', resolve, { once: true }));
  page.subscribe('news/sports');
  await first;
  assert.equal(await client.publish('news/sports', 'goal'), 1);
  assert.equal(await client.publish('news/sports', 'as it is', { type: 'text/plain' }), 1);
  await two;
  assert.deepEqual(heard, [{ kept: true }, 'goal', 'as it is']);
});

test('a server that restarts is waited for, and a job is not submitted twice', async (t) => {
  const ports = await quietPorts();
  const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const args = ['--journal', join(folder, 'journal')];
  const client = new HttpClient(`http://${ports.http}`, { retries: 20 });
  const before = client.run('upper', 'early'); // nobody is there yet
  const first = await start(t, 'serve', { ports, args });
  first.mayEnd = true;
  const job = await client.submit('upper', 'kept');
  const waiting = job.wait();
  await first.process.kill('SIGKILL');
  const second = await start(t, 'serve', { ports, args });
  await startWorker(t, second, '--queue', 'upper', '--', 'tr', 'a-z', 'A-Z');
  assert.deepEqual(await Promise.all([before, waiting]), ['EARLY', 'KEPT']);
});

test('an answer that gets lost is asked for again, under the same key', async (t) => {
  const server = await start(t, 'serve');
  const proxy = await startProxy(t, server);
  let calls = 0;
  const client = new HttpClient(proxy.url, {
    fetch: async (url, init) => {
      calls += 1;
      const answer = await fetch(url, init);
      if (calls > 1) return answer;
      await answer.arrayBuffer();
      proxy.cut();
      throw new TypeError('fetch failed'); // as it says itself of an answer that did not come
    },
  });
  await client.submit('nobody', 1);
  assert.equal(calls, 2);
  const { jobs } = await (await server.admin('jobs?state=waiting&queue=nobody')).json();
  assert.equal(jobs.length, 1, 'one job, although it was submitted twice');
});

test('what has not come is told: no server, no answer in time', async (t) => {
  const { http } = await quietPorts();
  await assert.rejects(new HttpClient(`http://${http}`, { retries: 1 }).submit('q', 1), is(ConnectionError, 'unreachable', { url: `http://${http}/v1/jobs` }));
  const server = await start(t, 'serve');
  server.process.child.kill('SIGSTOP');
  t.after(() => server.process.child.kill('SIGCONT'));
  try {
    await assert.rejects(new HttpClient(server.url, { retries: 0, timeoutMs: 100 }).status(UNKNOWN), is(ConnectionError, 'timeout'));
  } finally {
    server.process.child.kill('SIGCONT');
  }
});

test('a refusal for now is tried again, and told if it stays', async (t) => {
  const server = await start(t, 'serve', { args: ['--client-jobs', '1'] });
  const patient = new HttpClient(server.url, { retries: 20 });
  const first = await patient.submit('nobody', 1);
  await assert.rejects(new HttpClient(server.url, { retries: 0 }).submit('nobody', 2), is(RejectedError, 'too_many_jobs'));
  const second = patient.submit('nobody', 2);
  await patient.cancel(first.id);
  assert.ok((await second) instanceof HttpJob);
});

test('tokens: a text, a function, and none', async (t) => {
  const { createHmac } = await import('node:crypto');
  const { writeFileSync } = await import('node:fs');
  const folder = mkdtempSync(join(tmpdir(), 'acequia-jwt-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const secret = '0123456789abcdef0123456789abcdef';
  writeFileSync(join(folder, 'secret'), secret);
  const server = await start(t, 'serve', { args: ['--client-auth', 'jwt', '--jwt-secret-file', join(folder, 'secret')] });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'anna', exp: Math.floor(Date.now() / 1_000) + 600 })}`;
  const token = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  const { id } = await new HttpClient(server.url, { token }).submit('nobody', 1);
  assert.equal((await new HttpClient(server.url, { token: async () => token }).status(id)).state, 'waiting');
  await assert.rejects(new HttpClient(server.url).submit('nobody', 1), is(RejectedError, 'unauthorized'));
  await assert.rejects(new HttpClient(server.url).status(id), is(HttpError, 'unauthorized', { status: 401 }));
});

test('an answer that is not of a server of Acequia', async (t) => {
  const { createServer } = await import('node:http');
  const other = createServer((_, answer) => answer.writeHead(404, { 'content-type': 'text/html' }).end('<p>nothing here'));
  await new Promise((resolve) => other.listen(0, '127.0.0.1', resolve));
  t.after(() => other.close());
  const client = new HttpClient(`http://127.0.0.1:${other.address().port}/below`);
  for (const call of [() => client.submit('q', 1), () => client.wait(UNKNOWN), () => client.publish('t', 1)]) {
    await assert.rejects(call(), is(HttpError, 'no_problem', { message: 'status 404: <p>nothing here' }));
  }
});
