// The hooks for React and Vue, in Chromium, against the real server: the same apps, and the same is asked of them.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { after, test } from 'node:test';

import { build } from 'esbuild';

import { eventually, start } from './harness.js';
import { closeBrowser, open as openPage, useTree } from './page.js';
import { startTold } from './told-worker.js';

after(closeBrowser);

const REACT_18 = { alias: { react: 'react-18', 'react-dom': 'react-dom-18' } };
const VUE = { define: { __VUE_OPTIONS_API__: 'true', __VUE_PROD_DEVTOOLS__: 'false', __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'true' } };
const FRAMEWORKS = {
  'React 19': { page: 'react-page.jsx', server: 'react-server.jsx' },
  'React 18': { page: 'react-page.jsx', server: 'react-server.jsx', ...REACT_18 },
  'Vue 3': { page: 'vue-page.js', server: 'vue-server.js', ...VUE },
};

/** As a page, or a server, is built from packages of npm, for development. */
async function bundle(entry, { alias, define }, options) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`hooks/${entry}`, import.meta.url))],
    bundle: true,
    write: false,
    format: 'esm',
    jsx: 'automatic',
    preserveSymlinks: true, // the client is found as a package that was installed
    alias,
    define: { 'process.env.NODE_ENV': '"development"', ...define },
    logLevel: 'error',
    ...options,
  });
  return outputFiles[0].text;
}

const bundles = new Map();

/** A page of the server's origin with such an app. */
async function open(t, server, framework, initial = {}, markup = '') {
  const script = bundles.get(framework) ?? (await bundle(framework.page, framework, { platform: 'browser' }));
  bundles.set(framework, script);
  const body = `<!doctype html><meta charset="utf-8"><title>hooks</title><link rel="icon" href="data:,"><div id="app">${markup}</div>
    <script>window.initial = ${JSON.stringify(initial)}</script><script type="module" src="app.js"></script>`;
  const page = await openPage(t, 'about:blank');
  await page.route('**/hooks.html', (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.route('**/app.js', (route) => route.fulfill({ contentType: 'text/javascript', body: script }));
  page.sockets = [];
  page.sent = [];
  page.on('websocket', (socket) => {
    page.sockets.push(socket);
    socket.on('framesent', ({ payload }) => page.sent.push(...[JSON.parse(payload)].flat()));
  });
  await page.goto(`${server.url}hooks.html`);
  await page.waitForFunction(() => window.show);
  return page;
}

/** The markup of such an app, as a server in Node.js makes it. */
async function rendered(t, framework, initial) {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-hooks-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'server.cjs');
  writeFileSync(file, await bundle(framework.server, framework, { platform: 'node', format: 'cjs' }));
  const said = t.mock.method(console, 'error');
  const { render } = createRequire(import.meta.url)(file);
  const markup = await render(initial);
  assert.deepEqual(said.mock.calls, []);
  return markup;
}

const show = (page, state) => page.evaluate((next) => window.show(next), state);
const submit = (page, name, payload, options) => page.evaluate(([hook, ...rest]) => void window.hooks[hook].submit(...rest), [name, payload, options]);
const cancel = (page, name) => page.evaluate((hook) => window.hooks[hook].cancel(), name);
const is = (page, name, status) => page.locator(`#${name}[data-status=${status}]`).waitFor();
const look = async (page, name) => JSON.parse(await page.locator(`#${name}`).textContent());
/** Until it looks like that. */
const looks = (page, name, part) => eventually(async () => {
  const seen = await look(page, name);
  return Object.entries(part).every(([key, value]) => JSON.stringify(seen[key]) === JSON.stringify(value)) && seen;
}, `${name} as ${JSON.stringify(part)}`);
const ops = (page, op) => page.sent.filter((sent) => sent.op === op);

async function metric(server, name, labels = '') {
  const text = await (await fetch(`${server.url}metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`${name}${labels} `))?.split(' ').at(-1) ?? 0);
}
const sessions = (server) => metric(server, 'acequia_sessions');
const submitted = (server, queue) => metric(server, 'acequia_jobs_submitted_total', `{queue="${queue}"}`);

/** What a backend does. */
async function post(server, path, body) {
  const answer = await fetch(`${server.url}v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
  assert.ok(answer.ok, await answer.clone().text());
  return answer.json();
}

for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  test(`${name}: a job that is submitted on demand`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const page = await open(t, server, framework, { jobs: { one: { queue: 'import' } } });
    assert.deepEqual(await look(page, 'one'), { status: 'idle', progress: null, chunks: [], error: null, job: null });
    const hooks = await page.evaluateHandle(() => window.hooks.one);
    await submit(page, 'one', { file: 'big.csv' });
    const run = await worker.job();
    await is(page, 'one', 'started');
    await worker.progress(run, 1, 3);
    const { job } = await looks(page, 'one', { progress: { done: 1, total: 3 } });
    assert.match(job, /^[0-9a-f-]{36}$/);
    await worker.chunk(run, 'a');
    await worker.chunk(run, 'b');
    await looks(page, 'one', { chunks: ['a', 'b'], result: undefined });
    await worker.done(run, { rows: 3 });
    await is(page, 'one', 'done');
    await looks(page, 'one', { chunks: ['a', 'b'], result: { rows: 3 }, error: null });
    assert.ok(await page.evaluate((first) => first.submit === window.hooks.one.submit && first.cancel === window.hooks.one.cancel, hooks));
    assert.deepEqual([await sessions(server), await submitted(server, 'import')], [1, 1]);
    assert.deepEqual([page.sockets.length, ops(page, 'submit').length, await page.evaluate(() => window.made)], [1, 1, 1]);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: another try, another job, and how jobs end otherwise`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const page = await open(t, server, framework, { jobs: { one: { queue: 'import', attempts: 2 } } });
    await submit(page, 'one', 1);
    let run = await worker.job();
    await worker.progress(run, 1, 2);
    await worker.chunk(run, 'void');
    await looks(page, 'one', { chunks: ['void'] });
    await worker.fail(run, 'no_disk');
    run = await worker.job();
    await looks(page, 'one', { status: 'started', progress: null, chunks: [] });
    await worker.fail(run, 'no_disk', false);
    await looks(page, 'one', { status: 'failed', error: 'no_disk' });

    // The options of now, and those of the call go first.
    await show(page, { jobs: { one: { queue: 'other', priority: 9 } } });
    await submit(page, 'one', 2, { queue: 'import' });
    await looks(page, 'one', { error: null });
    run = await worker.job();
    assert.equal(ops(page, 'submit').at(-1).priority, 9);
    await is(page, 'one', 'started');
    await submit(page, 'one', 3);
    await is(page, 'one', 'accepted');
    const waiting = await look(page, 'one');
    // What the one before says is not shown any more.
    await worker.done(run, 'two');
    await eventually(async () => (await metric(server, 'acequia_jobs_ended_total', '{queue="import",outcome="done"}')) === 1, 'its end');
    await cancel(page, 'one');
    await looks(page, 'one', { status: 'cancelled', error: 'cancelled', job: waiting.job });
    assert.deepEqual(await page.evaluate(() => window.looks.filter(([, , { result }]) => result === 'two')), []);

    await submit(page, 'one', 4, { priority: 10 });
    await looks(page, 'one', { status: 'rejected', error: 'bad_request', job: null });
    assert.match(await page.evaluate(() => { try { window.hooks.one.submit(() => {}); } catch (error) { return error.name; } }), /TypeError/);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: jobs of a backend are watched, one after another`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const [{ job: first }, { job: second }] = [await post(server, 'queues/import/jobs', 1), await post(server, 'queues/import/jobs', 2)];
    const page = await open(t, server, framework, { jobs: { one: { watch: null }, two: { watch: first } }, state: true });
    await page.locator('#state', { hasText: 'open' }).waitFor();
    assert.equal((await look(page, 'one')).status, 'idle');
    const run = await worker.job();
    await worker.progress(run, 1, 2);
    await looks(page, 'two', { job: first, progress: { done: 1, total: 2 } });
    // On an open connection: one that is mounted twice does not ask twice.
    await show(page, { jobs: { one: { watch: null }, two: { watch: first }, three: { watch: second } } });
    await looks(page, 'three', { status: 'accepted', job: second });
    assert.equal(ops(page, 'watch').length, 2);
    await show(page, { jobs: { one: { watch: second }, two: { watch: first } } });
    await looks(page, 'one', { status: 'accepted', job: second });
    assert.equal(ops(page, 'watch').length, 2);
    await worker.done(run, 'first');
    await looks(page, 'two', { status: 'done', result: 'first' });
    const next = await worker.job();
    await is(page, 'one', 'started');

    // Another job: at no time does it look like the one before.
    await page.evaluate(() => (window.looks.length = 0));
    await show(page, { jobs: { one: { watch: first }, two: { watch: second } } });
    await looks(page, 'one', { status: 'done', result: 'first' });
    await is(page, 'two', 'started');
    const mixed = await page.evaluate(() => window.looks.filter(([, watch, { job, status }]) => (job ? job !== watch : status !== 'idle')));
    assert.deepEqual(mixed, []);

    // It goes, and the job goes on; it comes back, and sees what is.
    await show(page, {});
    await worker.progress(next, 1, 2);
    await show(page, { jobs: { one: { watch: second } } });
    await is(page, 'one', 'started');
    await cancel(page, 'one');
    await looks(page, 'one', { status: 'cancelled' });
    await worker.done(next, 'too late'); // or the server would wait for it at its end
    await show(page, { jobs: { one: { watch: '01938c2e-7a3b-7c4d-9e5f-60718293a4b5' } } });
    await looks(page, 'one', { status: 'failed', error: 'not_found' });
    assert.match(await page.evaluate(() => { try { window.hooks.one.submit(1); } catch (error) { return error.message; } }), /does not submit/);
    assert.deepEqual([page.sockets.length, await submitted(server, 'import')], [1, 2]);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: messages on topics`, async (t) => {
    const server = await start(t, 'serve');
    await post(server, 'topics/news?retain=true', 'kept');
    const page = await open(t, server, framework, { topics: { one: 'news', two: null }, state: true });
    const shows = (topic, text) => page.locator(`#${topic}`, { hasText: JSON.stringify(text) }).waitFor();
    await shows('one', 'kept');
    await show(page, { topics: { one: 'news', two: 'news' }, state: true });
    await shows('two', 'kept');
    assert.deepEqual(await post(server, 'topics/news', 'now'), { subscribers: 1 });
    await Promise.all([shows('one', 'now'), shows('two', 'now')]);
    assert.deepEqual(await page.evaluate(() => window.heard), [['one', 'kept'], ['one', 'now'], ['two', 'now']]);
    await show(page, { topics: { two: 'news' }, state: true });
    await post(server, 'topics/news', 'then');
    await shows('two', 'then');
    // On an open connection, each was asked for once.
    await show(page, { topics: { one: 'sport' }, state: true });
    await eventually(() => ops(page, 'unsubscribe').length === 1, 'the end of the news');
    await shows('one', null);
    await eventually(async () => (await post(server, 'topics/sport', { goals: 2 })).subscribers === 1, 'a subscriber');
    await shows('one', { goals: 2 });
    assert.deepEqual(ops(page, 'subscribe').map(({ topic }) => topic), ['news', 'sport']);
    assert.deepEqual(await post(server, 'topics/news', 'nobody'), { subscribers: 0 });
    assert.equal(page.sockets.length, 1);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: a session lasts as long as the app`, async (t) => {
    const server = await start(t, 'serve');
    const page = await open(t, server, framework, { jobs: { one: { queue: 'import' } }, topics: { news: 'news' } });
    await eventually(async () => (await sessions(server)) === 1, 'a session');
    await show(page, { gone: true });
    await eventually(async () => (await sessions(server)) === 0, 'its end');
    assert.deepEqual([page.sockets.length, await page.evaluate(() => window.made)], [1, 1]);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: a job is shown again, by its label, by a component that comes later`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const options = { queue: 'import', label: 'report' };
    const page = await open(t, server, framework, { jobs: { one: options }, state: true });
    await submit(page, 'one', 1);
    const run = await worker.job();
    await is(page, 'one', 'started');
    await show(page, { jobs: {}, state: true });
    await page.locator('#one').waitFor({ state: 'detached' });
    await show(page, { jobs: { two: options, three: { queue: 'import' } }, state: true });
    await is(page, 'two', 'started');
    assert.equal((await look(page, 'three')).status, 'idle');
    await worker.done(run, 'made');
    await looks(page, 'two', { status: 'done', result: 'made' });
    assert.equal(await submitted(server, 'import'), 1);
    assert.deepEqual(page.trouble, []);
  });

  test(`${name}: what came from a server is taken over as it is, and no session was made there`, async (t) => {
    const server = await start(t, 'serve');
    const worker = startTold(t, server, 'import');
    const { job } = await post(server, 'queues/import/jobs', 1);
    const initial = { jobs: { one: { watch: job }, two: { queue: 'import' } }, topics: { news: 'news' } };
    const markup = await rendered(t, framework, initial);
    assert.match(markup, /<li id="one" data-status="idle">/);
    const page = await open(t, server, framework, initial, markup);
    await worker.done(await worker.job(), 'made');
    await looks(page, 'one', { status: 'done', result: 'made' });
    assert.equal(await sessions(server), 1);
    assert.deepEqual(page.trouble, []);
  });
}

for (const name of ['React 19', 'React 18']) {
  test(`${name}: what is never shown has no session, and an effect that submits is the app's own`, async (t) => {
    const server = await start(t, 'serve');
    const page = await open(t, server, FRAMEWORKS[name], { never: true });
    await page.locator('#never').waitFor({ state: 'attached' });
    assert.deepEqual([page.sockets.length, await page.evaluate(() => window.made)], [0, 0]);
    // StrictMode runs it twice, so it needs a key: then it is one job.
    await show(page, { eager: { options: { queue: 'import', key: 'once' }, payload: 1 } });
    const worker = startTold(t, server, 'import');
    await worker.done(await worker.job(), 'made');
    await page.locator('#eager', { hasText: 'made' }).waitFor();
    assert.equal(await metric(server, 'acequia_jobs_ended_total', '{queue="import",outcome="done"}'), 1);
    assert.deepEqual([await sessions(server), page.sockets.length], [1, 1]);
    assert.deepEqual(page.trouble, []);
  });
}

test('Vue 3 without a build step', async (t) => {
  const server = await start(t, 'serve');
  const worker = startTold(t, server, 'import');
  const page = await openPage(t, 'about:blank');
  await useTree(page.context(), '/client/');
  const body = `<!doctype html><meta charset="utf-8"><title>hooks</title><link rel="icon" href="data:,"><p id="app"></p>
    <script type="importmap">{"imports": {"vue": "/vue.js"}}</script>
    <script type="module">
      import { createApp, h } from 'vue';
      import { Acequia } from '/client/index.js';
      import { acequia, useJob } from '/client/hooks/vue.js';
      createApp({
        setup() {
          const { submit, result } = useJob({ queue: 'import' });
          return () => h('button', { onClick: () => submit(1) }, result.value);
        },
      }).use(acequia(() => new Acequia())).mount('#app');
    </script>`;
  await page.route('**/hooks.html', (route) => route.fulfill({ contentType: 'text/html', body }));
  await page.route('**/vue.js', async (route, request) => {
    if (new URL(request.url()).pathname !== '/vue.js') return route.fallback();
    const path = fileURLToPath(new URL('node_modules/vue/dist/vue.esm-browser.prod.js', import.meta.url));
    return route.fulfill({ contentType: 'text/javascript', path });
  });
  await page.goto(`${server.url}hooks.html`);
  await page.click('button');
  await worker.done(await worker.job(), 'made');
  await page.locator('button', { hasText: 'made' }).waitFor();
  assert.deepEqual(page.trouble, []);
});
