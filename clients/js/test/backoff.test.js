// How often a server is dialled that does not want it.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Pause } from '../src/pause.js';
import { Acequia } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';

/** A client whose time is the test's, and `dial`: one more connection, and the pause after it. */
function patient(t, options = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(Math, 'random', () => 1);
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, ...options });
  t.after(() => client.close());
  let pause = 0;
  let dials = 0;
  const countDials = () => dials++;
  client.addEventListener('connecting', countDials);
  client.addEventListener('close', ({ detail }) => (pause = detail.retryInMs));
  const dial = async (serve) => {
    if (pause > 0) {
      const before = dials;
      t.mock.timers.tick(pause - 1);
      await turn();
      assert.equal(dials, before, 'no dial before its time');
    }
    t.mock.timers.tick(1);
    const socket = await network.next();
    serve(socket);
    return pause;
  };
  return { client, dial, pass: (ms) => (now += ms) };
}

const times = async (n, act) => {
  const all = [];
  for (let i = 0; i < n; i++) all.push(await act());
  return all;
};

test('a server that nobody hears is dialled more and more seldom', async (t) => {
  const { dial } = patient(t);
  const pauses = await times(9, () => dial((socket) => socket.end()));
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test('so is one that accepts, welcomes and closes at once', async (t) => {
  const { dial } = patient(t);
  const pauses = await times(9, () => dial((socket) => socket.welcome().end(1013)));
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
});

test('and one that asks to be dialled again at once, again and again', async (t) => {
  const { dial } = patient(t);
  const pauses = await times(5, () => dial((socket) => {
    socket.welcome().say({ ev: 'bye', reason: 'restart', reconnect_in_ms: 0 });
    socket.end(1001);
  }));
  assert.deepEqual(pauses, [0, 500, 1000, 2000, 4000], 'the first time, it is believed');
});

test('only a connection that lasted makes up for those that did not', async (t) => {
  const { dial, pass } = patient(t);
  const lasting = (ms) => dial((socket) => {
    socket.welcome();
    pass(ms);
    socket.end(4008);
  });
  assert.deepEqual(await times(3, () => lasting(4_999)), [250, 500, 1000]);
  assert.equal(await lasting(5_000), 250);
  assert.equal(await lasting(0), 500);
});

test('what a bye asks for is kept to, if it can be', () => {
  const asked = (value) => new Pause({ minMs: 100, maxMs: 100 }).next(value);
  assert.equal(asked(1234), 1234);
  for (const nonsense of [undefined, null, '7', NaN, -1]) assert.ok(asked(nonsense) <= 100, String(nonsense));
  assert.equal(asked(1e15), 2 ** 31 - 1, 'a timer set to more fires at once');
  assert.ok(new Pause({ minMs: 0 }).next() > 0);
});

test('two clients of one server do not come back together', (t) => {
  const randoms = [0, 0.25, 0.999];
  t.mock.method(Math, 'random', () => randoms.shift());
  assert.deepEqual([0, 0, 0].map(() => new Pause({ minMs: 1000 }).next()), [500, 625, 999.5]);
});
