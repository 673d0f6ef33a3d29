// The page at / of a server: what stands there works as it stands there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { cache, eventually, quietPorts, shell, start } from './harness.js';
import { closeBrowser, open, screenshot, waitFor } from './page.js';

after(closeBrowser);

const RUNNING = '#connection[data-state=live]';
const PYTHON = process.env.PYTHON ?? (existsSync(`${cache}venv/bin/python`) ? `${cache}venv/bin/python` : 'python3');

const overview = async (server) => (await server.admin('server')).json();
const ready = (server) => eventually(async () => (await overview(server)).workers === 1, 'a worker');

test('it says that the server runs, leads to the dashboard, and submits nothing', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, server.url);
  await waitFor(page, RUNNING);
  assert.equal(await page.textContent('#address-jobs'), server.jobs);
  assert.equal(await page.textContent('#address-results'), server.results);
  assert.equal(await page.textContent('#address-clients'), server.ws);
  const metrics = await (await fetch(`${server.url}metrics`)).text();
  assert.doesNotMatch(metrics, /^acequia_jobs_submitted_total\S* [1-9]/m);
  assert.equal((await overview(server)).sessions, 0, 'it opens no session');
  await page.getByRole('link', { name: 'Open the dashboard' }).click();
  await page.getByLabel('Admin token').fill(server.shown.replace('#token=', ''));
  await page.keyboard.press('Enter');
  await waitFor(page, 'body[data-connection=live]:not([data-loading])');
  await page.getByRole('link', { name: 'The page of the server' }).click();
  await waitFor(page, RUNNING);
  assert.deepEqual(page.trouble.filter((words) => !/v1.admin.live|401/.test(words)), []);
});

test('the command of a worker and that of a job, in a shell', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, server.url);
  await waitFor(page, '#worker-command');
  shell(t, await page.textContent('#worker-command'));
  await ready(server);
  const { code, output } = await shell(t, await page.textContent('#submit-command'));
  assert.deepEqual([code, output.trim().split('\n').at(-1)], [0, 'HELLO']);
});

test('the worker in Python, and the job in the console of the page', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, server.url);
  await waitFor(page, '#worker-python');
  const program = await page.textContent('#worker-python');
  execFileSync(PYTHON, ['-c', 'import zmq']);
  shell(t, `exec ${PYTHON} -c '${program}'`);
  await ready(server);
  const said = page.waitForEvent('console', (message) => message.type() === 'log' && message.text() === 'HELLO');
  const script = await page.textContent('#submit-script');
  // As a console does: a module would have to be of a file.
  const session = await page.context().newCDPSession(page);
  const { exceptionDetails } = await session.send('Runtime.evaluate', { expression: script, replMode: true, awaitPromise: true });
  assert.equal(exceptionDetails, undefined);
  await said;
  assert.deepEqual(page.trouble, []);
});

test('where workers need a token, the samples show one', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-start-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'token');
  writeFileSync(file, 'correct-horse-battery-staple-0123456789\n');
  const server = await start(t, 'serve', { args: ['--worker-token-file', file] });
  const page = await open(t, server.url);
  await waitFor(page, '#worker-token');
  const program = (await page.textContent('#worker-python')).replace('FILE', file);
  shell(t, `exec ${PYTHON} -c '${program}'`);
  await ready(server);
  const command = (await page.textContent('#worker-command')).replace('FILE', file);
  shell(t, command);
  await eventually(async () => (await overview(server)).workers === 2, 'the other worker');
});

test('a server that is gone is said to be, and found again', async (t) => {
  const ports = await quietPorts();
  const server = await start(t, 'serve', { ports });
  server.mayEnd = true;
  const page = await open(t, server.url);
  await waitFor(page, RUNNING);
  await server.process.kill();
  const look = () => page.evaluate(() => void document.dispatchEvent(new Event('visibilitychange')));
  await look();
  await waitFor(page, '#connection[data-state=closed]');
  assert.match(await page.textContent('#trouble'), /does not answer/);
  await start(t, 'serve', { ports });
  await look();
  await waitFor(page, RUNNING);
  await page.locator('#trouble').waitFor({ state: 'hidden' });
});

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
]) {
  test(`a picture of it: ${name}`, async (t) => {
    const server = await start(t, 'serve');
    const page = await open(t, server.url, options);
    await waitFor(page, RUNNING);
    await screenshot(page, `start-${name}`);
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `the page is ${content} pixels wide in a window of ${window}`);
    assert.deepEqual(page.trouble, []);
  });
}
