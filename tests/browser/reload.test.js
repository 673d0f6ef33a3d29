// A page that is loaded again goes on with its jobs, in Chromium.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { gate } from './gate.js';
import { eventually, quietPorts, start, startWorker } from './harness.js';
import { closeBrowser, newContext, useTree } from './page.js';
import { startProxy } from './proxy.js';

after(closeBrowser);

/** What it shows: a line for each job, by label, with all that came of it. */
const PAGE = `<!doctype html><meta charset="utf-8"><title>jobs</title><ul></ul><script type="module">
  import { Acequia } from '/client/index.js';
  const client = (window.client = new Acequia(undefined, { storage: true, reconnect: { minMs: 10, maxMs: 100 } }));
  window.seen = [];
  client.addEventListener('state', ({ detail }) => document.body.dataset.state = detail.state);
  client.addEventListener('error', ({ detail }) => window.seen.push(['client', detail.code]));
  const show = (job) => {
    const line = document.querySelector('ul').appendChild(document.createElement('li'));
    line.id = job.label;
    for (const type of ['started', 'chunk', 'done', 'failed']) {
      job.addEventListener(type, ({ detail }) => {
        window.seen.push([job.label, type === 'chunk' ? detail.data.trimEnd() : type === 'failed' ? detail.code : type]);
        line.dataset.last = window.seen.at(-1)[1];
      });
    }
  };
  client.jobs.forEach(show);
  window.restored = client.jobs.map(({ label }) => label);
  window.submit = (label) => { const job = client.submit(label, { label }); show(job); return job.id; };
</script>`;

/** The page, with the library of this tree and not of the binary. */
async function context(t) {
  const it = await newContext(t);
  await useTree(it, '/client/');
  await it.route('**/jobs.html', (route) => route.fulfill({ contentType: 'text/html', body: PAGE }));
  const errors = [];
  it.on('weberror', (error) => errors.push(error.error()));
  t.after(() => assert.deepEqual(errors, []));
  return it;
}

async function open(it, at) {
  const page = await it.newPage();
  await page.goto(`${at.url}jobs.html`);
  return page;
}

const isIn = (page, state) => page.waitForSelector(`body[data-state=${state}]`, { state: 'attached' });
const isOpen = (page) => isIn(page, 'open');
const last = (page, label, what) => page.waitForSelector(`#${label}[data-last="${what}"]`, { state: 'attached' });

async function patientServer(t, options) {
  const server = await start(t, 'serve', options);
  const { path, open: openGate } = gate(t);
  await startWorker(t, server, '--stream', '--slots', '4', '--', 'sh', '-c', `cat >/dev/null; echo a; cat "${path}"; echo b`);
  return { server, openGate };
}

test('a reload loses nothing, and repeats nothing', async (t) => {
  const { server, openGate } = await patientServer(t);
  const page = await open(await context(t), server);
  await isOpen(page);
  const ids = [await page.evaluate(() => submit('one')), await page.evaluate(() => submit('two'))];
  for (const label of ['one', 'two']) await last(page, label, 'a');
  assert.deepEqual(await page.evaluate(() => [restored, seen.length]), [[], 4]);

  await page.reload();
  assert.deepEqual(await page.evaluate(() => restored), ['one', 'two']);
  await isOpen(page);
  ids.push(await page.evaluate(() => submit('three')));
  assert.equal(new Set(ids).size, 3);
  await last(page, 'three', 'a');
  openGate();
  for (const label of ['one', 'two', 'three']) await last(page, label, 'done');
  const of = (label) => page.evaluate((label) => seen.filter(([who]) => who === label).map(([, what]) => what), label);
  assert.deepEqual(await of('one'), ['b', 'done']);
  assert.deepEqual(await of('two'), ['b', 'done']);
  assert.deepEqual(await of('three'), ['started', 'a', 'b', 'done']);

  await page.reload();
  assert.deepEqual(await page.evaluate(() => restored), [], 'what has ended does not come back');
  assert.deepEqual(await of('client'), []);
});

test('a reload in the turn of the submit', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(await context(t), server);
  await isOpen(page);
  await Promise.all([page.waitForEvent('load'), page.evaluate(() => {
    submit('hasty');
    location.reload();
  }).catch(() => {})]); // the page is gone before it can answer
  await isOpen(page);
  assert.deepEqual(await page.evaluate(() => restored), ['hasty']);
  await startWorker(t, server, '--', 'cat'); // not before: the job could end on the page that goes
  await last(page, 'hasty', 'done');
  const metrics = await (await fetch(`${server.url}metrics`)).text();
  assert.match(metrics, /acequia_jobs_ended_total\{queue="default",outcome="done"\} 1\n/);
});

test('what happens while there is no page comes to the next one', async (t) => {
  const { server, openGate } = await patientServer(t);
  const proxy = await startProxy(t, server);
  const page = await open(await context(t), proxy);
  await isOpen(page);
  await page.evaluate(() => submit('one'));
  await last(page, 'one', 'a');
  await page.goto('about:blank');
  openGate();
  await page.goto(`${proxy.url}jobs.html`);
  await last(page, 'one', 'done');
  assert.deepEqual(await page.evaluate(() => seen.map(([, what]) => what)), ['b', 'done']);
});

test('the browser goes offline and online', async (t) => {
  const { server, openGate } = await patientServer(t);
  const proxy = await startProxy(t, server);
  const it = await context(t);
  const page = await open(it, proxy);
  await isOpen(page);
  await page.evaluate(() => submit('one'));
  await last(page, 'one', 'a');
  proxy.refuse(true);
  proxy.cut();
  await isIn(page, 'waiting');
  openGate();
  await it.setOffline(true);
  proxy.refuse(false);
  await it.setOffline(false);
  await last(page, 'one', 'done');
  assert.deepEqual(await page.evaluate(() => seen.map(([, what]) => what)), ['started', 'a', 'b', 'done']);
});

test('of two tabs with one session, the second goes on and the first says so', async (t) => {
  const { server, openGate } = await patientServer(t);
  const it = await context(t);
  const first = await open(it, server);
  await isOpen(first);
  await first.evaluate(() => submit('one'));
  await last(first, 'one', 'a');
  // What "Duplicate tab" does: a window that the page opens has a copy of its session storage.
  const popup = first.waitForEvent('popup');
  await first.evaluate(() => void dispatchEvent(new Event('pagehide')) ?? void window.open('/jobs.html'));
  const second = await popup;
  await isIn(first, 'closed');
  await last(first, 'one', 'taken_over');
  await isOpen(second);
  openGate();
  await last(second, 'one', 'done');
  await first.reload();
  await isOpen(first);
  assert.deepEqual(await first.evaluate(() => restored), []);
  assert.equal(await second.evaluate(() => client.state), 'open', 'they do not fight');
});

for (const signal of ['SIGKILL', 'SIGTERM']) {
  test(`a page that is loaded while the server is gone after ${signal} goes on once it is back`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const args = ['--journal', join(folder, 'acequia.redb')];
    const { server, openGate } = await patientServer(t, { ports: await quietPorts(), args });
    server.mayEnd = true;
    const page = await open(await context(t), server);
    await isOpen(page);
    await page.evaluate(() => submit('taken'));
    await last(page, 'taken', 'a');
    await server.process.kill(signal);
    await isIn(page, 'waiting');
    await page.evaluate(() => submit('untaken'));
    await page.reload();
    assert.deepEqual(await page.evaluate(() => restored), ['taken', 'untaken']);
    await isIn(page, 'waiting');
    openGate();
    await start(t, 'serve', { ports: server, args });
    for (const label of ['taken', 'untaken']) await last(page, label, 'done');
    const ends = await page.evaluate(() => seen.filter(([, what]) => what === 'done').map(([who]) => who));
    assert.deepEqual(ends.sort(), ['taken', 'untaken']);
    assert.deepEqual(await page.evaluate(() => seen.filter(([who]) => who === 'client')), []);
  });
}

test('a page that the browser puts aside lets go of its connection, and comes back to its jobs', async (t) => {
  const { server, openGate } = await patientServer(t);
  const page = await open(await context(t), server);
  await isOpen(page);
  await page.evaluate(() => submit('one'));
  await last(page, 'one', 'a');
  // What a browser does that has room for it; this one is not allowed to.
  await page.evaluate(() => void dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })));
  await isIn(page, 'waiting');
  openGate();
  await eventually(async () => /outcome="done"} 1/.test(await (await fetch(`${server.url}metrics`)).text()), 'the end of the job');
  await page.evaluate(() => void dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await last(page, 'one', 'done');
  await isOpen(page);
  assert.deepEqual(await page.evaluate(() => seen.map(([, what]) => what)), ['started', 'a', 'b', 'done']);
});

test('a page of another origin is told that it is one', async (t) => {
  const server = await start(t, 'serve');
  const it = await context(t);
  await it.route('http://elsewhere.test/', (route) => route.fulfill({ contentType: 'text/html', body: `<!doctype html><script type="module">
    import { Acequia } from '/client/index.js';
    const client = new Acequia(${JSON.stringify(server.ws)}, { readyTimeoutMs: 300, reconnect: { minMs: 10 } });
    const job = client.submit('x');
    window.told = Promise.all([client.ready, job.result].map((promise) => promise.then(() => 'none', (error) => [error.code, error.message])));
  </script>` }));
  const page = await it.newPage();
  const warnings = [];
  page.on('console', (message) => message.type() === 'warning' && warnings.push(message.text()));
  await page.goto('http://elsewhere.test/');
  for (const [code, message] of await page.evaluate(() => told)) {
    assert.equal(code, 'unreachable');
    assert.ok(message.includes(server.ws) && message.includes('--allow-origin http://elsewhere.test'), message);
  }
  assert.equal(warnings.length, 1);
});

const DAMAGE = {
  'holds garbage': { reload: true, trouble: [], damage: () => {
    for (const key of Object.keys(sessionStorage)) sessionStorage.setItem(key, '{"v":2,"secret":[],');
  } },
  'is full': { reload: false, trouble: ['storage'], damage: () => {
    for (let size = 2 ** 22; size >= 1; size /= 2) {
      try {
        for (let n = 0; ; n++) sessionStorage.setItem(`${size} ${n}`, 'x'.repeat(size));
      } catch {}
    }
  } },
  'may not be used': { reload: true, trouble: ['storage'], before: () => {
    if (location.protocol === 'http:' && sessionStorage.refused) Object.defineProperty(window, 'sessionStorage', { get: () => { throw new DOMException('no', 'SecurityError'); } });
  }, damage: () => (sessionStorage.refused = 'yes') },
};

for (const [what, { reload, trouble, before, damage }] of Object.entries(DAMAGE)) {
  test(`a page whose storage ${what} works without`, async (t) => {
    const server = await start(t, 'serve');
    await startWorker(t, server, '--', 'cat');
    const it = await context(t);
    if (before) await it.addInitScript(before);
    const page = await open(it, server);
    await isOpen(page);
    await page.evaluate(damage);
    if (reload) await page.reload();
    await isOpen(page);
    assert.deepEqual(await page.evaluate(() => restored), []);
    await page.evaluate(() => submit('one'));
    await last(page, 'one', 'done');
    assert.deepEqual(await page.evaluate(() => seen.filter(([who]) => who === 'client').map(([, code]) => code)), trouble);
  });
}
