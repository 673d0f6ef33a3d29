// The page in Debian's Chromium.

import { mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

import { chromium } from 'playwright-core';

import { cache } from './harness.js';

const ARGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

let browser;

/** One browser for all tests of a file. */
export async function launch() {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGS });
  return browser;
}

export async function closeBrowser() {
  await browser?.close();
}

/** The pages of the demo and of a server, both at /. */
const DEMO = '../../dashboard/index.html';
const START = '../../dashboard/start.html';

/** Windows that share cookies and storages, closed after the test `t`. */
export async function newContext(t, options = {}) {
  // A document that a test makes up is of no address space, from where 127.0.0.1 may not be dialled.
  const context = await (await launch()).newContext({ permissions: ['local-network-access'], ...options });
  t.after(() => context.close());
  if (process.env.ACEQUIA_PAGE === 'tree') {
    await useTree(context, '/client/', '/assets/');
    await usePage(context, '/dashboard', '../../dashboard/ops/index.html');
    await usePage(context, '/', (served) => (served.includes('id="mandelbrot"') ? DEMO : START));
  }
  return context;
}

const FOLDERS = { '/client/': '../../clients/js/src/', '/assets/': '../../dashboard/' };
const TYPES = { js: 'text/javascript', mjs: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };

/** These folders come from this tree and not from the binary, which need not be built for them. */
export async function useTree(context, ...prefixes) {
  for (const prefix of prefixes) {
    await context.route(`**${prefix}**`, async (route) => {
      // Also below the path of a proxy.
      const name = new URL(route.request().url()).pathname.split(prefix).slice(1).join(prefix);
      const body = await readFile(new URL(FOLDERS[prefix] + name, import.meta.url), 'utf8');
      await route.fulfill({ contentType: TYPES[name.split('.').at(-1)], body });
    });
  }
}

/** The page of the demo at / of any server, such as one with a journal. */
export const useDemo = (context) => usePage(context, '/', () => DEMO);

/** One page, with the headers of the server: they say what it may do. `file`, or which by what is served. */
async function usePage(context, path, file) {
  const isIt = ({ pathname }) => (path === '/' ? pathname === path : pathname.endsWith(path));
  await context.route(isIt, async (route) => {
    const response = await route.fetch();
    const name = typeof file === 'string' ? file : file(await response.text());
    const body = await readFile(new URL(name, import.meta.url), 'utf8');
    await route.fulfill({ response, status: 200, contentType: 'text/html; charset=utf-8', body });
  });
}

/** A page whose trouble is gathered in `page.trouble`. Closed after the test `t`. */
export async function open(t, url, options = {}) {
  const context = await newContext(t, { viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.trouble = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.trouble.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => page.trouble.push(`error: ${error.stack ?? error}`));
  page.on('requestfailed', (request) => {
    // The page itself gave it up, as by a reload.
    if (request.failure()?.errorText === 'net::ERR_ABORTED') return;
    page.trouble.push(`failed: ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() >= 400) page.trouble.push(`${response.status()}: ${response.url()}`);
  });
  await page.goto(url);
  return page;
}

/** For people to look at. */
export async function screenshot(page, name) {
  mkdirSync(cache, { recursive: true });
  await page.screenshot({ path: `${cache}${name}.png`, fullPage: true });
}

export const waitFor = (page, selector) => page.locator(selector).waitFor({ state: 'visible' });
