// The command `acequia-worker`.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { file, Program, serve, settings } from './harness.js';

const BIN = file('../bin/acequia-worker.js');

function run(t, args, env) {
  const program = new Program(process.execPath, [BIN, ...args], { env });
  t.after(() => program.kill());
  return program;
}

test('an object of handlers, with options of the command', async (t) => {
  const server = await serve(t);
  const program = run(t, [file('modules/queues.js'), '--jobs', server.jobs, '--results', server.results, '--slots', '3', '--name', 'commanded', '--grace-s', '1']);
  await program.said(/connected/);
  assert.equal(await server.client.run('upper', 'a'), 'A');
  assert.equal((await server.client.run('fib', 10)).value, 55);
  const { workers } = await (await server.admin('workers')).json();
  assert.deepEqual(workers.map(({ name, slots }) => [name, slots]), [['commanded', 3]]);
  program.child.kill('SIGTERM');
  assert.equal(await program.ended, 0);
});

test('a Worker, and settings of the environment', async (t) => {
  const server = await serve(t);
  const program = run(t, [file('modules/worker.js')], settings(server));
  await program.said(/connected/);
  assert.equal(await server.client.run('upper', 'a'), 'A');
});

test('a worker without a name is called after its module', async (t) => {
  const server = await serve(t);
  const program = run(t, [file('modules/queues.js')], settings(server));
  await program.said(/connected/);
  const { workers: [{ name }] } = await (await server.admin('workers')).json();
  assert.equal(name, `queues-${program.child.pid}`);
});

test('help and version', async (t) => {
  for (const [args, said] of [[['--help'], /^Usage: acequia-worker \[OPTIONS\] MODULE$/], [['-V'], /^acequia-worker [0-9]+\.[0-9]+\.[0-9]+$/]]) {
    const program = run(t, args);
    await program.line(said);
    assert.equal(await program.ended, 0);
  }
});

for (const [what, args, code, said] of [
  ['no module', [], 2, /^acequia-worker: it takes one module; see --help$/],
  ['an unknown option', ['--slot', '1'], 2, /^acequia-worker: Unknown option '--slot'/],
  ['slots that are no number', [file('modules/queues.js'), '--slots', 'x'], 2, /^acequia-worker: --slots is a number, and not "x"$/],
  ['a module without a worker', [file('modules/nothing.js')], 2, /has to export by default an object of handlers by their queues, or a Worker, and exports nothing$/],
  ['options for a Worker', [file('modules/worker.js'), '--slots', '2'], 2, /which has its options from its own code$/],
  ['options that no worker has', [file('modules/queues.js'), '--slots', '0'], 1, /^acequia-worker: `slots` is an integer from 1 to 65536, and not 0$/],
  ['a module that is not there', ['/none.js'], 1, /Cannot find module '\/none.js'/],
]) {
  test(`it ends with ${code}: ${what}`, async (t) => {
    const program = run(t, args);
    assert.equal(await program.ended, code);
    assert.ok(program.log.some((line) => said.test(line)), program.text);
  });
}
