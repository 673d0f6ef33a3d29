// What a backend submitted over HTTP is watched: in Node.js, and by a page in Chromium.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import * as codec from '@msgpack/msgpack';
import WebSocket from 'ws';

import { Acequia } from '../../clients/js/src/index.js';
import { quietPorts, start } from './harness.js';
import { closeBrowser, newContext, useTree } from './page.js';
import { startTold } from './told-worker.js';

after(closeBrowser);

const PAGE = `<!doctype html><meta charset="utf-8"><title>a job</title><progress></progress><script type="module">
  import { Acequia } from '/client/index.js';
  const client = new Acequia(undefined, { storage: true, reconnect: { minMs: 10, maxMs: 100 } });
  window.seen = [];
  client.addEventListener('state', ({ detail }) => (document.body.dataset.state = detail.state));
  client.addEventListener('error', ({ detail }) => window.seen.push('error ' + detail.code));
  window.restored = client.jobs.map(({ uuid }) => uuid);
  const job = client.watch(new URLSearchParams(location.search).get('job'));
  const bar = document.querySelector('progress');
  for (const type of ['accepted', 'started', 'progress', 'done', 'failed', 'cancelled', 'rejected']) {
    job.addEventListener(type, ({ detail }) => {
      if (type === 'progress') [bar.value, bar.max] = [detail.done, detail.total];
      window.seen.push(type === 'progress' ? 'progress ' + detail.done : type);
      document.body.dataset.last = window.seen.at(-1);
    });
  }
  job.result.then((result) => (document.title = result), (error) => (document.title = error.code));
</script>`;

/** What a backend does. */
async function submit(server, queue, payload, query = '') {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${server.url}v1/queues/${queue}/jobs${query}`, { method: 'POST', headers, body: JSON.stringify(payload) });
  assert.equal(response.status, 202);
  return (await response.json()).job;
}

/** A page that watches the job, with the library of this tree and not of the binary. */
async function open(t, server, job) {
  const context = await newContext(t);
  await useTree(context, '/client/');
  await context.route('**/watch.html*', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
  const errors = [];
  context.on('weberror', (error) => errors.push(error.error()));
  t.after(() => assert.deepEqual(errors, []));
  const page = await context.newPage();
  await page.goto(`${server.url}watch.html?job=${job}`);
  return page;
}

const isIn = (page, state) => page.waitForSelector(`body[data-state=${state}]`, { state: 'attached' });
const last = (page, what) => page.waitForSelector(`body[data-last="${what}"]`, { state: 'attached' });
const bar = (page) => page.evaluate(() => [document.querySelector('progress').value, document.querySelector('progress').max]);
const seen = (page) => page.evaluate(() => window.seen);

test('a job that a backend submitted, over a reload and over a crash of the server', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const args = ['--journal', join(folder, 'acequia.redb')];
  const server = await start(t, 'serve', { ports: await quietPorts(), args });
  server.mayEnd = true;
  const worker = startTold(t, server, 'import');
  const job = await submit(server, 'import', { file: 'big.csv' });
  let run = await worker.job();
  const page = await open(t, server, job);
  await last(page, 'started');
  await worker.progress(run, 1, 3);
  await last(page, 'progress 1');
  assert.deepEqual(await bar(page), [1, 3]);
  assert.deepEqual(await seen(page), ['accepted', 'started', 'progress 1']);

  await page.reload();
  await isIn(page, 'open');
  await worker.progress(run, 2, 3);
  await last(page, 'progress 2');
  assert.deepEqual(await page.evaluate(() => window.restored), [job]);
  assert.deepEqual([await bar(page), await seen(page)], [[2, 3], ['progress 2']]);

  await server.process.kill('SIGKILL');
  await isIn(page, 'waiting');
  const restarted = await start(t, 'serve', { ports: server, args });
  run = await worker.job();
  await last(page, 'started');
  await worker.progress(run, 3, 3);
  await worker.done(run, 'imported');
  await page.waitForFunction(() => document.title === 'imported');
  assert.deepEqual([await bar(page), await seen(page)], [[3, 3], ['progress 2', 'started', 'progress 3', 'done']]);
  const metrics = await (await fetch(`${restarted.url}metrics`)).text();
  assert.match(metrics, /acequia_jobs_ended_total\{queue="import",outcome="done"\} 1\n/);

  // For a page that comes later, its outcome is there at once.
  await page.reload();
  await page.waitForFunction(() => document.title === 'imported');
  assert.deepEqual(await page.evaluate(() => [window.restored, window.seen]), [[], ['done']]);
});

for (const [encoding, options] of [['JSON', {}], ['MessagePack', { codec }]]) {
  test(`jobs and batches of a backend, in ${encoding}`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const client = new Acequia(server.ws, { WebSocket, ...options });
    t.after(() => client.close());
    const trouble = [];
    client.addEventListener('error', ({ detail }) => trouble.push(detail));

    const [first, second] = [await submit(server, 'import', 1, '?batch=night'), await submit(server, 'import', 2, '?batch=night')];
    const run = await worker.job();
    const [one, again, two] = [client.watch(first), client.watch(first), client.watch(second)];
    const batch = client.watch({ batch: 'night' });
    const progress = new Promise((resolve) => again.addEventListener('progress', ({ detail }) => resolve(detail.done)));
    await new Promise((resolve) => one.addEventListener('started', resolve));
    await worker.progress(run, 1, 2);
    assert.equal(await progress, 1);
    await worker.done(run, { rows: 7 });
    assert.deepEqual(await Promise.all([one, again]), [{ rows: 7 }, { rows: 7 }]);
    two.cancel();
    await assert.rejects(two, { code: 'cancelled', job: second });
    assert.equal((await (await fetch(`${server.url}v1/jobs/${second}`)).json()).state, 'cancelled');
    const { jobs, done, cancelled } = await batch;
    assert.deepEqual([jobs, done, cancelled], [2, 1, 1]);

    assert.deepEqual(await client.watch(first), { rows: 7 }, 'an outcome that is kept');
    const none = [client.watch('01938c2e-7a3b-7c4d-9e5f-60718293a4b5').result, client.watch({ batch: 'night' })];
    for (const result of none) await assert.rejects(result, { name: 'LostError', code: 'not_found' });
    assert.deepEqual([client.jobs, trouble], [[], []]);
  });
}

test('a server that has forgotten the job says so', async (t) => {
  const server = await start(t, 'serve', { ports: await quietPorts() });
  server.mayEnd = true;
  const client = new Acequia(server.ws, { WebSocket, reconnect: { minMs: 10, maxMs: 100 } });
  t.after(() => client.close());
  const job = client.watch(await submit(server, 'import', 1));
  await new Promise((resolve) => job.addEventListener('accepted', resolve));
  await server.process.kill('SIGKILL');
  await start(t, 'serve', { ports: server });
  await assert.rejects(job, { name: 'LostError', code: 'not_found', job: job.uuid });
});
