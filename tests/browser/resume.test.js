// Sessions that outlive their connection, and their server.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';

import * as codec from '@msgpack/msgpack';
import WebSocket from 'ws';

import { Acequia, LostError } from '../../clients/js/src/index.js';
import { gate } from './gate.js';
import { eventually, quietPorts, start, startWorker } from './harness.js';
import { startProxy } from './proxy.js';

const PROMPT = { minMs: 10, maxMs: 100 };

function connect(t, ws, options = {}) {
  const client = new Acequia(ws, { WebSocket, reconnect: PROMPT, ...options });
  client.trouble = [];
  for (const type of ['error', 'gap']) client.addEventListener(type, ({ detail }) => client.trouble.push(detail));
  t.after(() => client.close());
  return client;
}

const once = (target, type) => new Promise((resolve) => target.addEventListener(type, ({ detail }) => resolve(detail), { once: true }));

/** Every event of a job, in short. */
function watch(job) {
  job.seen = [];
  for (const type of ['started', 'chunk', 'done', 'failed', 'cancelled', 'rejected']) {
    job.addEventListener(type, ({ detail }) => job.seen.push(detail.n ? `${detail.ev} ${detail.n} ${detail.data.trimEnd()}` : detail.ev));
  }
  return job;
}

/** Resolves once so many jobs have ended in `done` at the server. */
const done = (server, jobs, queue = 'default') => eventually(async () => {
  const metrics = await (await fetch(`${server.url}metrics`)).text();
  return metrics.includes(`acequia_jobs_ended_total{queue="${queue}",outcome="done"} ${jobs}\n`);
}, `the end of ${jobs} jobs`);

/** A worker whose jobs say two chunks, wait at the gate, and say two more. */
const startPatient = (t, server, path, ...args) =>
  startWorker(t, server, '--stream', ...args, '--', 'sh', '-c', `cat >/dev/null; echo a; echo b; cat "${path}"; echo c; echo d`);
const CHUNKS = ['started', 'chunk 1 a', 'chunk 2 b', 'chunk 3 c', 'chunk 4 d', 'done'];

function journal(t) {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  return ['--journal', join(folder, 'acequia.redb')];
}

for (const [encoding, options] of [['JSON', {}], ['MessagePack', { codec }]]) {
  describe(encoding, () => {
    test('a hundred slow jobs whose connection is cut: exactly the missing events', async (t) => {
      const server = await start(t, 'serve');
      const proxy = await startProxy(t, server);
      const { path, open } = gate(t);
      await startPatient(t, server, path, '--slots', '100');
      const client = connect(t, proxy.ws, options);
      const jobs = client.submitMany(Array.from({ length: 100 }, (_, n) => ({ payload: n }))).map(watch);
      await Promise.all(jobs.slice(0, 50).map((job) => eventually(() => job.seen.includes('chunk 2 b'), 'the first half')));
      proxy.swallow(); // some events are on their way
      open();
      await done(server, 100);
      const closed = once(client, 'close');
      const opened = once(client, 'open');
      proxy.cut();
      await closed;
      assert.equal((await opened).resumed, true);
      await Promise.all(jobs.map(({ result }) => result));
      for (const job of jobs) assert.deepEqual(job.seen, CHUNKS);
      assert.deepEqual(client.trouble, []);
      await done(server, 100); // none ran twice
    });

    test('cut again and again', async (t) => {
      const server = await start(t, 'serve');
      const proxy = await startProxy(t, server);
      await startWorker(t, server, '--stream', '--slots', '4', '--', 'seq', '20');
      const client = connect(t, proxy.ws, options);
      const jobs = client.submitMany(Array.from({ length: 60 }, (_, n) => ({ payload: n }))).map(watch);
      let ended = 0;
      for (const job of jobs) job.addEventListener('done', () => ++ended % 10 === 0 && proxy.cut());
      await Promise.all(jobs.map(({ result }) => result));
      const whole = ['started', ...Array.from({ length: 20 }, (_, n) => `chunk ${n + 1} ${n + 1}`), 'done'];
      for (const job of jobs) assert.deepEqual(job.seen, whole);
      await done(server, 60);
      assert.deepEqual(client.trouble, []);
    });

    test('submits that are lost on the way, and answers that are', async (t) => {
      const server = await start(t, 'serve');
      const proxy = await startProxy(t, server);
      await startWorker(t, server, '--demo');
      const client = connect(t, proxy.ws, options);
      await client.ready;
      proxy.swallow();
      const unanswered = client.submitMany([{ payload: 'one' }, { payload: 'two' }], { queue: 'upper' }).map(watch);
      await done(server, 2, 'upper');
      proxy.refuse(true);
      proxy.cut();
      await once(client, 'close');
      const unsent = watch(client.submit('three', { queue: 'upper' }));
      proxy.refuse(false);
      assert.deepEqual(await Promise.all([...unanswered, unsent]), ['ONE', 'TWO', 'THREE']);
      for (const job of [...unanswered, unsent]) assert.deepEqual(job.seen, ['started', 'done']);
      await done(server, 3, 'upper'); // none ran twice
      assert.deepEqual(client.trouble, []);
    });

    test('the server is killed, with a journal, while jobs wait and run', async (t) => {
      const args = journal(t);
      const server = await start(t, 'serve', { ports: await quietPorts(), args });
      server.mayEnd = true;
      const { path, open } = gate(t);
      const worker = await startPatient(t, server, path, '--slots', '2');
      const client = connect(t, server.ws, options);
      const jobs = client.submitMany(Array.from({ length: 20 }, (_, n) => ({ payload: n }))).map(watch);
      await Promise.all(jobs.map((job) => eventually(() => job.uuid, 'a word about each')));
      await eventually(() => jobs.filter(({ seen }) => seen.includes('chunk 2 b')).length >= 2, 'two that run');
      const closed = once(client, 'close');
      await server.process.kill();
      await closed;
      const between = watch(client.submit('between'));
      const opened = once(client, 'open');
      const next = await start(t, 'serve', { ports: server, args });
      assert.equal((await opened).resumed, true);
      open();
      await Promise.all([...jobs, between].map(({ result }) => result));
      for (const { seen } of jobs) assert.deepEqual(seen.filter((what) => what === 'done'), ['done']);
      assert.deepEqual(between.seen, CHUNKS);
      assert.equal(await client.submit('after'), '');
      assert.ok(worker.alive);
      assert.deepEqual(client.trouble.filter(({ ev }) => ev !== 'gap'), []);
      assert.ok(next.process.alive);
    });

    test('the server is killed as soon as jobs start, again and again', async (t) => {
      const args = journal(t);
      const ports = await quietPorts();
      const client = connect(t, `ws://${ports.http}/v1/ws`, options);
      const jobs = [];
      for (let round = 0; round < 8; round += 1) {
        const server = await start(t, 'serve', { ports, args });
        server.mayEnd = true;
        if (round === 0) await startWorker(t, server, '--slots', '4', '--', 'sh', '-c', 'tr -cd 0-9.; sleep 0.05');
        // Of the first to start, some are not on the disk yet; and each key is waited for twice.
        const more = Array.from({ length: 12 }, (_, n) => {
          const payload = `${round}.${n >> 1}`;
          return client.submit(payload, n % 4 < 2 ? {} : { key: payload });
        });
        jobs.push(...more);
        await Promise.race(more.map((job) => once(job, 'started')));
        await server.process.kill();
      }
      await start(t, 'serve', { ports, args });
      const results = await Promise.all(jobs.map(({ result }) => result));
      assert.deepEqual(results, jobs.map((_, n) => `${Math.floor(n / 12)}.${(n % 12) >> 1}`));
      assert.deepEqual(client.jobs, []);
    });

    test('outcomes that nobody heard outlive their server', async (t) => {
      const args = journal(t);
      const ports = await quietPorts();
      const server = await start(t, 'serve', { ports, args });
      server.mayEnd = true;
      const proxy = await startProxy(t, server);
      const { path, open } = gate(t);
      await startWorker(t, server, '--slots', '10', '--', 'sh', '-c', `cat >/dev/null; cat "${path}"; printf "run %s" "$ACEQUIA_ATTEMPT"`);
      const client = connect(t, proxy.ws, options);
      const jobs = client.submitMany(Array.from({ length: 10 }, (_, n) => ({ payload: n }))).map(watch);
      await Promise.all(jobs.map((job) => eventually(() => job.state !== 'submitted' && job.seen.includes('started'), 'all to run')));
      proxy.swallow();
      open();
      await done(server, 10);
      proxy.refuse(true);
      await server.process.kill();
      proxy.cut();
      await start(t, 'serve', { ports: server, args });
      proxy.refuse(false);
      assert.deepEqual(await Promise.all(jobs), jobs.map(() => 'run 1'), 'none ran again');
      for (const { seen } of jobs) assert.equal(seen.filter((what) => what === 'done').length, 1);
    });

    test('a server without a journal forgets, and says so', async (t) => {
      const server = await start(t, 'serve', { ports: await quietPorts() });
      server.mayEnd = true;
      const [client, insists] = [connect(t, server.ws, options), connect(t, server.ws, { ...options, resubmit: true })];
      const jobs = client.submitMany([{ payload: 'plain' }, { payload: 'keyed', key: 'k' }], { queue: 'upper' });
      jobs.push(insists.submit('insists', { queue: 'upper' }));
      await Promise.all(jobs.map((job) => once(job, 'accepted')));
      const closed = once(client, 'close');
      await server.process.kill();
      await closed;
      await start(t, 'serve', { ports: server });
      await assert.rejects(jobs[0].result, (error) => error instanceof LostError && error.code === 'session_lost');
      await startWorker(t, server, '--demo');
      assert.deepEqual(await Promise.all(jobs.slice(1)), ['KEYED', 'INSISTS']);
    });
  });
}

test('events that could not be kept are told as a gap, and the outcome comes', async (t) => {
  const server = await start(t, 'serve');
  const proxy = await startProxy(t, server);
  const { path, open } = gate(t);
  await startWorker(t, server, '--stream', '--', 'sh', '-c', `cat >/dev/null; cat "${path}"; seq 5000`);
  const client = connect(t, proxy.ws);
  const job = client.submit('many');
  const chunks = [];
  job.addEventListener('chunk', ({ detail }) => chunks.push(detail.data));
  await once(job, 'started');
  proxy.refuse(true);
  const closed = once(client, 'close');
  proxy.cut();
  await closed;
  open();
  await done(server, 1);
  proxy.refuse(false);
  await job.result;
  // What was given up while the client was away, and what was while it caught up, may be told apart.
  assert.deepEqual([...new Set(client.trouble.map(({ ev }) => ev))], ['gap']);
  const missed = client.trouble.reduce((sum, event) => sum + event.missed, 0);
  assert.equal(missed + chunks.length, 5000);
  assert.ok(missed > 0);
  assert.deepEqual(chunks, [...chunks].sort((a, b) => a - b), 'in order');
});

test('more results than a mailbox holds wait for a client that does not read, and is cut', async (t) => {
  const server = await start(t, 'serve');
  const proxy = await startProxy(t, server);
  await startWorker(t, server, '--slots', '2', '--', 'sh', '-c', 'cat; head -c 1000000 /dev/zero | tr "\\0" x');
  const client = connect(t, proxy.ws);
  await client.ready;
  proxy.pause();
  const jobs = client.submitMany(Array.from({ length: 40 }, (_, n) => ({ payload: n }))).map(watch);
  await done(server, 40);
  proxy.cut();
  const results = await Promise.all(jobs);
  assert.deepEqual(results.map((text) => [parseInt(text, 10), text.length > 1_000_000]), jobs.map((_, n) => [n, true]));
  for (const { seen } of jobs) assert.equal(seen.filter((what) => what === 'done').length, 1);
  await done(server, 40); // none ran twice
});

test('a server that has no room is asked again until it has', async (t) => {
  const server = await start(t, 'serve', { args: ['--sessions', 1] });
  await startWorker(t, server, '--', 'cat');
  const guest = new WebSocket(server.ws, 'acequia.v1.json');
  await new Promise((resolve) => guest.once('open', resolve));
  const client = connect(t, server.ws);
  const job = client.submit('late');
  await once(client, 'close');
  await once(client, 'close');
  assert.equal(job.ended, false);
  guest.close();
  assert.equal(await job, 'late');
});

test('what becomes of a job while its client is away is what it says', async (t) => {
  const server = await start(t, 'serve');
  const proxy = await startProxy(t, server);
  const client = connect(t, proxy.ws);
  const [keep, wait, cancel] = ['keep', { cancelAfterMs: 600_000 }, 'cancel'].map((onDisconnect) => client.submit('x', { onDisconnect }));
  await Promise.all([keep, wait, cancel].map((job) => once(job, 'accepted')));
  const opened = once(client, 'open');
  proxy.cut();
  assert.equal((await opened).resumed, true);
  await assert.rejects(cancel.result, { code: 'cancelled' });
  await startWorker(t, server, '--', 'cat');
  assert.deepEqual(await Promise.all([keep, wait]), ['x', 'x']);
});

test('who comes with the secret takes the session over, and the other is told', async (t) => {
  const server = await start(t, 'serve');
  const items = new Map();
  const storage = {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
  const first = connect(t, server.ws, { storage });
  const job = first.submit('held', { label: 'mine' });
  await once(job, 'accepted');
  await eventually(() => [...items.values()].some((text) => /"uuid"/.test(text)), 'what was heard to be written down');
  const copy = new Map(items); // the tab is duplicated
  const told = once(first, 'close');
  const second = connect(t, server.ws, {
    storage: { getItem: (key) => copy.get(key) ?? null, setItem: (key, value) => copy.set(key, value), removeItem: (key) => copy.delete(key) },
  });
  const [same] = second.jobs;
  assert.deepEqual([same.id, same.label, same.restored], [job.id, 'mine', true]);
  assert.equal((await second.ready).resumed, true);
  const { code, retryInMs } = await told;
  assert.deepEqual([code, retryInMs, first.state], [4001, null, 'closed']);
  await assert.rejects(job.result, { code: 'taken_over' });
  await startWorker(t, server, '--', 'cat');
  assert.equal(await same, 'held');
  assert.equal(second.state, 'open');
});

test('a server that stops: what it had not taken and what it had go on at the next', async (t) => {
  const args = journal(t);
  const server = await start(t, 'serve', { ports: await quietPorts(), args });
  server.mayEnd = true;
  const client = connect(t, server.ws);
  const taken = client.submit('taken');
  await once(taken, 'accepted');
  const closed = once(client, 'close');
  server.process.child.kill('SIGTERM');
  const untaken = client.submit('untaken');
  assert.equal((await closed).code, 1001);
  await server.process.ended;
  const next = await start(t, 'serve', { ports: server, args });
  await startWorker(t, next, '--', 'cat');
  assert.deepEqual(await Promise.all([taken, untaken]), ['taken', 'untaken']);
});
