// The dashboard: what an operator sees of a real server, and does to it.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
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
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const HOSTILE = '<img src=x onerror="window.hacked=true">';

/** The page, once the first numbers are there. */
async function dashboard(t, server, { path = '', ...options } = {}) {
  const page = await open(t, `${server.url}dashboard${path}${server.shown}`, options);
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
/** The pointer leaves the lists, which hold still as long as it is in one. */
const away = (page) => page.mouse.move(2, 2);
/** Answers the question that stands. */
const answer = (page, name) => page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
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
  await page.getByRole('dialog', { name: `Redrive job …${job.job.slice(-8)}?` }).getByText(job.job).waitFor();
  await answer(page, 'Redrive it');
  await said(page, `Job …${job.job.slice(-8)} runs again`);
  await away(page);
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
  await away(page);
  await number(page, 'letters-count', '2');
  await page.locator('#letter-table tbody tr', { hasText: 'no b' }).waitFor({ state: 'detached' });
  await press(page, 'Redrive all of a');
  await answer(page, 'Redrive 2');
  await said(page, '2 jobs run again');
  await away(page);

  // They fail once more.
  await page.getByRole('button', { name: '2 dead letters of a' }).waitFor();
  await press(page, 'Drop all of a');
  await page.getByRole('dialog').getByRole('button', { name: 'Keep it as it is' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await press(page, 'Drop all of a');
  await answer(page, 'Drop 2');
  await said(page, '2 dead letters dropped');
  await away(page);
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
  await answer(page, 'Drop it');
  await said(page, 'is dropped');
  await away(page);
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
  await page.getByRole('dialog', { name: 'Resume mail?' }).getByText('1 job waits').waitFor();
  await answer(page, 'Resume');
  await job.result;
  // What was not meant is undone.
  await press(page, 'Pause mail');
  await press(page, 'Undo');
  await page.getByRole('button', { name: 'Pause mail' }).waitFor();
  await (await submit(connect(t, server), 'two', { queue: 'mail' })).result;
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
  await page.getByRole('dialog', { name: 'Drain tired?' }).getByText('1 job', { exact: true }).waitFor();
  await answer(page, 'Drain');
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
  await card.getByText('of 2 to 2').waitFor();
  await press(page, 'Undo');
  await said(page, 'Pool thumbs keeps 1 to 1 again.');
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
  const question = page.getByRole('dialog', { name: `Cancel job …${first.job.slice(-8)}?` });
  await question.getByText(first.job, { exact: true }).waitFor();
  await question.getByRole('button', { name: 'Cancel the job' }).click();
  await said(page, `Job …${first.job.slice(-8)} is cancelled`);
  // Its row stays, so that no other comes under the pointer.
  await list.getByRole('row', { name: first.job }).getByText('cancelled', { exact: true }).waitFor();
  await list.getByRole('button', { name: 'Look again' }).click();
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

test('behind a proxy all of it may be below a path', async (t) => {
  const server = await start(t, 'serve');
  const [host, port] = server.http.split(':');
  const strays = [];
  const proxy = createServer((asked, answer) => {
    if (!asked.url.startsWith('/acequia/')) {
      strays.push(asked.url);
      answer.writeHead(404).end();
      return;
    }
    const headers = { ...asked.headers, host: server.http };
    const upstream = request({ host, port, path: asked.url.slice('/acequia'.length), method: asked.method, headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
    });
    upstream.on('error', () => answer.destroy());
    answer.on('close', () => upstream.destroy());
    asked.pipe(upstream);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  const home = `http://127.0.0.1:${proxy.address().port}/acequia`;
  const page = await open(t, `${home}/dashboard${server.shown}`);
  await isLive(page);
  assert.match(await page.textContent('#start-pool'), new RegExp(`--server ${home} `));
  await page.getByRole('link', { name: 'Metrics' }).click();
  await page.waitForURL(`${home}/metrics`);
  await page.goto(`${home}/`);
  await waitFor(page, '#submit-command');
  assert.match(await page.textContent('#submit-command'), new RegExp(`^echo hello \\| \\S*acequia submit --server ${home}$`));
  assert.deepEqual(strays.filter((path) => path !== '/favicon.ico'), []);
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

test('the address that a server prints has the token, and does not keep it', async (t) => {
  const server = await start(t, 'serve');
  const printed = await server.process.said(/^dashboard: /);
  const page = await open(t, printed.replace('dashboard: ', ''));
  await isLive(page);
  assert.equal(page.url(), `${server.url}dashboard`);
  await page.reload();
  await isLive(page);
  // Into a tab that has forgotten it.
  await press(page, 'Forget the admin token');
  await waitFor(page, '#door-401');
  await page.evaluate((shown) => { location.hash = shown; }, server.shown);
  await isLive(page);
  assert.equal(page.url(), `${server.url}dashboard`);
});

test('what a proxy refuses is told', async (t) => {
  const server = await start(t, 'serve');
  const page = await open(t, 'about:blank');
  const live = '**/v1/admin/live';
  await page.route(live, (route) => route.fulfill({ status: 403, json: { code: 'forbidden', message: 'not for you' } }));
  await page.goto(`${server.url}dashboard${server.shown}`);
  await waitFor(page, '#door-403');
  assert.match(await page.textContent('#door-403'), /not for you/);
  await page.unroute(live);
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

/** A worker whose jobs all fail, and a client that has `n` do so, one after the other. */
async function failing(t, server, n) {
  await startWorker(t, server, '--', 'sh', '-c', 'cat >&2; exit 1');
  const client = connect(t, server);
  const fail = async (words) => {
    const { job, result } = await submit(client, words);
    await assert.rejects(result);
    return job;
  };
  const jobs = [];
  for (let k = 0; k < n; k++) jobs.push(await fail(`job ${k}.`));
  return { client, fail, jobs };
}

const letters = (page) => page.locator('#letter-table tbody:not(.spacer) tr');
const letterOf = (page, job) => letters(page).filter({ has: page.locator(`[title="${job}"]`) });
/** The next word of the server has come, and is drawn. */
const ticked = (page) => page.evaluate(() => new Promise((resolve) => {
  const uptime = document.getElementById('server-uptime');
  new MutationObserver((_, observer) => {
    observer.disconnect();
    requestAnimationFrame(() => requestAnimationFrame(resolve));
  }).observe(uptime, { childList: true, characterData: true, subtree: true });
}));

test('under the pointer no row moves; the job that was aimed at is the one that runs again', async (t) => {
  const server = await start(t, 'serve');
  const { client, fail, jobs } = await failing(t, server, 3);
  const page = await dashboard(t, server);
  await letters(page).nth(2).waitFor();
  const aimed = letterOf(page, jobs[1]);
  const button = aimed.getByRole('button', { name: /^Redrive/ });
  await button.scrollIntoViewIfNeeded();
  await button.hover();
  const before = await button.boundingBox();

  // New ones on top, and more of everything above them.
  for (let k = 0; k < 4; k++) await fail(`another ${k}.`);
  for (const queue of ['a', 'b', 'c']) await submit(client, 1, { queue });
  await startWorker(t, server, '--queue', 'a', '--name', 'late', '--', 'sh', '-c', 'exit 1');
  await number(page, 'letters-count', '8');
  await page.getByRole('button', { name: '5 newer: show' }).waitFor();
  await ticked(page);
  const after = await button.boundingBox();
  assert.ok(Math.abs(after.y - before.y) < 2, `from ${before.y} to ${after.y}`);
  assert.equal(await letters(page).count(), 3);

  await page.mouse.down();
  await page.mouse.up();
  await page.getByRole('dialog', { name: `Redrive job …${jobs[1].slice(-8)}?` }).getByText(jobs[1]).waitFor();
  await answer(page, 'Redrive it');
  await said(page, `Job …${jobs[1].slice(-8)} runs again, as job`);
  const left = (await (await server.admin('dead-letters')).json()).dead_letters.map(({ job }) => job);
  assert.ok(!left.includes(jobs[1]) && left.includes(jobs[0]) && left.includes(jobs[2]));

  await page.locator('#letter-table-newer').click();
  await letters(page).nth(7).waitFor();
  await aimed.waitFor({ state: 'detached' });
  assert.deepEqual(troubles(page), []);
});

test('what has gone keeps its place under the pointer, and cannot be pressed', async (t) => {
  const server = await start(t, 'serve');
  const { jobs } = await failing(t, server, 3);
  const page = await dashboard(t, server);
  await letters(page).nth(2).waitFor();
  const [below, gone] = [letterOf(page, jobs[0]), letterOf(page, jobs[1])];
  const drop = gone.getByRole('button', { name: /^Drop/ });
  await drop.hover();
  await server.admin(`dead-letters/${jobs[1]}`, { method: 'DELETE' });
  await page.locator('#letter-table tr[aria-disabled=true]').waitFor();
  await page.getByRole('button', { name: '1 gone: show' }).waitFor();
  await page.mouse.down();
  await page.mouse.up();
  await said(page, 'That is gone by now');
  assert.equal(await page.getByRole('dialog').count(), 0);
  await below.waitFor();
  await away(page);
  await gone.waitFor({ state: 'detached' });
  assert.equal(await letters(page).count(), 2);
  assert.deepEqual(troubles(page), []);
});

test('a list holds still for the focus of the keyboard, and for what is in sight under a finger', async (t) => {
  const server = await start(t, 'serve');
  const { fail, jobs } = await failing(t, server, 2);
  const page = await dashboard(t, server);
  await letterOf(page, jobs[0]).getByRole('button', { name: /^Redrive/ }).focus();
  await fail('one more.');
  await page.getByRole('button', { name: '1 newer: show' }).waitFor();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: `Redrive job …${jobs[0].slice(-8)}?` }).waitFor();
  await page.keyboard.press('Enter'); // on what leaves it as it is
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await number(page, 'letters-count', '3');
  await page.getByRole('button', { name: '1 newer: show' }).press('Enter');
  await letters(page).nth(2).waitFor();

  const phone = await dashboard(t, server, PHONE);
  await letterOf(phone, jobs[0]).scrollIntoViewIfNeeded();
  await ticked(phone);
  await fail('and one more.');
  await phone.getByRole('button', { name: '1 newer: show' }).waitFor();
  await letterOf(phone, jobs[0]).getByRole('button', { name: /^Redrive/ }).tap();
  await phone.getByRole('dialog', { name: `Redrive job …${jobs[0].slice(-8)}?` }).waitFor();
  assert.deepEqual([...troubles(page), ...troubles(phone)], []);
});

test('a second click of a double one confirms nothing', async (t) => {
  const server = await start(t, 'serve');
  await failing(t, server, 1);
  const page = await dashboard(t, server);
  await letters(page).getByRole('button', { name: /^Drop/ }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Drop it' }).evaluate((button) => button.dispatchEvent(new MouseEvent('click', { detail: 2, bubbles: true })));
  await page.getByRole('dialog').getByRole('button', { name: 'Keep it as it is' }).click();
  await number(page, 'letters-count', '1');
});

test('a payload and a result have the digits that the server has', async (t) => {
  const server = await start(t, 'serve');
  await startWorker(t, server, '--queue', 'bad', '--', 'sh', '-c', 'exit 1');
  await startWorker(t, server, '--queue', 'good', '--type', 'application/json', '--raw', '--', 'cat');
  const values = ['9007199254740993', '18446744073709551615', '123456789012345678901234567890', '1.0', '-0', '1e400', '0.1000000000000000055511151231257827'];
  const payload = `{"values":[${values}],"2":1.0,"1":1.0}`;
  const id = '9007199254740995';
  const socket = new WebSocket(server.ws, 'acequia.v1.json');
  t.after(() => socket.close());
  await new Promise((resolve) => socket.once('open', resolve));
  const ends = {};
  const both = new Promise((resolve) => socket.on('message', (data) => {
    for (const event of [JSON.parse(data)].flat()) if (['done', 'failed', 'rejected'].includes(event.ev)) ends[event.ev] = event.job ?? event.message;
    if (Object.keys(ends).length === 2) resolve();
  }));
  socket.send(`{"op":"submit","id":${id},"key":"bad","queue":"bad","payload":${payload}}`);
  socket.send(`{"op":"submit","id":"good","key":"good","queue":"good","payload":${payload}}`);
  await both;
  const shown = `{\n  "values": [\n${values.map((value) => `    ${value}`).join(',\n')}\n  ],\n  "2": 1.0,\n  "1": 1.0\n}`;

  const page = await dashboard(t, server);
  await letterOf(page, ends.failed).getByRole('button', { name: `…${ends.failed.slice(-8)}`, exact: true }).click();
  const letter = page.getByRole('dialog', { name: 'Dead letter' });
  await letter.getByText('"values"').waitFor();
  assert.equal(await letter.locator('pre').nth(1).textContent(), shown);
  await letter.getByText(id, { exact: true }).waitFor();
  await page.keyboard.press('Escape');

  for (const job of [ends.failed, ends.done]) {
    await page.getByRole('searchbox', { name: 'Find a job by its id' }).fill(job);
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Job', exact: true });
    // It ended before the page knew what time it is by the server: never in the future.
    await dialog.getByText(/\((just now|\d+ s ago)\)/).waitFor();
    assert.doesNotMatch(await dialog.textContent(), /\(in /);
    if (job === ends.done) assert.equal(await dialog.locator('pre').textContent(), shown);
    else await dialog.getByText(id, { exact: true }).waitFor();
    await page.keyboard.press('Escape');
  }
  assert.deepEqual(troubles(page), []);
});

test('a slot that is held by a run that is over says so', async (t) => {
  const server = await start(t, 'serve');
  const worker = await startWorker(t, server, '--name', 'stuck', '--', 'sleep', '1000');
  const { result } = await submit(connect(t, server), 'one', { timeoutMs: 1500 });
  worker.child.kill('SIGSTOP'); // it hears no cancel
  await assert.rejects(result);
  const page = await dashboard(t, server);
  const stuck = row(page, 'worker-table', 'stuck');
  await stuck.getByText(/timed out, held \d|held by a run that is over/).first().waitFor();
  await stuck.getByText(/^(held|silent)$/).waitFor();
  await stuck.getByRole('button', { name: 'stuck', exact: true }).click();
  await page.getByRole('dialog', { name: 'stuck' }).getByText(/timed out, held \d|held by a run that is over/).first().waitFor();
  assert.deepEqual(troubles(page), []);
});

/** What a server would say whose numbers are as long as they get. */
async function extremes(page) {
  const at = Date.now();
  const points = 300;
  const line = (value) => Array.from({ length: points }, () => value);
  const all = Object.fromEntries(['submitted', 'done', 'failed', 'cancelled'].map((name) => [name, line(2_500_000)]));
  for (const name of ['waiting', 'running']) all[name] = line(1_234_567);
  for (const [name, ms] of [['waiting_p50_ms', 61_000], ['waiting_p99_ms', 119_000], ['running_p50_ms', 86_399_000], ['running_p99_ms', 5_000_000]]) all[name] = line(ms);
  const recent = { seconds: 10, submitted: 0, done: 1_234_567, failed: 0, cancelled: 0, waiting_p50_ms: 719_000, waiting_p99_ms: 86_399_000, running_p50_ms: 1, running_p99_ms: 1 };
  const queue = { queue: 'q'.repeat(64), waiting: 999_999, running: 99_999, delayed: 999_999, oldest_ms: 86_399_000, paused: true, slots: 64_000, slots_busy: 64_000, dead_letters: 99_999, recent };
  const jobs = Array.from({ length: 100 }, (_, n) => ({ job: `01931234-29f8-7234-bb29-61a58510d${100 + n}`, queue: 'mail', since_ms: at - 719_000, attempt: 3 }));
  const held = [{ job: '01931234-29f8-7234-bb29-61a58510dae9', since_ms: at - 86_399_000, why: 'cancelled' }];
  const worker = { worker: 1, name: 'w'.repeat(64), queues: ['mail'], slots: 64_000, busy: 63_999, state: 'ready', address: '127.127.127.127:65535', pid: null, since_ms: at, done: 999_999_999, failed: 9_999_999, jobs, held };
  const letter = { job: '01931234-29f8-7234-bb29-61a58510daea', id: 1, queue: 'mail', priority: 5, code: 'internal_error', message: 'x'.repeat(2000), type: 'text/plain', payload_bytes: 1, attempt: 1000, failures: 1, losses: 0, submitted_ms: at, failed_ms: at - 86_399_000 };
  const server = {
    version: '0.1.0', uptime_ms: 364.96 * 86_400_000, state: 'storage', why: 'no space is left', http: '127.0.0.1:1', jobs: 'tcp://127.0.0.1:2', results: 'tcp://127.0.0.1:3',
    sessions: 100_000, live_jobs: 9_999_999, payload_bytes: 1e12, dead_letters: 99_999, workers: 10_000, slots: 640_000, slots_busy: 640_000, journal: { kind: 'postgresql', writable: true, waiting_bytes: 123_456_789, syncs: 1, epoch: 9_999 },
  };
  const now = { at_ms: at, server, queues: [queue], workers: [worker], more_workers: false, pools: [], failures: [letter] };
  const event = (name, data) => `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
  const body = event('history', { interval_ms: 2000, until_ms: at, points, all, queues: {} }) + event('now', now);
  await page.route('**/v1/admin/live', (route) => route.fulfill({ contentType: 'text/event-stream', body }));
}

for (const [name, options] of [['desktop', { viewport: { width: 1440, height: 900 } }], ['small', { viewport: { width: 1180, height: 800 } }], ['phone', PHONE]]) {
  test(`the longest of words and numbers are not cut: ${name}`, async (t) => {
    const server = await start(t, 'serve');
    const page = await open(t, 'about:blank', options);
    await extremes(page);
    await page.addInitScript(() => {
      window.cut = [];
      window.labels = new Set();
      const paint = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        const width = this.measureText(text).width;
        const from = { right: x - width, center: x - width / 2 }[this.textAlign] ?? x;
        window.labels.add(text);
        if (from < 0 || from + width > this.canvas.width) window.cut.push(`${text} from ${from} to ${from + width} of ${this.canvas.width}`);
        return paint.call(this, text, x, y);
      };
    });
    await page.goto(`${server.url}dashboard${server.shown}`);
    await page.locator('#letter-table tbody:not(.spacer) tr').waitFor();
    await page.waitForFunction(() => window.labels.has('2 min') || window.labels.has('1 min 30 s'));
    assert.deepEqual(await page.evaluate(() => window.cut), []);
    // Names and messages are cut, with an ellipsis; numbers and times never.
    const tight = await page.evaluate(() => [...document.querySelectorAll('.scroller :is(th, td), .tiles dd, .legend dd')]
      .filter(({ dataset: { column } }) => !['Queue', 'Worker', 'Message', 'Code', 'Queues', 'Jobs now', 'Where'].includes(column))
      .filter((cell) => cell.scrollWidth > cell.clientWidth + 1 || cell.scrollHeight > cell.clientHeight + 1)
      .map((cell) => `${cell.dataset.column ?? cell.parentElement.textContent}: ${cell.textContent}`));
    assert.deepEqual(tight, []);
    await screenshot(page, `dashboard-extremes-${name}`);
    if (options !== PHONE) return;
    // Every cell of every row can be seen without a sideways scroll.
    const outside = await page.evaluate(() => [...document.querySelectorAll('.scroller tbody:not(.spacer) :is(th, td)')]
      .filter((cell) => {
        const [{ left, right, top, bottom }, row] = [cell.getBoundingClientRect(), cell.parentElement.getBoundingClientRect()];
        return left < 0 || right > innerWidth || right - left < 1 || top < row.top - 1 || bottom > row.bottom + 1;
      }).map(({ dataset }) => dataset.column));
    assert.deepEqual(outside, []);
  });
}

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
    await away(page);
    await page.locator('#letter-table tbody tr', { hasText: 'no such mailbox' }).waitFor();
    await count(page, 1, 'waiting', 'nobody');
    await page.locator('.said').getByRole('button', { name: 'Close this message' }).click();
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
