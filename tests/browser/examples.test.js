// The apps in examples/ as people see them: progress, a reload in the middle, the result, and news in another window.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { binary, cache, eventually, quietPorts, shell, start } from './harness.js';
import { closeBrowser, newContext } from './page.js';

after(closeBrowser);

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
const PYTHON = `PYTHONPATH='${fileURLToPath(new URL('../../clients/python/src', import.meta.url))}' PYTHONDONTWRITEBYTECODE=1 '${join(cache, 'venv/bin/python')}'`;
const PASSWORD = 'a-password-of-annas';

const APPS = {
  axum: {
    folder: 'axum',
    app: (at, folder) => `LISTEN=${at} ACEQUIA_JOURNAL='${folder}/acequia.redb' ACEQUIA_JOBS=tcp://127.0.0.1:0 ACEQUIA_RESULTS=tcp://127.0.0.1:0 exec '${join(dirname(binary), 'examples/axum')}'`,
  },
  django: {
    folder: 'django',
    hasUsers: true,
    app: (at, folder) => `export DJANGO_DATABASE='${folder}/db.sqlite3' DJANGO_SUPERUSER_PASSWORD=${PASSWORD}
      export ${PYTHON.split(' ').slice(0, 2).join(' ')}
      ${PYTHON} manage.py migrate && ${PYTHON} manage.py createsuperuser --noinput --username anna --email '' &&
      exec env ${PYTHON} manage.py runserver --noreload ${at}`,
    worker: `exec env ${PYTHON} worker.py`,
    async signIn(page) {
      await page.fill('[name=username]', 'anna');
      await page.fill('[name=password]', PASSWORD);
      await page.click('button');
    },
  },
  express: { folder: 'express', app: (at) => `PORT=${at.split(':')[1]} exec node server.js`, worker: 'exec node worker.js' },
  'plain PHP': { folder: 'php', app: (at) => `exec php -S ${at} plain/index.php`, worker: 'exec php worker.php' },
  'PHP controllers': {
    folder: 'php',
    hasUsers: true,
    app: (at) => `exec php -S ${at} controller/index.php`,
    worker: 'exec php worker.php',
    async signIn(page) {
      await page.fill('[name=name]', 'anna');
      await page.click('button');
    },
  },
};

/** The app, its worker and their server; where the app is. */
async function begin(t, { folder, hasUsers, app, worker }) {
  const own = mkdtempSync(join(tmpdir(), 'acequia-example-'));
  t.after(() => rmSync(own, { recursive: true }));
  const { http: at } = await quietPorts();
  let here = `cd '${EXAMPLES}/${folder}'`;
  if (worker) { // else both are in the app
    const secret = join(own, 'jwt-secret');
    writeFileSync(secret, '0123456789abcdef0123456789abcdef');
    const tokens = hasUsers ? ['--client-auth', 'jwt', '--jwt-secret-file', secret] : [];
    const server = await start(t, 'serve', { args: ['--allow-origin', `http://${at}`, ...tokens] });
    here += `; export ACEQUIA_SERVER=http://${server.http} ACEQUIA_JWT_SECRET_FILE='${secret}'`;
    shell(t, `${here} ACEQUIA_JOBS=${server.jobs} ACEQUIA_RESULTS=${server.results}; ${worker}`);
  }
  let end;
  shell(t, `${here}; ${app(at, own)}`).then(({ output }) => (end = output));
  await eventually(() => end !== undefined || fetch(`http://${at}/`).then(({ ok }) => ok, () => false), 'the app');
  assert.equal(end, undefined);
  return `http://${at}/`;
}

for (const [name, app] of Object.entries(APPS)) {
  test(`${name}: a report, live and over a reload, and news for all`, async (t) => {
    const url = await begin(t, app);
    const context = await newContext(t);
    const trouble = [];
    context.on('weberror', (error) => trouble.push(String(error.error())));
    context.on('console', (message) => {
      // That a resource is not there is told by its response, and with its name.
      if (['error', 'warning'].includes(message.type()) && !/^Failed to load resource/.test(message.text())) trouble.push(message.text());
    });
    context.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) trouble.push(response.status());
    });
    const [page, other] = [await context.newPage(), await context.newPage()];
    await page.goto(url);
    await app.signIn?.(page);
    await page.fill('#report [name=rows]', '20');
    await page.click('#report button');
    const isMoving = () => {
      const { value, max } = document.querySelector('progress') ?? {};
      return max === 20 && value > 0;
    };
    await page.waitForFunction(isMoving);
    await page.reload();
    await page.waitForFunction(isMoving);
    await page.locator('#result', { hasText: /^20 rows, made / }).waitFor();
    assert.equal(await page.locator('progress').evaluate(({ value }) => value), 20);
    // Whoever comes later is told how it ended.
    await page.reload();
    await page.locator('#result', { hasText: /^20 rows, made / }).waitFor();

    const isOpen = other.waitForEvent('websocket').then((socket) => socket.waitForEvent('framesent', ({ payload }) => String(payload).includes('"subscribe"')));
    await other.goto(url);
    await isOpen;
    await page.fill('#news [name=text]', 'back at <five>');
    await page.click('#news button');
    await other.locator('#heard', { hasText: 'back at <five>' }).waitFor();
    await page.locator('#heard', { hasText: 'back at <five>' }).waitFor();

    await page.fill('#report [name=rows]', '0');
    await page.click('#report button');
    await page.locator('#result', { hasText: 'rows', hasNotText: 'made ' }).waitFor();
    assert.deepEqual(trouble, [400]);
  });
}
