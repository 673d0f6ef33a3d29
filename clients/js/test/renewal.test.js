// Tokens are renewed on the open connection, before they are over.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Acequia } from '../src/index.js';
import { claimsOf, renewInMs, subprotocolOf } from '../src/token.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';
const START_MS = 1_700_000_000_000;
const encoded = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const tokenOf = (claims) => `${encoded({ alg: 'HS256' })}.${encoded(claims)}.sig-_`;

async function timed(t, token) {
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START_MS });
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, token, heartbeat: false, reconnect: { minMs: 1, maxMs: 1 } });
  t.after(() => client.close());
  const trouble = [];
  client.addEventListener('error', ({ detail }) => trouble.push(`${detail.code}: ${detail.message}`));
  const socket = (await network.next()).welcome();
  socket.heard();
  const pass = async (ms) => {
    t.mock.timers.tick(ms);
    await turn();
  };
  return { client, network, socket, trouble, pass };
}

/** A function that gets a token of so many seconds, each another. */
function source(seconds) {
  const made = [];
  const token = () => {
    made.push(tokenOf({ sub: 'u', n: made.length, exp: Math.floor(Date.now() / 1000) + seconds }));
    return made.at(-1);
  };
  return { token, made };
}

test('a minute before its end, again and again', async (t) => {
  const { token, made } = source(600);
  const { client, socket, pass } = await timed(t, token);
  await pass(539_999);
  assert.deepEqual(socket.heard(), []);
  await pass(1);
  assert.deepEqual(socket.heard(), [{ op: 'hello', token: made[1] }]);
  const events = [];
  client.addEventListener('event', ({ detail }) => events.push(detail.ev));
  socket.say({ ev: 'welcome', resumed: false, limits: {} });
  await pass(540_000);
  assert.deepEqual(socket.heard(), [{ op: 'hello', token: made[2] }]);
  assert.deepEqual([events, client.state], [[], 'open']);
});

test('a short one at half of its time', async (t) => {
  const { token, made } = source(4);
  const { socket, pass } = await timed(t, token);
  await pass(2_000);
  assert.deepEqual(socket.heard(), [{ op: 'hello', token: made[1] }]);
});

test('what goes wrong is told and tried again', async (t) => {
  const good = source(600);
  const answers = [good.token, () => { throw new Error('no login'); }, good.token, good.token];
  const { socket, trouble, pass, client } = await timed(t, () => answers.shift()());
  await pass(540_000);
  assert.match(trouble[0], /^token: Error: no login/);
  await pass(10_000);
  assert.equal(socket.heard().length, 1);
  socket.say({ ev: 'error', code: 'unauthorized', message: 'not valid here' });
  assert.match(trouble[1], /^token: .*not valid here/);
  await pass(10_000);
  assert.equal(socket.heard().length, 1);
  await pass(10_000);
  assert.match(trouble[2], /^token: .*not answered/);
  assert.deepEqual([client.state, trouble.length], ['open', 3]);
});

test('the same token once more is not sent', async (t) => {
  const fixed = tokenOf({ exp: START_MS / 1000 + 100 });
  const { socket, trouble, pass } = await timed(t, () => fixed);
  await pass(99_000);
  assert.deepEqual([socket.heard(), trouble], [[], []]);
});

test('a string cannot be renewed, and one without an end need not be', async (t) => {
  const { socket, pass } = await timed(t, tokenOf({ exp: START_MS / 1000 + 10 }));
  await pass(60_000);
  assert.deepEqual(socket.heard(), []);
  t.mock.timers.reset();
  const endless = await timed(t, () => tokenOf({ sub: 'u' }));
  await endless.pass(1e9);
  assert.deepEqual(endless.socket.heard(), []);
});

test('a token of a connection that is gone is not sent on the next', async (t) => {
  const { made, token } = source(600);
  const waiting = [];
  let slow = false;
  const { network, socket, pass } = await timed(t, () => (slow ? new Promise((resolve) => waiting.push(() => resolve(token()))) : token()));
  slow = true;
  await pass(540_000);
  assert.equal(waiting.length, 1);
  slow = false;
  socket.end();
  await pass(1);
  const second = (await network.next()).welcome();
  second.heard();
  waiting[0]();
  await turn();
  assert.deepEqual([second.heard(), socket.heard(), made.length], [[], [], 3]);
});

test('a clock that is wrong', () => {
  const now = START_MS;
  const at = (seconds) => now / 1000 + seconds;
  assert.equal(renewInMs({ exp: at(600) }, now), 540_000);
  assert.equal(renewInMs({ exp: at(-100), iat: at(-400) }, now), 240_000, 'its own length counts');
  assert.equal(renewInMs({ exp: at(-100) }, now), 30_000);
  for (const claims of [{}, { exp: '1' }, { exp: NaN }, { exp: null }]) assert.equal(renewInMs(claims, now), null);
});

test('claims, and what a header can hold', () => {
  assert.deepEqual(claimsOf(tokenOf({ sub: 'ü?>', exp: 1 })).exp, 1);
  for (const odd of [undefined, '', 'x', 'a.b.c', `a.${encoded(null)}.c`, `a.${encoded(7)}.c`]) assert.deepEqual(claimsOf(odd), {});
  assert.equal(subprotocolOf('a.b-_.c'), 'acequia.token.a.b-_.c');
  for (const odd of ['a b', 'a,b', 'ü', '', 'x'.repeat(4_097)]) assert.equal(subprotocolOf(odd), undefined);
});
