// The packages as they are published, installed in a folder of their own, and the samples of their READMEs run there.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';

import { binary, environment, file, Program, serve, settings } from './harness.js';

const WORKER = file('../');
const CLIENT = file('../../js/');
const folder = mkdtempSync(join(tmpdir(), 'acequia-packages-'));

before(() => {
  const packed = [WORKER, CLIENT].map((from) => {
    const [{ filename, files }] = JSON.parse(npm(from, 'pack', '--json', '--pack-destination', folder));
    const paths = files.map(({ path }) => path);
    assert.ok(paths.every((path) => /^(src|bin)\/|^(package\.json|README\.md|LICENSE-\w+)$/.test(path)), paths.join());
    return join(folder, filename);
  });
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }));
  // What its dependencies do when they are installed is not needed.
  npm(folder, 'install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', ...packed, 'ws@8.23.0');
});
after(() => rmSync(folder, { recursive: true }));

function npm(cwd, ...args) {
  return execFileSync('npm', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}

/** A sample of a README, written to the folder of the packages. */
function sample(readme, name, mend = (text) => text) {
  const text = readFileSync(`${readme}README.md`, 'utf8');
  const found = text.match(new RegExp(`<!-- sample: ${name.replace('.', '\\.')} -->\\s*\`\`\`\\w*\\n(.*?)\`\`\``, 's'));
  assert.ok(found, `${readme} has no sample ${name}`);
  writeFileSync(join(folder, name), mend(found[1]));
  return name;
}

function run(t, command, args, env) {
  const program = new Program(command, args, { env, cwd: folder });
  t.after(() => program.kill());
  return program;
}

test('the samples of the worker, and those of the client', async (t) => {
  const server = await serve(t);
  const worker = run(t, process.execPath, [sample(WORKER, 'worker.js')], settings(server, { ACEQUIA_NAME: 'sample' }));
  await worker.said(/connected/);
  for (const name of ['live.js', 'backend.js']) {
    sample(CLIENT, name, (text) => text.replaceAll('127.0.0.1:8080', server.http));
    const client = run(t, process.execPath, [name]);
    await client.line(/^HELLO$/);
    assert.equal(await client.ended, 0, client.text);
  }
  const tried = sample(WORKER, 'try.sh', (text) => text.replaceAll('127.0.0.1:8080', server.http).replaceAll(/^(npm|node).*\n/gm, ''));
  const curl = run(t, 'sh', [tried]);
  await curl.ended;
  assert.equal(curl.child.exitCode, 0, curl.text);
});

test('a handler in threads', async (t) => {
  const server = await serve(t);
  sample(WORKER, 'tile.js');
  const worker = run(t, process.execPath, [sample(WORKER, 'fractal.js')], settings(server));
  await worker.said(/connected/);
  const counts = await server.client.run('fractal', { x0: -2, y0: -1, step: 0.5, width: 6, height: 4 });
  assert.deepEqual([counts.length, counts[0], counts[2 * 6 + 4]], [24, 1, 255]);
});

test('the command, as a pool runs it', async (t) => {
  const server = await serve(t);
  sample(WORKER, 'queues.js');
  sample(WORKER, 'tile.js');
  const command = readFileSync(join(folder, sample(WORKER, 'command.sh')), 'utf8').trim().split(' ');
  assert.deepEqual(command.slice(0, 2), ['acequia', 'pool']);
  const pool = run(t, binary, [...command.slice(1, 2), '--server', server.url, ...command.slice(2)], { ...environment, PATH: `${dirname(process.execPath)}:${process.env.PATH}` });
  t.after(() => pool.kill('SIGTERM'));
  assert.equal(await server.client.run('upper', 'a'), 'A');
});

test('the client without the package ws, and without a WebSocket, says what to do', async (t) => {
  writeFileSync(join(folder, 'without.js'), `
    import { rmSync } from 'node:fs';
    delete globalThis.WebSocket;
    rmSync(new URL('./node_modules/ws', import.meta.url), { recursive: true });
    const { Acequia } = await import('@acequia/client');
    try { new Acequia('ws://127.0.0.1:9'); } catch (error) { console.log(error.name, error.message); }`);
  const program = run(t, process.execPath, ['without.js']);
  await program.line(/^TypeError this Node\.js has no WebSocket: install the package `ws`/);
});
