// The page in Debian's Chromium.

import { mkdirSync } from 'node:fs';

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

/** A page whose trouble is gathered in `page.trouble`. Closed after the test `t`. */
export async function open(t, url, options = {}) {
  const context = await (await launch()).newContext({ viewport: { width: 1280, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.trouble = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) page.trouble.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => page.trouble.push(`error: ${error.stack ?? error}`));
  page.on('requestfailed', (request) => page.trouble.push(`failed: ${request.url()}`));
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
