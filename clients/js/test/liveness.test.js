// A connection that froze: open, and nobody there.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Acequia } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';

/** A client whose time is the test's: `pass` lets it go by, `sleep` lets it go by without a timer. */
async function timed(t, options = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  t.after(() => client.close());
  const closes = [];
  client.addEventListener('close', ({ detail }) => closes.push(detail.reason));
  const socket = (await network.next()).welcome();
  socket.heard();
  const pass = async (ms) => {
    for (let left = ms; left > 0; left -= 500) {
      now += Math.min(left, 500);
      t.mock.timers.tick(Math.min(left, 500));
      await turn();
    }
  };
  return { network, client, socket, closes, pass, sleep: (ms) => (now += ms) };
}

const PROBE = { op: 'hello' };
const WELCOME = { ev: 'welcome', resumed: false, limits: {} };

test('after a silence the server is asked, and an answer is enough', async (t) => {
  const { client, socket, closes, pass } = await timed(t);
  const opened = [];
  client.addEventListener('open', () => opened.push('again'));
  await pass(19_500);
  assert.deepEqual(socket.heard(), []);
  await pass(500);
  assert.deepEqual(socket.heard(), [PROBE]);
  await pass(9_000);
  socket.say(WELCOME);
  await pass(19_500);
  assert.deepEqual(socket.heard(), []);
  await pass(500);
  assert.deepEqual(socket.heard(), [PROBE]);
  assert.deepEqual([client.state, closes, opened], ['open', [], []], 'and nobody is told of it');
});

test('without an answer it is dialled again, and jobs go on', async (t) => {
  const { network, client, socket, closes, pass } = await timed(t);
  await pass(20_000);
  await pass(10_000);
  assert.match(closes[0], /nothing was heard for 30000 ms/);
  assert.equal(socket.closed, true);
  const job = client.submit('x');
  await pass(1);
  const second = (await network.next()).welcome();
  assert.equal(second.heard().flat().filter(({ op }) => op === 'submit').length, 1);
  second.say({ ev: 'done', id: 1, result: 'X' });
  assert.equal(await job, 'X');
});

test('what was sent and not answered is doubted sooner', async (t) => {
  const { client, socket, closes, pass } = await timed(t);
  client.submit('x');
  await turn();
  await pass(5_000);
  assert.deepEqual(socket.heard().at(-1), PROBE);
  await pass(10_000);
  assert.equal(closes.length, 1);
});

test('anything heard is a sign of life', async (t) => {
  const { socket, closes, pass } = await timed(t);
  for (let i = 0; i < 10; i++) {
    await pass(19_000);
    socket.say('not even JSON');
  }
  assert.deepEqual([socket.heard(), closes], [[], []]);
});

test('a machine that slept asks once more before it gives up', async (t) => {
  const { socket, closes, pass, sleep } = await timed(t);
  await pass(20_000);
  assert.deepEqual(socket.heard(), [PROBE]);
  sleep(3_600_000); // the timer is an hour late, and the answer may wait to be read
  await pass(10_000);
  assert.deepEqual([socket.heard(), closes], [[PROBE], []]);
  await pass(10_000);
  assert.equal(closes.length, 1);
});

test('heartbeat: false, and other times', async (t) => {
  const { socket, closes, pass } = await timed(t, { heartbeat: false });
  await pass(600_000);
  assert.deepEqual([socket.heard(), closes], [[], []]);
  t.mock.timers.reset();
  const quick = await timed(t, { heartbeat: { everyMs: 1_000, timeoutMs: 500 } });
  await quick.pass(1_500);
  assert.equal(quick.closes.length, 1);
});

/** A page: its window and document are event targets of the test. */
function page(t) {
  const target = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'hidden' });
  for (const [name, value] of Object.entries({
    addEventListener: target.addEventListener.bind(target), removeEventListener: target.removeEventListener.bind(target), document,
  })) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
    t.after(() => delete globalThis[name]);
  }
  const tell = (type, more) => target.dispatchEvent(Object.assign(new Event(type), more));
  const look = () => {
    document.visibilityState = 'visible';
    document.dispatchEvent(new Event('visibilitychange'));
    document.visibilityState = 'hidden';
  };
  return { tell, look };
}

for (const how of ['online', 'looked at', 'put aside and shown again']) {
  test(`a page that is ${how} dials at once, and doubts what seems open`, async (t) => {
    const { tell, look } = page(t);
    const wake = {
      online: () => tell('online'),
      'looked at': look,
      'put aside and shown again': () => tell('pageshow', { persisted: true }),
    }[how];
    const { network, client, socket, closes, pass } = await timed(t, { reconnect: { minMs: 60_000, maxMs: 60_000 } });
    wake();
    assert.deepEqual(socket.heard(), [PROBE]);
    await pass(10_000);
    assert.deepEqual([closes.length, client.state], [1, 'waiting']);
    wake();
    (await network.next()).welcome();
    assert.equal(client.state, 'open');
    client.close();
    wake();
    await turn();
    assert.equal(client.state, 'closed', 'and one that is closed stays so');
  });
}

test('a page that is put aside has no connection, and the session waits', async (t) => {
  const { tell } = page(t);
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1 } });
  t.after(() => client.close());
  const socket = await network.next();
  socket.open();
  socket.say({ ...WELCOME, session: 's' });
  const job = client.submit(1);
  await turn();
  socket.say({ ev: 'accepted', id: 1, seq: 1 });
  tell('pagehide', { persisted: false });
  assert.equal(socket.closed, false);
  tell('pagehide', { persisted: true });
  assert.deepEqual([socket.closeCode, client.state, job.ended], [1000, 'waiting', false]);
  tell('pageshow', { persisted: true });
  const second = await network.next();
  second.open();
  assert.deepEqual(second.heard(), [{ op: 'hello', resume: 's', last: 1 }]);
  second.say({ ...WELCOME, session: 's', resumed: true });
  second.say({ ev: 'done', id: 1, result: 'one', seq: 2 });
  assert.equal(await job, 'one');
});
