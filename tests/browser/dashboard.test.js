// The dashboard: what an operator sees of a real server, and does to it.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import WebSocket from 'ws';

import { Acequia } from '../../clients/js/src/index.js';
import { gate } from './gate.js';
import { binary, Process, quietPorts, start, startWorker } from './harness.js';
import { closeBrowser, open, screenshot, waitFor } from './page.js';

after(closeBrowser);

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const HOSTILE = '<img src=x onerror="window.hacked=true">';

/** The page, once the first numbers are there. */
async function dashboard(t, server, { path = '', ...options } = {}) {
  const page = await open(t, `${server.url}dashboard${path}`, options);
  await isLive(page);
  return page;
}

const isLive = (page) => waitFor(page, 'body[data-connection=live]:not([data-loading])');

/** A client in this process; its jobs outlive nothing. */
function connect(t, server) {
  const client = new Acequia(server.ws, { WebSocket, reconnect: { minMs: 10, maxMs: 100 } });
  t.after(() => client.close());
  return client;
}

/** Submits, and resolves once the server has taken it: with its name and its result, since who awaits a job awaits its end. */
async function submit(client, payload, options) {
  const job = client.submit(payload, options);
  job.result.catch(() => {}); // some are meant to fail
  const { detail } = await new Promise((resolve) => {
    for (const event of ['accepted', 'started', 'done', 'failed']) job.addEventListener(event, resolve, { once: true });
  });
  return { job: detail.job, result: job.result };
}

function folder(t) {
  const path = mkdtempSync(join(tmpdir(), 'acequia-dashboard-'));
  t.after(() => rmSync(path, { recursive: true }));
  return path;
}

const row = (page, table, name) => page.locator(`#${table} tbody tr`, { has: page.getByRole('rowheader', { name }) });
const count = (page, n, state, queue) => page.getByRole('button', { name: `${n} ${state} in ${queue}`, exact: true }).waitFor();
const number = (page, id, words) => page.locator(`#${id}`).getByText(words, { exact: true }).waitFor();
const press = (page, name) => page.getByRole('button', { name, exact: true }).click();
const said = (page, words) => page.locator('.said', { hasText: words }).waitFor();

/** What the page complained of; a stream that ends with its page is no trouble. */
const troubles = (page) => page.trouble.filter((words) => !/^failed: .*\/v1\/admin\/live$/.test(words));

test('a job is seen from its submit to its end, and ten minutes of it after a reload', async (t) => {
  const server = await start(t, 'serve');
  const page = await dashboard(t, server);
  await waitFor(page, '#no-workers');
  await waitFor(page, '#chart-throughput .nothing');
  const command = await page.textContent('#start-worker');
  assert.ok(command.includes(`--jobs ${server.jobs} --results ${server.results}`), command);
  assert.equal(await page.textContent('#server-state'), 'Ready');

  const client = connect(t, server);
  const job = await submit(client, 'one', { queue: 'mail' });
  await count(page, 1, 'waiting', 'mail');
  await row(page, 'queue-table', 'mail').getByText('no worker').waitFor();
  await number(page, 'server-live_jobs', '1');

  const { path, open: openGate } = gate(t);
  await startWorker(t, server, '--queue', 'mail', '--name', 'postman', '--', 'sh', '-c', `cat > /dev/null; cat "${path}"`);
  await count(page, 1, 'running', 'mail');
  const worker = row(page, 'worker-table', 'postman');
  await worker.getByText('1/1').waitFor();
  await worker.getByRole('button', { name: job.job.slice(-8) }).click();
  const dialog = page.getByRole('dialog', { name: 'Job' });
  await dialog.getByText(job.job).waitFor();
  await dialog.getByText('running', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });

  openGate();
  await worker.getByText('0/1').waitFor();
  await number(page, 'server-live_jobs', '0');
  await page.locator('#chart-throughput .nothing').waitFor({ state: 'hidden' });
  await page.locator('#no-workers').waitFor({ state: 'hidden' });

  await page.reload();
  await isLive(page);
  await page.locator('#chart-ran .nothing').waitFor({ state: 'hidden' });
  assert.deepEqual(troubles(page), []);
});

test('a failed job is looked at, redriven, and succeeds', async (t) => {
  const server = await start(t, 'serve');
  const flag = join(folder(t), 'mended');
  await startWorker(t, server, '--', 'sh', '-c', `cat; test -e "${flag}" || { echo "not mended yet" >&2; exit 3; }`);
  const page = await dashboard(t, server);
  await waitFor(page, '#letters-none');
  const job = await submit(connect(t, server), { size: 7 });

  const letter = page.locator('#letter-table tbody tr', { hasText: 'not mended yet' });
  await letter.waitFor();
  await number(page, 'letters-count', '1');
  await letter.getByRole('button', { name: `…${job.job.slice(-8)}`, exact: true }).click();
  const dialog = page.getByRole('dialog', { name: 'Dead letter' });
  await dialog.getByText('"size": 7').waitFor();
  await dialog.getByRole('button', { name: 'Close' }).click();

  writeFileSync(flag, '');
  await letter.getByRole('button', { name: /^Redrive/ }).click();
  await said(page, 'It runs again');
  await waitFor(page, '#letters-none');
  await press(page, 'Look at it');
  await page.getByRole('dialog', { name: 'Job' }).getByText('done', { exact: true }).waitFor();
  assert.deepEqual(troubles(page), []);
});

test('the dead letters of a queue are redriven and dropped together, if one is sure', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--queue', 'a', '--queue', 'b', '--', 'sh', '-c', 'echo "no $ACEQUIA_QUEUE" >&2; exit 1');
  const page = await dashboard(t, server);
  const client = connect(t, server);
  for (const queue of ['a', 'a', 'b']) await submit(client, 1, { queue });
  await number(page, 'letters-count', '3');

  await page.getByRole('button', { name: '2 dead letters of a' }).click();
  await number(page, 'letters-count', '2');
  await page.locator('#letter-table tbody tr', { hasText: 'no b' }).waitFor({ state: 'detached' });
  await press(page, 'Redrive all of a');
  await page.getByRole('dialog').getByRole('button', { name: 'Redrive them' }).click();
  await said(page, '2 jobs run again');

  // They fail once more.
  await page.getByRole('button', { name: '2 dead letters of a' }).waitFor();
  await press(page, 'Drop all of a');
  await page.getByRole('dialog').getByRole('button', { name: 'Keep it as it is' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await press(page, 'Drop all of a');
  await page.getByRole('dialog').getByRole('button', { name: 'Drop them' }).click();
  await said(page, '2 dead letters dropped');
  await waitFor(page, '#letters-none');
  await page.selectOption('#letter-queue', '');
  await page.locator('#letter-table tbody tr', { hasText: 'no b' }).waitFor();
  assert.deepEqual(troubles(page), []);
});

test('older dead letters are a page away', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--', 'sh', '-c', 'cat >&2; exit 1');
  const page = await dashboard(t, server);
  const client = connect(t, server);
  for (let n = 1; n <= 60; n++) {
    const { result } = await submit(client, `job ${n}.`);
    await assert.rejects(result);
  }
  await number(page, 'letters-count', '60');
  const letter = (n) => page.locator('#letter-table tbody tr', { hasText: `job ${n}.` });
  await letter(60).waitFor();
  await press(page, 'Older');
  await letter(10).waitFor();
  await letter(1).waitFor();
  await letter(60).waitFor({ state: 'detached' });
  await page.locator('#letter-older').waitFor({ state: 'hidden' });

  await letter(7).getByRole('button', { name: /^Drop/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drop it' }).click();
  await letter(7).waitFor({ state: 'detached' });
  await press(page, 'Newest');
  await letter(60).waitFor();
  assert.deepEqual(troubles(page), []);
});

test('a queue is paused and goes on', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--queue', 'mail', '--', 'cat');
  const page = await dashboard(t, server);
  await press(page, 'Pause mail');
  await row(page, 'queue-table', 'mail').getByText('paused', { exact: true }).waitFor();
  const job = await submit(connect(t, server), 'one', { queue: 'mail' });
  await count(page, 1, 'waiting', 'mail');
  await press(page, 'Resume mail');
  await job.result;
  await page.getByRole('button', { name: 'Pause mail' }).waitFor();
  assert.deepEqual(troubles(page), []);
});

test('a worker is drained, if one is sure', async (t) => {
  const server = await start(t, 'serve');
  const { path, open: openGate } = gate(t);
  await startWorker(t, server, '--name', 'tired', '--', 'sh', '-c', `cat > /dev/null; cat "${path}"`);
  const job = await submit(connect(t, server), 'one');
  const page = await dashboard(t, server);
  const worker = row(page, 'worker-table', 'tired');
  await worker.getByText('1/1').waitFor();
  await press(page, 'Drain tired');
  await page.getByRole('dialog').getByRole('button', { name: 'Drain', exact: true }).click();
  await said(page, 'tired drains');
  await worker.getByText('draining').waitFor();
  openGate();
  await job.result; // what it held is not lost
  assert.deepEqual(troubles(page), []);
});

test('a pool gets one process more, and one less to keep', async (t) => {
  const server = await start(t, 'serve');
  const page = await dashboard(t, server);
  await waitFor(page, '#no-pools');
  const pool = new Process('pool', '--server', server.url, '--name', 'thumbs', '--min', '1', '--max', '1', '--', binary, 'worker', '--', 'cat');
  t.after(() => pool.kill('SIGTERM'));
  const card = page.locator('#pool-list li', { hasText: 'thumbs' });
  await card.getByText('1 process', { exact: true }).waitFor();
  await card.getByText('of 1 to 1').waitFor();
  await press(page, 'One more process of thumbs');
  await said(page, 'Pool thumbs starts one more process.');
  await card.getByText('of 2 to 2').waitFor();
  await card.getByText('2 processes', { exact: true }).waitFor();
  await number(page, 'server-workers', '2');

  const less = page.getByRole('button', { name: 'One process less of thumbs' });
  await less.click();
  await card.getByText('of 1 to 2').waitFor();
  await less.click();
  await card.getByText('of 0 to 2').waitFor();
  await page.locator('#pool-list button[aria-disabled=true]').waitFor();
  assert.match(await less.getAttribute('title'), /leaves when it is idle/);
  assert.deepEqual(troubles(page), []);
});

test('jobs are found, listed and cancelled', async (t) => {
  const server = await start(t, 'serve');
  const page = await dashboard(t, server);
  const client = connect(t, server);
  const [first, second] = [await submit(client, 'one', { queue: 'mail' }), await submit(client, 'two', { queue: 'mail' })];
  await page.getByRole('button', { name: '2 waiting in mail' }).click();
  const list = page.getByRole('dialog', { name: 'Jobs of mail' });
  await list.getByRole('button', { name: first.job, exact: true }).waitFor();
  await list.getByRole('button', { name: `Cancel ${first.job}` }).click();
  await page.getByRole('dialog', { name: 'Cancel this job?' }).getByRole('button', { name: 'Cancel the job' }).click();
  await said(page, 'The job is cancelled');
  await list.getByText('1 job.', { exact: true }).waitFor();
  await assert.rejects(first.result);
  await list.getByRole('button', { name: 'running', exact: true }).click();
  await list.getByText('No job of this queue is running.').waitFor();
  await list.getByRole('button', { name: 'Close' }).click();

  await page.getByRole('searchbox', { name: 'Find a job by its id' }).fill(second.job);
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Job' }).getByText('waiting', { exact: true }).waitFor();
  await page.keyboard.press('Escape');
  assert.deepEqual(troubles(page), []);

  await page.getByRole('searchbox', { name: 'Find a job by its id' }).fill('01931234-0000-7000-8000-000000000000');
  await page.keyboard.press('Enter');
  await waitFor(page, 'dialog .trouble');
});

test('without the token it asks for it, and keeps it for the tab', async (t) => {
  const file = join(folder(t), 'token');
  const token = 'correct-horse-battery-staple-0123456789';
  writeFileSync(file, token);
  const server = await start(t, 'serve', { args: ['--admin-token-file', file] });
  const page = await open(t, `${server.url}dashboard`);
  await waitFor(page, '#door-401');
  assert.match(await page.textContent('#door-401'), /--admin-token-file/);
  await page.locator('#live').waitFor({ state: 'hidden' });

  await page.getByLabel('Admin token').fill('not-this-one');
  await press(page, 'Show the dashboard');
  await page.getByText('That is not the token.').waitFor();
  await page.getByLabel('Admin token').fill(token);
  await page.keyboard.press('Enter');
  await isLive(page);
  await page.locator('#door').waitFor({ state: 'hidden' });
  await page.reload();
  await isLive(page);
  assert.equal(await page.evaluate(() => JSON.stringify({ ...localStorage })).then((all) => all.includes('correct')), false);

  await press(page, 'Forget the admin token');
  await waitFor(page, '#door-401');
  assert.deepEqual(troubles(page).filter((words) => !/401/.test(words)), []);
});

test('what the server refuses is told, with the way around it', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, 'about:blank');
  // What a reverse proxy says of whom it speaks for.
  await page.context().setExtraHTTPHeaders({ 'x-forwarded-for': '192.0.2.1' });
  await page.goto(`${server.url}dashboard`);
  await waitFor(page, '#door-403');
  assert.match(await page.textContent('#door-403'), /came through a proxy.*ssh -N -L \d+:127\.0\.0\.1:\d+/s);
  await page.context().setExtraHTTPHeaders({});
  await press(page, 'Try again');
  await isLive(page);
});

test('a server that is gone leaves its last words in sight, and is found again', async (t) => {
  const ports = await quietPorts();
  const args = ['--journal', join(folder(t), 'acequia.redb')];
  const server = await start(t, 'serve', { ports, args });
  server.mayEnd = true;
  const page = await dashboard(t, server);
  await submit(connect(t, server), 'one', { queue: 'mail' });
  await count(page, 1, 'waiting', 'mail');
  await server.process.kill();
  await waitFor(page, 'body[data-connection=waiting] #banner');
  await count(page, 1, 'waiting', 'mail');
  assert.match(await page.textContent('#banner'), /Next try in \d+ s|Trying/);
  await screenshot(page, 'dashboard-gone');
  await start(t, 'serve', { ports, args });
  await isLive(page);
  await page.locator('#banner').waitFor({ state: 'hidden' });
  await count(page, 1, 'waiting', 'mail');
});

test('names and messages are text, whatever they are', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--name', HOSTILE, '--', 'sh', '-c', `cat; echo '${HOSTILE}' >&2; exit 1`);
  const page = await dashboard(t, server);
  const job = await submit(connect(t, server), { html: HOSTILE });
  const letter = page.locator('#letter-table tbody tr', { hasText: HOSTILE });
  await letter.waitFor();
  await letter.getByRole('button', { name: `…${job.job.slice(-8)}`, exact: true }).click();
  await page.locator('dialog pre', { hasText: 'html' }).waitFor();
  await page.keyboard.press('Escape');
  await row(page, 'worker-table', HOSTILE).getByRole('button', { name: HOSTILE }).first().click();
  await page.getByRole('dialog', { name: HOSTILE }).waitFor();
  assert.equal(await page.locator('main img, dialog img').count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  assert.deepEqual(troubles(page), []);
});

test('of many queues those in sight are in the document; they are filtered and sorted', async (t) => {
  const server = await start(t, 'serve');
  const client = connect(t, server);
  const names = Array.from({ length: 120 }, (_, n) => `queue-${n}`);
  await Promise.all(names.map((queue) => submit(client, 1, { queue })));
  await submit(client, 2, { queue: 'queue-77' });
  const page = await dashboard(t, server);
  await number(page, 'queues-count', '120');
  const rows = page.locator('#queue-table tbody:not(.spacer) tr');
  assert.ok((await rows.count()) < 60);
  await page.locator('#queue-table .scroller').evaluate((box) => box.scrollTo(0, box.scrollHeight));
  await row(page, 'queue-table', /^queue-99$/).waitFor();

  // The Tab key goes from row to row, also to those that were not there yet.
  await page.locator('#queue-table .scroller').evaluate((box) => {
    box.scrollTo(0, 0);
    box.focus();
  });
  for (let n = 0; n < 120; n++) await page.keyboard.press('Tab');
  const reached = await page.evaluate(() => Number(document.activeElement.closest('#queue-table tr').getAttribute('aria-rowindex')));
  assert.ok(reached > 30, `row ${reached}`);

  await page.getByRole('searchbox', { name: 'Filter queues' }).fill('ueue-7');
  await row(page, 'queue-table', /^queue-7$/).waitFor();
  assert.equal(await rows.count(), 11);
  await page.getByRole('button', { name: 'Waiting', exact: true }).press('Enter');
  await page.locator('#queue-table th[aria-sort=descending]').waitFor();
  await page.locator('#queue-table tbody:not(.spacer) tr:first-child', { hasText: 'queue-77' }).waitFor();
  await page.getByRole('searchbox', { name: 'Filter queues' }).fill('no such');
  await page.getByText('No queues match the filter.').waitFor();
  assert.deepEqual(troubles(page), []);
});

test('the queue of the charts is kept in the address, and the keyboard moves the cursor of all', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--queue', 'mail', '--', 'cat');
  const page = await dashboard(t, server);
  await row(page, 'queue-table', 'mail').getByRole('button', { name: 'mail', exact: true }).click();
  await page.waitForURL(/#queue=mail$/);
  await page.reload();
  await isLive(page);
  assert.equal(await page.inputValue('#chart-queue'), 'mail');
  // A server that was just started has no moment to point at, until some have passed.
  const pointed = page.locator('#chart-ran .time', { hasText: /\d\d:\d\d:\d\d/ });
  let isPointed = false;
  while (!isPointed) {
    await page.locator('#chart-jobs .plot').press('ArrowLeft');
    isPointed = await pointed.waitFor({ timeout: 2_500 }).then(() => true, () => false);
  }
  await page.locator('#chart-jobs .plot').press('Escape');
  await page.locator('#chart-ran .time', { hasText: /^$/ }).waitFor({ state: 'attached' });
  await page.getByRole('link', { name: 'Dead letters' }).press('Enter');
  assert.match(page.url(), /#queue=mail$/);
  assert.deepEqual(troubles(page), []);
});

for (const [colorScheme, name, viewport] of [
  ['light', 'dashboard-light', { width: 1440, height: 900 }],
  ['dark', 'dashboard-dark', { width: 1280, height: 900 }],
  ['light', 'dashboard-phone', { width: 360, height: 740 }],
]) {
  test(`it can be used by all: ${name}`, async (t) => {
    const server = await start(t, 'serve');
    const empty = await dashboard(t, server, { colorScheme, viewport });
    assert.deepEqual(await complaints(empty), []);

    await startWorker(t, server, '--name', 'quick', '--slots', '4', '--', 'cat');
    await startWorker(t, server, '--name', 'wrong', '--queue', 'mail', '--', 'sh', '-c', 'echo "no such mailbox" >&2; exit 1');
    const page = await dashboard(t, server, { colorScheme, viewport });
    const client = connect(t, server);
    for (let n = 0; n < 20; n++) await submit(client, n);
    const failed = await submit(client, 1, { queue: 'mail' });
    await submit(client, 1, { queue: 'nobody' });
    await press(page, 'Pause mail');
    await page.locator('#letter-table tbody tr', { hasText: 'no such mailbox' }).waitFor();
    await count(page, 1, 'waiting', 'nobody');
    await page.locator('.said').getByRole('button').click();
    assert.deepEqual(await complaints(page), []);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'it is no wider than the window');
    await screenshot(page, name);

    await page.getByRole('button', { name: `…${failed.job.slice(-8)}`, exact: true }).click();
    await page.getByRole('dialog').locator('pre').nth(1).waitFor();
    assert.deepEqual(await complaints(page), []);
    assert.deepEqual(troubles(page), []);
  });
}

/** What axe finds wrong with the page. */
async function complaints(page) {
  await page.evaluate(AXE); // not a script of the page, which allows none but its own
  const { violations } = await page.evaluate(() => window.axe.run());
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
