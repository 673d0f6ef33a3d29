// What the manuals have for pages: that of docs/tutorial.md, with the worker and the backend that its reader has,
// and that of docs/http-api.md.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { cache, eventually, quietPorts, sample, shell, start, startWorker } from './harness.js';
import { closeBrowser, newContext, open } from './page.js';

after(closeBrowser);

test('a bar that moves, over a reload', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-tutorial-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const { http: backend } = await quietPorts();
  const server = await start(t, 'serve', { args: ['--allow-origin', `http://${backend}`] });
  const here = {
    'tcp://127.0.0.1:5557': server.jobs,
    'tcp://127.0.0.1:5558': server.results,
    '127.0.0.1:8080': server.http,
    '"127.0.0.1", 8000': `"127.0.0.1", ${backend.split(':')[1]}`,
  };
  for (const name of ['worker.py', 'backend.py', 'index.html']) {
    const printed = sample(name, 'docs/tutorial.md');
    writeFileSync(join(folder, name), Object.entries(here).reduce((text, [there, port]) => text.replaceAll(there, port), printed));
  }
  const python = (name) => shell(t, `cd '${folder}' && exec '${join(cache, 'venv/bin/python')}' ${name}`);
  python('backend.py');
  await eventually(() => fetch(`http://${backend}/`).then(({ ok }) => ok, () => false), 'the backend');

  const page = await (await newContext(t)).newPage();
  await page.goto(`http://${backend}/`);
  const click = page.waitForEvent('websocket');
  await page.click('button');
  await click;
  const accepted = page.waitForEvent('websocket').then((ws) => ws.waitForEvent('framereceived'));
  await page.reload();
  // From now on the page sees all that comes.
  await accepted;
  python('worker.py');
  const rows = page.locator('pre', { hasText: '10 rows' });
  await rows.waitFor();
  const told = (await page.locator('pre').textContent()).trim();
  assert.match(told, /^run 1 by reports-\d+\nonce more: the disk is full\nrun 2 by reports-\d+\n10 rows$/);
  assert.equal(await page.locator('progress').evaluate((bar) => bar.value / bar.max), 1);
  await page.reload();
  await rows.waitFor();
});

test('events of a job', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, server.url);
  const headers = { 'content-type': 'application/json', 'idempotency-key': 'one' };
  const answer = await fetch(`${server.url}v1/queues/default/jobs`, { method: 'POST', headers, body: '"hello"' });
  const { job } = await answer.json();
  const told = page.waitForEvent('console', (message) => message.text().startsWith('done {"ev":"done"'));
  const body = `const job = '${job}';\n${sample('events.js', 'docs/http-api.md')}`;
  await page.route('**/sample.js', (route) => route.fulfill({ contentType: 'text/javascript', body }));
  const asked = page.waitForRequest(`**/v1/jobs/${job}/events`);
  await page.addScriptTag({ url: '/sample.js', type: 'module' });
  const stream = await asked;
  await startWorker(t, server, '--', 'tr', 'a-z', 'A-Z');
  assert.match((await told).text(), /"result":"HELLO"/);
  assert.equal(await stream.response().then((response) => response.status()), 200);
  assert.deepEqual(page.trouble, []);
});
