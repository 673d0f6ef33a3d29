// How a worker begins, goes on and ends: tokens, leases, lost servers, signals.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { eventually, file, Process, Program, quietPorts, resolvers, serve, session, settings, start, work, workers } from './harness.js';

const upper = (job) => job.json().toUpperCase();

/** A job of a queue of `hold.js` that its handler has begun. */
async function begun(client, queue, payload) {
  const job = client.start(payload, { queue });
  await new Promise((resolve) => job.addEventListener('progress', resolve));
  return job;
}

test('the worker token, from a file with white space around it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-token-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, ' 0123456789abcdef0123456789abcdef \r\n');
  const server = await serve(t, '--worker-token-file', tokenFile);
  const { stop } = await work(t, server, { upper }, { tokenFile });
  assert.equal(await server.client.run('upper', 'a'), 'A');
  await stop();
  await work(t, server, { upper }, { token: '0123456789abcdef0123456789abcdef' });
  assert.equal(await server.client.run('upper', 'b'), 'B');
});

test('a worker with the wrong token says what may be wrong, and goes on dialling', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'acequia-token-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'token'), '0123456789abcdef0123456789abcdef');
  const server = await serve(t, '--worker-token-file', join(folder, 'token'));
  const { lines } = await work(t, server, { upper }, { token: 'another' });
  await eventually(() => lines.filter((line) => /whether the server asks for another worker token/.test(line)).length >= 2, 'two refusals');
});

test('a handler that blocks the main thread does not stop the heartbeat', async (t) => {
  // The lease is over long before the handler is.
  const server = await serve(t, '--lease-s', '1');
  const program = await workers(t, server, [file('programs/beating.js')]);
  const client = session(t, server);
  const events = [];
  client.addEventListener('event', ({ detail }) => events.push(detail.ev));
  assert.equal(await client.submit(4_000, { queue: 'block' }), 'done');
  assert.ok(!events.includes('retrying'), String(events));
  assert.ok(program.alive);
});

test('a worker starts before its server, and outlives it', async (t) => {
  const ports = await quietPorts();
  const folder = mkdtempSync(join(tmpdir(), 'acequia-journal-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const args = ['--journal', join(folder, 'journal')];
  const program = new Program(process.execPath, [file('conduct.js')], { env: settings(ports) });
  t.after(() => program.kill());
  await program.said(/nobody answers at the (jobs|results) endpoint tcp:.*; dialling on until there is a server$/);
  const first = await start(t, 'serve', { ports, args });
  const client = session(t, first);
  assert.equal(await client.submit('a', { queue: 'upper' }), 'A');
  first.mayEnd = true;
  await first.process.kill('SIGKILL');
  await program.said(/connection ended; dialling tcp:.* again$/);
  await start(t, 'serve', { ports, args });
  assert.equal(await client.submit('b', { queue: 'upper' }), 'B');
});

test('what was held when the connection was lost is void: the handler is told, and its answer is for nobody', async (t) => {
  const ports = await quietPorts();
  const first = await start(t, 'serve', { ports });
  const runs = [];
  const seen = resolvers();
  const refused = resolvers();
  await work(t, ports, {
    hold: async (job) => {
      runs.push(job.id);
      if (runs.length === 1) {
        seen.resolve(job);
        await new Promise((resolve) => job.signal.addEventListener('abort', resolve));
        refused.resolve(assert.rejects(job.publish('t', 1), { code: 'cancelled' }));
        return 'of the first';
      }
      return 'of the second';
    },
  });
  session(t, first).submit(1, { queue: 'hold' }).result.catch(() => {});
  const { signal } = await seen.promise;
  first.mayEnd = true;
  await first.process.kill('SIGKILL');
  await eventually(() => signal.aborted, 'the abort');
  const second = await start(t, 'serve', { ports });
  const other = session(t, second);
  assert.equal(await other.submit(2, { queue: 'hold' }), 'of the second');
  await refused.promise;
});

test('a worker of a server that is not there does next to nothing', async (t) => {
  const { jobs, results } = await quietPorts();
  const program = new Program(process.execPath, [file('conduct.js')], { env: settings({ jobs, results }) });
  t.after(() => program.kill());
  await program.said(/nobody answers/);
  const ticks = async () => {
    const { readFile } = await import('node:fs/promises');
    const fields = (await readFile(`/proc/${program.child.pid}/stat`, 'utf8')).split(') ')[1].split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = await ticks();
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  const used = (await ticks()) - before;
  assert.ok(used <= 20, `${used} of 200 ticks`);
});

test('one worker for two servers, each with slots of its own', async (t) => {
  const one = await serve(t);
  const other = await serve(t);
  const both = { jobs: [one.jobs, other.jobs], results: [one.results, other.results] };
  const waiting = [];
  await work(t, both, { meet: () => new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 2) waiting.forEach((each, n) => each(n));
  }) });
  assert.deepEqual(await Promise.all([one.client.run('meet', 1), other.client.run('meet', 1)]).then((all) => all.sort()), [0, 1]);
});

test('the same by the environment, as lists with commas', async (t) => {
  const servers = [await serve(t), await serve(t)];
  const both = { jobs: servers.map(({ jobs }) => jobs).join(), results: servers.map(({ results }) => results).join() };
  const program = await workers(t, both, [file('conduct.js')], { ACEQUIA_NAME: 'twin', ACEQUIA_SLOTS: '3' });
  await program.said(/connected/);
  for (const server of servers) {
    assert.equal(await server.client.run('upper', 'a'), 'A');
    const { workers: seen } = await (await server.admin('workers')).json();
    assert.deepEqual(seen.map(({ name, slots }) => [name, slots]), [['twin', 3]]);
  }
});

for (const [signal, code] of [['SIGTERM', 143], ['SIGINT', 130]]) {
  test(`${signal}: no more jobs are taken, and a second one ends the process at once`, async (t) => {
    const server = await serve(t);
    const program = await workers(t, server, [file('programs/hold.js')], { ACEQUIA_SLOTS: 2 });
    const client = session(t, server);
    await begun(client, 'hold', 'kept');
    program.child.kill(signal);
    await program.said(/no more jobs are taken/);
    await eventually(async () => (await (await server.admin('workers')).json()).workers[0].state === 'draining', 'the bye');
    assert.ok(program.alive, 'it goes on with what it holds');
    program.child.kill(signal);
    assert.equal(await program.ended, code);
  });
}

test('SIGTERM: a result that comes within the grace time is told', async (t) => {
  const server = await serve(t);
  const program = await workers(t, server, [file('conduct.js')], { ACEQUIA_SLOTS: 2 });
  const client = session(t, server);
  const job = client.start(700, { queue: 'sleep' });
  await new Promise((resolve) => job.addEventListener('started', resolve));
  program.child.kill('SIGTERM');
  assert.equal(await job.result, null);
  assert.equal(await program.ended, 0);
});

test('SIGTERM: after the grace time the server gives what is held to others', async (t) => {
  const server = await serve(t);
  const program = await workers(t, server, [file('programs/hold.js')], { ACEQUIA_GRACE_S: '0' });
  const client = session(t, server);
  const job = await begun(client, 'hold', 'kept');
  program.child.kill('SIGTERM');
  await program.line(/^drained$/);
  assert.equal(await program.ended, 0, 'although the handler never ends');
  await program.said(/the grace time is over/);
  const again = await workers(t, server, [file('programs/hold.js')], { ACEQUIA_SLOTS: 2 });
  await new Promise((resolve) => job.addEventListener('progress', resolve));
  await client.submit(null, { queue: 'release' });
  assert.equal(await job.result, 'kept');
  assert.ok(again.alive);
});

test('an idle worker ends at once, also one that has no server; what else keeps the process alive does so', async (t) => {
  const server = await serve(t);
  const idle = await workers(t, server, [file('programs/hold.js'), 'alive']);
  idle.child.kill('SIGTERM');
  await idle.line(/^drained$/);
  assert.ok(idle.alive);
  idle.child.kill('SIGTERM');
  assert.equal(await idle.ended, 'SIGTERM', 'the signals are as they were');
  const lonely = new Program(process.execPath, [file('programs/hold.js')], { env: settings(await quietPorts()) });
  t.after(() => lonely.kill());
  await lonely.said(/nobody answers/);
  lonely.child.kill('SIGTERM');
  assert.equal(await lonely.ended, 0);
});

test('the server drains: what is held is finished, and the next server is served', async (t) => {
  const ports = await quietPorts();
  const first = await start(t, 'serve', { ports });
  first.mayEnd = true;
  const release = resolvers();
  const { lines } = await work(t, ports, { hold: () => release.promise, upper }, { slots: 2 });
  const client = session(t, first);
  const job = client.start(1, { queue: 'hold' });
  await new Promise((resolve) => job.addEventListener('started', resolve));
  first.process.child.kill('SIGTERM');
  await eventually(() => lines.some((line) => /^the server sends no more jobs/.test(line)), 'the bye');
  release.resolve('kept');
  assert.equal(await job.result, 'kept');
  await first.process.ended;
  const second = await start(t, 'serve', { ports });
  assert.equal(await session(t, second).submit('a', { queue: 'upper' }), 'A');
});

test('as a child of a pool', async (t) => {
  const server = await serve(t);
  const pool = new Process('pool', '--server', server.url, '--queue', 'upper', '--max', '1', '--idle-s', '1', '--', process.execPath, file('conduct.js'));
  t.after(() => pool.kill('SIGTERM'));
  assert.equal(await server.client.run('upper', 'pooled'), 'POOLED');
  // It is stopped when it is idle, and that is no death.
  await eventually(async () => (await (await server.admin('workers')).json()).workers.length === 0, 'the end of the process');
  assert.ok(!pool.text.includes('died'), pool.text);
});

test('two workers of one process', async (t) => {
  const server = await serve(t);
  await work(t, server, { one: () => 1 }, { name: 'one' });
  await work(t, server, { two: () => 2 }, { name: 'two' });
  assert.deepEqual([await server.client.run('one', null), await server.client.run('two', null)], [1, 2]);
});

test('what is thrown where nobody waits ends the process, and the job goes to another', async (t) => {
  const server = await serve(t);
  const program = await workers(t, server, [file('programs/astray.js')]);
  const client = session(t, server);
  const job = client.start(null, { queue: 'astray' });
  assert.equal(await program.ended, 1);
  await program.said(/Error: thrown astray/);
  await work(t, server, { astray: (job) => job.attempt });
  assert.equal(await job.result, 2);
});
