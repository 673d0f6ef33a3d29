// What the protocol fixes: the same numbers as in its document, and what becomes of what is beyond them.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Acequia, RejectedError } from '../src/index.js';
import * as limits from '../src/limits.js';
import { Pace } from '../src/pace.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL_ = 'ws://acequia.test/v1/ws';
const document = readFileSync(new URL('../../../docs/client-protocol.md', import.meta.url), 'utf8');

/** A number of the document's tables, by its name. */
function fixed(name) {
  const row = document.match(new RegExp(`^\\| \`${name}\` \\| ([0-9,]+) \\|`, 'm'));
  assert.ok(row, `the document has no ${name}`);
  return Number(row[1].replaceAll(',', ''));
}

async function connected(options = {}, welcome = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL_, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  const socket = (await network.next()).welcome(welcome);
  socket.heard();
  return { network, client, socket };
}

test('the limits are those of the document', () => {
  for (const name of ['OPS_PER_MESSAGE_MAX', 'NESTING_MAX', 'KEY_BYTES_MAX', 'QUEUE_NAME_BYTES_MAX', 'TOPIC_BYTES_MAX',
    'TOPICS_PER_SESSION_MAX', 'PRIORITY_MAX', 'ATTEMPTS_MAX', 'DURATION_MS_MAX', 'MESSAGE_BYTES_MAX']) {
    assert.equal(limits[name], fixed(name.toLowerCase()), name);
  }
  assert.ok(document.includes(`at most ${limits.TOKEN_BYTES_MAX.toLocaleString('en')} bytes | a JSON Web Token`));
});

for (const jobs of [9_999, 10_000, 10_001, 25_000]) {
  test(`${jobs} jobs of a turn, and what goes with them`, async () => {
    const { client, socket } = await connected();
    client.subscribe('x');
    const all = client.submitMany(Array.from({ length: jobs }, (_, payload) => ({ payload })));
    await turn();
    const messages = socket.heard();
    for (const message of messages) assert.ok([message].flat().length <= limits.OPS_PER_MESSAGE_MAX);
    const ops = messages.flat();
    assert.equal(ops.length, jobs + 1);
    for (const { op, id } of ops) if (op === 'submit') socket.say({ ev: 'done', id, result: id });
    assert.deepEqual(await Promise.all(all), all.map(({ id }) => id));
  });
}

test('no more ops go in a second than the server takes', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { client, socket } = await connected({}, { ops_per_s: 10 });
  client.submitMany(Array.from({ length: 30 }, (_, payload) => ({ payload })));
  await turn();
  assert.equal(socket.heard().flat().length, 9, 'the hello was one');
  const pass = async (ms) => {
    for (let i = 0; i < ms / 50; i++) {
      now += 50;
      t.mock.timers.tick(50);
      await turn();
    }
    return socket.heard().flat().length;
  };
  for (const least of [9, 9]) {
    const sent = await pass(1_000);
    assert.ok(sent >= least && sent <= 10, `${sent} in a second`);
  }
  assert.ok((await pass(500)) > 0);
});

test('a pace begins with a second\'s worth, and never has more', () => {
  const pace = new Pace();
  assert.equal(pace.allowed(0), Infinity);
  pace.begin(1, 0);
  assert.equal(pace.allowed(0), 0);
  assert.equal(pace.waitMs, 1_000);
  assert.equal(pace.allowed(1_000), 1);
  pace.spend(1);
  assert.equal(pace.allowed(100_000), 1);
});

const { DURATION_MS_MAX } = limits;
const INTEGERS = { priority: [0, 9], delayMs: [0, DURATION_MS_MAX], timeoutMs: [1, DURATION_MS_MAX], ttlMs: [1, DURATION_MS_MAX], attempts: [1, 100] };
const CODEC = {
  encode: (value) => new TextEncoder().encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)),
};

for (const [name, options] of [['JSON', {}], ['MessagePack', { codec: CODEC }]]) {
  test(`options of another type throw, in ${name}`, async (t) => {
    const client = new Acequia(URL_, { WebSocket: fakeNetwork().WebSocket, ...options });
    t.after(() => client.close());
    const odd = [null, NaN, Infinity, -Infinity, 1.5, '1200', '', true, 1n, {}, [], Symbol('s'), () => 1];
    for (const option of Object.keys(INTEGERS)) {
      for (const value of odd) assert.throws(() => client.submit(1, { [option]: value }), { name: 'TypeError', message: new RegExp(`\`${option}\``) });
    }
    for (const option of ['queue', 'key', 'batch', 'traceparent']) {
      for (const value of [1, true, {}, ['x'], 1n, null]) assert.throws(() => client.submit(1, { [option]: value }), { name: 'TypeError', message: new RegExp(`\`${option}\``) });
    }
    for (const value of ['kept', 1, true, {}, { cancelAfterMs: '1' }, { cancelAfterMs: 1.5 }, { cancelAfterMs: 1, also: 2 }]) {
      assert.throws(() => client.submit(1, { onDisconnect: value }), TypeError);
    }
    assert.deepEqual(client.jobs, []);
  });

  test(`values out of bounds end the job as the server would, in ${name}`, async (t) => {
    const client = new Acequia(URL_, { WebSocket: fakeNetwork().WebSocket, ...options });
    t.after(() => client.close());
    const refused = async (option, value) => {
      const job = client.submit(1, { [option]: value });
      const error = await job.result.then(() => assert.fail(`${option} ${value}`), (error) => error);
      assert.ok(error instanceof RejectedError && error.code === 'bad_request' && error.message.includes(`\`${option}`), `${option} ${value}: ${error}`);
    };
    for (const [option, [min, max]] of Object.entries(INTEGERS)) {
      for (const value of [min - 1, max + 1]) await refused(option, value);
      for (const value of [min, max]) assert.equal(client.submit(1, { [option]: value }).ended, false);
    }
    for (const option of ['key', 'batch']) {
      for (const value of ['', 'k'.repeat(129), 'é'.repeat(65)]) await refused(option, value);
      for (const value of ['k', 'k'.repeat(128), 'é'.repeat(64)]) assert.equal(client.submit(1, { [option]: value }).ended, false);
    }
    for (const value of ['', 'q'.repeat(65), 'a b', 'é', 'a/b', 'a\n']) await refused('queue', value);
    assert.equal(client.submit(1, { queue: `A-z.0_${'q'.repeat(58)}` }).ended, false);
    for (const value of [0, DURATION_MS_MAX + 1]) await refused('onDisconnect', { cancelAfterMs: value });
    assert.equal(client.submit(1, { key: undefined, priority: -0 }).ended, false);
  });
}

test('topics have their limits', async () => {
  const { client, socket } = await connected();
  for (const topic of ['', 't'.repeat(129), 'é'.repeat(65)]) assert.throws(() => client.subscribe(topic), RangeError);
  for (const topic of [null, 7, {}]) assert.throws(() => client.subscribe(topic), TypeError);
  for (let i = 0; i < 64; i++) client.subscribe(`t${i}`);
  client.subscribe('t0');
  assert.throws(() => client.subscribe('one more'), /64/);
  client.unsubscribe('t0');
  client.subscribe('one more');
  await turn();
  assert.equal(socket.heard().flat().length, 66);
});

test('a job that no message holds is refused, and the truth is told of one that was sent before', async () => {
  const { network, client, socket } = await connected({}, { message_bytes: 1_000 });
  const [never, sent] = [client.submit('x'.repeat(2_000)), client.submit('x'.repeat(500))];
  await assert.rejects(never, (error) => error instanceof RejectedError && error.code === 'too_large' && /1000/.test(error.message));
  await turn();
  socket.end();
  (await network.next()).welcome({ message_bytes: 100 });
  await assert.rejects(sent, { name: 'LostError', code: 'connection_lost', message: /may have run/ });
});
