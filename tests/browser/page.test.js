// What a person sees: the page of `acequia demo`, with nobody's help.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';

import { binary, eventually, quietPorts, sample, shell, start, startWorker } from './harness.js';
import { closeBrowser, open, screenshot, useDemo, waitFor } from './page.js';

after(closeBrowser);

const LIVE = '#connection[data-state=live]';
const DONE = '#mandelbrot[data-state=done]';

/** Choose few iterations where the picture itself is not the point: the binary is a debug build. */
async function quickPicture(page) {
  await page.selectOption('#max-iter', '250');
  await waitFor(page, DONE);
}

async function submitText(page, text, queue) {
  await page.fill('#job-text', text);
  await page.fill('#job-queue', queue);
  await page.click('#job-submit');
}

const events = (page) => page.locator('#job-events li').evaluateAll((items) => items.map((item) => item.dataset.ev));

/** The iteration counts of a view, tile by tile, as the workers count. */
function computed({ x0, y0, step, width, height, maxIter, tile }) {
  const counts = new Uint16Array(width * height);
  for (let ty = 0; ty < height; ty += tile) {
    for (let tx = 0; tx < width; tx += tile) {
      const [X, Y] = [x0 + tx * step, y0 + ty * step];
      for (let row = 0; row < Math.min(tile, height - ty); row++) {
        for (let col = 0; col < Math.min(tile, width - tx); col++) {
          counts[(ty + row) * width + tx + col] = steps(X + col * step, Y + row * step, maxIter);
        }
      }
    }
  }
  return counts;
}

function steps(x, y, maxIter) {
  let [zr, zi, n] = [0, 0, 0];
  while (n < maxIter && zr * zr + zi * zi <= 4) {
    const next = zr * zr - zi * zi + x;
    zi = 2 * zr * zi + y;
    zr = next;
    n += 1;
  }
  return n;
}

async function comparePicture(page) {
  const view = await page.evaluate(() => window.acequia.view());
  const painted = Uint16Array.from(await page.evaluate(() => Array.from(window.acequia.iterations())));
  const expected = computed(view);
  assert.equal(painted.length, view.width * view.height);
  const wrong = painted.findIndex((count, at) => count !== expected[at]);
  assert.equal(wrong, -1, `pixel ${wrong} is ${painted[wrong]} and should be ${expected[wrong]}`);
  return { view, painted };
}

test('it loads without complaint and is live', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await waitFor(page, LIVE);
  await quickPicture(page);
  assert.deepEqual(page.trouble, []);
  assert.equal(await page.title(), 'Acequia');
});

test('the whole set is painted, to the last bit', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await page.selectOption('#max-iter', '2000');
  await waitFor(page, DONE);
  const { view, painted } = await comparePicture(page);
  assert.equal(view.maxIter, 2000);
  assert.ok(painted.includes(2000) && painted.includes(1));
  const done = await page.locator('#mandelbrot').evaluate(({ dataset }) => [dataset.tilesDone, dataset.tilesTotal]);
  assert.equal(done[0], done[1]);

  // Closer, with the keyboard, and with other tiles.
  await page.selectOption('#max-iter', '250');
  await waitFor(page, DONE);
  await page.locator('#mandelbrot').press('+');
  await waitFor(page, DONE);
  await page.selectOption('#tile-size', '256');
  await waitFor(page, DONE);
  const closer = (await comparePicture(page)).view;
  assert.equal(closer.step, view.step / 2);
  assert.equal(closer.tile, 256);
  // By the mouse, where it points.
  await page.locator('#mandelbrot').click({ position: { x: 30, y: 30 } });
  await waitFor(page, DONE);
  assert.ok((await comparePicture(page)).view.step < closer.step);
  assert.deepEqual(page.trouble, []);
});

test("a text's result, and what happened on the way", async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await quickPicture(page);
  await submitText(page, 'Wasser für „alle“ <b>&amp;</b>', 'upper');
  await waitFor(page, '#job-result[data-state=done]');
  assert.equal(await page.textContent('#job-result'), 'WASSER FÜR „ALLE“ <B>&AMP;</B>');
  const seen = await events(page);
  assert.deepEqual(seen.filter((ev) => ev !== 'accepted'), ['started', 'done']);

  // A worker's own failure, a queue that nobody serves, and one whose name is none.
  await submitText(page, 'no tile', 'mandelbrot');
  await waitFor(page, '#job-result[data-state=failed]');
  assert.match(await page.textContent('#job-result'), /bad_input/);
  await submitText(page, 'text', 'nobody');
  await waitFor(page, '#job-events li[data-ev=accepted]');
  await page.click('#job-cancel');
  await waitFor(page, '#job-result[data-state=cancelled]');
  await submitText(page, 'text', 'no such name');
  await waitFor(page, '#job-result[data-state=rejected]');
  assert.match(await page.textContent('#job-result'), /queue/);
  assert.deepEqual(page.trouble, []);
});

test('one more worker is seen', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await quickPicture(page);
  const lanes = () => page.locator('#lanes li').evaluateAll((items) => items.map((item) => item.dataset.worker).sort());
  assert.deepEqual(await lanes(), ['demo-1', 'demo-2']);
  await startWorker(t, demo, '--demo', '--name', 'newcomer', '--slots', '2');
  await page.click('#render');
  await waitFor(page, '#lanes li[data-worker=newcomer]');
  await waitFor(page, DONE);
  assert.deepEqual(await lanes(), ['demo-1', 'demo-2', 'newcomer']);
});

/** The demo without workers of its own. */
const alone = (t, options) => start(t, 'demo', { ...options, args: ['--workers', '0'] });

test('a worker that is killed leaves no hole', async (t) => {
  const server = await alone(t);
  const victim = await startWorker(t, server, '--demo', '--name', 'victim', '--slots', '4');
  await startWorker(t, server, '--demo', '--name', 'survivor', '--slots', '2');
  const page = await open(t, server.url);
  await page.selectOption('#max-iter', '2000');
  await waitFor(page, '#lanes li[data-worker=victim]');
  await waitFor(page, '#mandelbrot[data-state=rendering]');
  await victim.kill();
  await waitFor(page, DONE);
  await comparePicture(page);
});

test('the button kills a worker, whose tiles run elsewhere', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await page.selectOption('#max-iter', '2000');
  const flash = page.waitForSelector('#frame .flash');
  await page.click('#kill');
  await flash;
  assert.match(await page.textContent('#kill-news'), /^demo-\d was killed/);
  await demo.process.said(/is killed, as was asked for/);
  await screenshot(page, 'page-killed');
  await waitFor(page, DONE);
  const { lost, again } = await page.locator('#losses').evaluate(({ dataset }) => ({ ...dataset }));
  assert.ok(Number(lost) > 0);
  assert.equal(again, lost);
  assert.match(await page.textContent('#losses'), /lost with demo-\d.*ran again, by .*Nothing is missing/);
  await comparePicture(page);
  assert.deepEqual(page.trouble, []);
});

const counted = async (server, name) => {
  const metrics = await (await fetch(`${server.url}metrics`)).text();
  return Number(metrics.match(new RegExp(`^acequia_${name} (\\d+)$`, 'm'))[1]);
};

test('a page that is loaded again goes on with its picture, and submits nothing twice', async (t) => {
  const server = await alone(t);
  const worker = await startWorker(t, server, '--demo', '--slots', '2');
  const page = await open(t, server.url);
  await waitFor(page, '#mandelbrot[data-state=rendering]');
  await page.selectOption('#max-iter', '2000');
  const done = () => counted(server, 'jobs_ended_total{queue="mandelbrot",outcome="done"}');
  await page.waitForFunction(() => Number(document.querySelector('#mandelbrot').dataset.tilesDone) > 0);
  // It goes on while there is no page, and stands still while there is one.
  worker.child.kill('SIGSTOP');
  await page.goto('about:blank');
  const before = await done();
  const submitted = () => counted(server, 'jobs_submitted_total{queue="mandelbrot"}');
  const once = await submitted();
  worker.child.kill('SIGCONT');
  await eventually(async () => (await done()) > before + 1, 'tiles that are done meanwhile');
  worker.child.kill('SIGSTOP');
  await page.goto(server.url);
  await waitFor(page, '#picture-news');
  assert.match(await page.textContent('#picture-news'), /^Loaded again: of \d+ tiles \d+ are there, \d+ go on. Nothing was submitted again\.$/);
  worker.child.kill('SIGCONT');
  await waitFor(page, DONE);
  await comparePicture(page);
  const { tilesDone, tilesTotal } = await page.locator('#mandelbrot').evaluate(({ dataset }) => ({ ...dataset }));
  assert.equal(tilesDone, tilesTotal);
  assert.equal(await submitted(), once);
  assert.deepEqual(page.trouble, []);
});

test('words are read as they come, also over a reload, and can be cancelled', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  await quickPicture(page);
  const told = () => page.locator('#words-progress').evaluate(({ value, max }) => [value, max]);
  const some = (count) => page.waitForFunction((count) => document.querySelector('#words-said').textContent.split(' ').length > count, count);
  await page.fill('#words-text', 'Water is shared out fairly, turn by  turn,\nand none is lost.');
  await page.click('#words-start');
  await some(2);
  await page.reload();
  assert.match(await page.textContent('#words-said'), /^Water is /);
  await waitFor(page, '#words-said[data-state=done]');
  assert.equal(await page.textContent('#words-said'), 'Water is shared out fairly, turn by  turn,\nand none is lost.');
  assert.equal(await page.textContent('#words-state'), 'All 12 words told.');
  assert.deepEqual(await told(), [12, 12]);
  assert.match(await page.textContent('#words-time'), /^round trip .*, first word after /);

  await page.fill('#words-text', Array.from({ length: 900 }, (_, n) => `${n} `).join(''));
  await page.click('#words-start');
  await some(2);
  await page.click('#words-cancel');
  await waitFor(page, '#words-said[data-state=cancelled]');
  assert.match(await page.textContent('#words-said'), /^0 1 /);
  const [value, max] = await told();
  assert.ok(value < max);
  // The slot is free again.
  await page.fill('#words-text', 'again');
  await page.click('#words-start');
  await waitFor(page, '#words-said[data-state=done]');
  assert.deepEqual(page.trouble, []);
});

test('without a worker it says what to do, which is done as it stands there, and goes on by itself', async (t) => {
  const server = await alone(t);
  const page = await open(t, server.url);
  await waitFor(page, '#no-worker code');
  const command = await page.textContent('#no-worker code');
  assert.equal(command, `${binary} worker --demo --jobs ${server.jobs} --results ${server.results}`);
  assert.deepEqual(await page.locator('[data-copy]').evaluateAll((buttons) => buttons.map(({ dataset }) => dataset.copy)), [command, command, `${binary} worker --jobs ${server.jobs} --results ${server.results} --queue count -- wc -w`]);
  assert.ok(!(await page.isVisible('#kill')), 'no worker of its own that it could kill');
  await screenshot(page, 'page-no-worker');
  shell(t, command);
  await page.locator('#no-worker').waitFor({ state: 'hidden' });
  await page.selectOption('#max-iter', '250');
  await waitFor(page, DONE);
  assert.deepEqual(page.trouble, []);
});

test('it survives a restart of the server', async (t) => {
  const server = await alone(t, { ports: await quietPorts() });
  server.mayEnd = true;
  await startWorker(t, server, '--demo', '--slots', '4');
  const page = await open(t, server.url);
  await quickPicture(page);
  await server.process.kill();
  await waitFor(page, '#connection[data-state=reconnecting]');
  await screenshot(page, 'page-reconnecting');
  await alone(t, { ports: server });
  await waitFor(page, LIVE);
  await page.click('#render');
  await waitFor(page, DONE);
  await submitText(page, 'back', 'upper');
  await waitFor(page, '#job-result[data-state=done]');
  assert.equal(await page.textContent('#job-result'), 'BACK');
});

for (const [what, journal] of [['its sessions', true], ['nothing', false]]) {
  test(`a picture whose server is killed and comes back with ${what} is finished`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const args = journal ? ['--journal', join(folder, 'acequia.redb')] : [];
    const server = await start(t, 'serve', { ports: await quietPorts(), args });
    server.mayEnd = true;
    const page = await open(t, 'about:blank');
    await useDemo(page.context());
    await page.goto(server.url);
    await page.selectOption('#max-iter', '250');
    await submitText(page, 'held', 'upper');
    await page.waitForFunction(() => document.querySelector('#job-events [data-ev=accepted]'));
    await server.process.kill();
    await waitFor(page, '#connection[data-state=reconnecting]');
    assert.match(await page.textContent('#connection-text'), /^reconnecting/);
    await screenshot(page, `page-gone-${journal ? 'journal' : 'none'}`);
    const next = await start(t, 'serve', { ports: server, args });
    await waitFor(page, LIVE);
    await startWorker(t, next, '--demo', '--slots', '4');
    await waitFor(page, DONE);
    assert.equal(await page.textContent('#picture-trouble'), '');
    await waitFor(page, `#job-result[data-state=${journal ? 'done' : 'failed'}]`);
    assert.match(await page.textContent('#job-result'), journal ? /^HELD$/ : /^session_lost: /);
    await screenshot(page, `page-back-${journal ? 'journal' : 'none'}`);
  });
}

test('the sample of the README, on the page of the demo', async (t) => {
  const demo = await start(t, 'demo');
  const page = await open(t, demo.url);
  const said = page.waitForEvent('console', (message) => message.type() === 'log' && message.text() === 'HELLO');
  await page.route('**/sample.js', (route) => route.fulfill({ contentType: 'text/javascript', body: sample('browser.js') }));
  await page.addScriptTag({ url: '/sample.js', type: 'module' });
  await said;
  assert.deepEqual(page.trouble, []);
});

for (const [name, options] of [
  ['light', { colorScheme: 'light' }],
  ['dark', { colorScheme: 'dark' }],
  ['phone', { colorScheme: 'light', viewport: { width: 375, height: 800 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
  ['phone-dark', { colorScheme: 'dark', viewport: { width: 375, height: 800 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
]) {
  test(`a picture of it: ${name}`, async (t) => {
    const demo = await start(t, 'demo');
    const page = await open(t, demo.url, options);
    await waitFor(page, LIVE);
    await quickPicture(page);
    await submitText(page, 'Water is shared out fairly, turn by turn.', 'upper');
    await waitFor(page, '#job-result[data-state=done]');
    await screenshot(page, `page-${name}`);
    // Nothing sticks out: no sideways scrolling.
    const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(content <= window, `the page is ${content} pixels wide in a window of ${window}`);
    assert.deepEqual(page.trouble, []);
  });
}
