// Every job settles, with the truth.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import * as codec from '../../../dashboard/vendor/msgpack.mjs';
import { Acequia, JobError, LostError, RejectedError } from '../src/index.js';
import { salvage } from '../src/skim.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';
const NO_SUCH_JOB = { ev: 'error', code: 'bad_request', message: 'no live job' };

/** A client with a session whose timers are the test's, and `again`, its next connection. */
async function connected(t, options = {}) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, heartbeat: false, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  t.after(() => client.close());
  const again = async (welcome) => {
    t.mock.timers.tick(1);
    const socket = await network.next();
    socket.open();
    await turn();
    socket.heard();
    socket.say({ ev: 'welcome', limits: {}, ...welcome });
    return socket;
  };
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail));
  return { client, again, errors, socket: await again({ session: 's', resumed: false }) };
}

const ops = (socket) => socket.heard().flat();
const failure = (promise) => promise.then(() => assert.fail('it resolved'), (error) => error);

test('a replay whose mark was one op too many is marked again', async (t) => {
  const { client, socket, again, errors } = await connected(t);
  const job = client.submit(1);
  await turn();
  socket.end();
  const second = await again({ session: 's', resumed: true });
  assert.equal(ops(second).length, 1);
  second.say({ ev: 'error', id: second.mark, code: 'rate_limited', message: '', seq: 1 });
  await turn();
  assert.deepEqual(ops(second), []);
  t.mock.timers.tick(1_000);
  await turn();
  assert.deepEqual(ops(second)[0], { op: 'cancel', id: second.mark });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 2 });
  await turn();
  assert.deepEqual(ops(second).filter(({ op }) => op === 'submit').map(({ id }) => id), [1]);
  second.say({ ev: 'done', id: 1, result: 'one', seq: 3 });
  assert.equal(await job, 'one');
  assert.deepEqual(errors, []);
});

test('any other answer to the mark ends the replay too', async (t) => {
  const { client, socket, again } = await connected(t);
  client.submit(1);
  await turn();
  socket.end();
  const second = await again({ session: 's', resumed: true });
  ops(second);
  second.say({ ev: 'error', id: second.mark, code: 'storage', message: '', seq: 1 });
  await turn();
  assert.equal(ops(second).some(({ op }) => op === 'submit'), true);
});

for (const code of ['rate_limited', 'queue_full', 'too_many_jobs', 'storage']) {
  test(`what is submitted again and refused with ${code} is submitted until it is taken`, async (t) => {
    const { client, socket, again } = await connected(t);
    const keyed = client.submit(1, { key: 'k' });
    await turn();
    socket.say({ ev: 'accepted', id: 1, job: 'u', seq: 1 });
    socket.end();
    const second = await again({ session: 's', resumed: true });
    second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 2 });
    await turn();
    ops(second);
    for (const seq of [3, 4]) {
      second.say({ ev: 'rejected', id: 1, code, message: '', retry_after_ms: 2_000, seq });
      t.mock.timers.tick(1_999);
      await turn();
      assert.deepEqual([ops(second).filter(({ op }) => op === 'submit'), keyed.ended], [[], false]);
      t.mock.timers.tick(1);
      await turn();
      assert.equal(ops(second).filter(({ op }) => op === 'submit').length, 1);
    }
    second.say({ ev: 'done', id: 1, result: 'one', seq: 5 });
    assert.equal(await keyed, 'one');
  });
}

for (const code of ['bad_request', 'forbidden', 'too_large', 'unauthorized', 'of tomorrow']) {
  test(`what is submitted again and refused for good (${code}) is lost, since the first may run`, async (t) => {
    const { client, socket, again } = await connected(t);
    const job = client.submit(1, { key: 'k' });
    await turn();
    socket.end();
    const second = await again({ session: 't', resumed: false });
    second.say({ ev: 'rejected', id: 1, code, message: 'no' });
    const error = await failure(job.result);
    assert.ok(error instanceof LostError && !(error instanceof RejectedError));
    assert.match(error.message, new RegExp(`${code}.*may have run`));
    assert.deepEqual(client.jobs, []);
  });
}

test('a job that is new, and refused, is told so', async (t) => {
  const { client, socket } = await connected(t);
  const job = client.submit(1);
  await turn();
  socket.say({ ev: 'rejected', id: 1, code: 'rate_limited', message: '', retry_after_ms: 1_000, seq: 1 });
  const error = await failure(job.result);
  assert.ok(error instanceof RejectedError);
  assert.equal(error.retryAfterMs, 1_000);
});

test('a wish to cancel that was one op too many is repeated', async (t) => {
  const { client, socket, errors } = await connected(t);
  const job = client.submit(1);
  await turn();
  job.cancel();
  await turn();
  ops(socket);
  socket.say({ ev: 'error', id: 1, code: 'rate_limited', message: '', seq: 1 });
  t.mock.timers.tick(1_000);
  await turn();
  assert.deepEqual(ops(socket)[0], { op: 'cancel', id: 1 });
  socket.say({ ev: 'cancelled', id: 1, seq: 2 });
  assert.equal((await failure(job.result)).code, 'cancelled');
  assert.deepEqual(errors, []);
});

test('topics and acks that were one op too many are said again', async (t) => {
  const { client, socket, errors } = await connected(t);
  client.subscribe('news');
  await turn();
  socket.say({ ev: 'batch', batch: 'b', seq: 1 });
  t.mock.timers.tick(1_000);
  await turn();
  assert.deepEqual(ops(socket), [{ op: 'subscribe', topic: 'news' }, { op: 'ack', seq: 1 }]);
  socket.say({ ev: 'error', code: 'rate_limited', message: '', seq: 2 });
  t.mock.timers.tick(1_000);
  await turn();
  assert.deepEqual(ops(socket).filter(({ op }) => op === 'subscribe'), [{ op: 'subscribe', topic: 'news' }]);
  assert.deepEqual(errors, []);
});

/** Maps that the codec of the page does not read: by a key of nil, of true, of an array. */
const UNREADABLE = { nil: [0x81, 0xc0, 0x01], true: [0x81, 0xc3, 0x01], array: [0x81, 0x91, 0x01, 0x01], cut: [0xc1] };
const str = (text) => [0xa0 | text.length, ...Buffer.from(text)];
const packed = (event, key, bytes) => {
  const head = Object.entries(event).map(([key, value]) => [...str(key), ...codec.encode(value)]);
  return Uint8Array.from([0x80 | (head.length + 1), ...head.flat(), ...str(key), ...bytes]).buffer;
};

for (const [what, bytes] of Object.entries(UNREADABLE)) {
  test(`a result that the codec cannot read (${what}) ends its job`, async (t) => {
    const network = fakeNetwork();
    const client = new Acequia(URL, { WebSocket: network.WebSocket, codec, heartbeat: false });
    t.after(() => client.close());
    const errors = [];
    client.addEventListener('error', ({ detail }) => errors.push([detail.code, detail.id]));
    const socket = await network.next();
    socket.open();
    socket.onmessage({ data: codec.encode({ ev: 'welcome', resumed: false, limits: {} }).slice().buffer });
    const [done, chunked] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
    await turn();
    const chunks = chunked.chunks();
    socket.onmessage({ data: packed({ ev: 'chunk', id: 2, job: 'u2', seq: 1, n: 1 }, 'data', bytes) });
    socket.onmessage({ data: packed({ ev: 'message', topic: 'x', seq: 2 }, 'data', bytes) });
    socket.onmessage({ data: packed({ ev: 'done', id: 1, job: 'u1', seq: 3 }, 'result', bytes) });
    socket.onmessage({ data: codec.encode({ ev: 'done', id: 2, job: 'u2', seq: 4, result: 'two' }).slice().buffer });
    const error = await failure(done.result);
    assert.ok(error instanceof JobError && error.cause instanceof Error);
    assert.deepEqual([error.code, error.job, done.state], ['unreadable', 'u1', 'failed']);
    assert.match(error.message, /is done/);
    assert.equal((await failure(chunks.next())).code, 'unreadable', 'a chunk is not left out in silence');
    assert.equal(await chunked, 'two');
    assert.deepEqual(errors, [['bad_event', 2], ['bad_event', undefined], ['bad_event', 1]]);
  });
}

test('a codec that makes Maps or BigInts of things', async (t) => {
  const network = fakeNetwork();
  const odd = {
    encode: codec.encode,
    decode: (bytes) => {
      const value = codec.decode(bytes);
      if (typeof value === 'number') return BigInt(value);
      return typeof value === 'object' && value !== null ? new Map(Object.entries(value)) : value;
    },
  };
  const client = new Acequia(URL, { WebSocket: network.WebSocket, codec: odd, heartbeat: false });
  t.after(() => client.close());
  const socket = await network.next();
  const say = (event) => socket.onmessage({ data: codec.encode(event).slice().buffer });
  socket.open();
  say({ ev: 'welcome', resumed: false, limits: {} });
  const job = client.submit(1);
  await turn();
  say({ ev: 'done', id: 1, job: 'u', seq: 1, result: { a: 1 } });
  assert.deepEqual(await job, new Map([['a', 1]]));
});

test('all forms of MessagePack are stepped over', () => {
  const forms = [
    [0xc0], [0xc2], [0x7f], [0xff], [0xcc, 1], [0xcd, 1, 1], [0xce, 1, 1, 1, 1], [0xcf, 0, 0, 0, 0, 0, 0, 0, 1],
    [0xd0, 1], [0xd1, 1, 1], [0xd2, 1, 1, 1, 1], [0xd3, 0, 0, 0, 0, 0, 0, 0, 1], [0xca, 0, 0, 0, 0], [0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
    [0xc4, 1, 9], [0xc5, 0, 1, 9], [0xc6, 0, 0, 0, 1, 9], [0xa1, 0x61], [0xd9, 1, 0x61], [0xda, 0, 1, 0x61], [0xdb, 0, 0, 0, 1, 0x61],
    [0x92, 1, 0x91, 2], [0xdc, 0, 1, 5], [0xdd, 0, 0, 0, 1, 5], [0x81, 1, 2], [0xde, 0, 1, 1, 2], [0xdf, 0, 0, 0, 1, 1, 2],
    [0xd4, 5, 1], [0xd5, 5, 1, 1], [0xd6, 5, 1, 1, 1, 1], [0xd7, 5, ...Array(8).fill(1)], [0xd8, 5, ...Array(16).fill(1)],
    [0xc7, 1, 5, 1], [0xc8, 0, 1, 5, 1], [0xc9, 0, 0, 0, 1, 5, 1],
  ];
  for (const form of forms) {
    for (const head of [[0x82], [0xde, 0, 2], [0xdf, 0, 0, 0, 2]]) {
      const event = salvage(Uint8Array.from([...head, ...str('x'), ...form, ...str('ev'), ...str('done')]), codec.decode);
      assert.equal(event.ev, 'done', String(form));
    }
    const cut = Uint8Array.from([0x81, ...str('x'), ...form]).slice(0, -1);
    assert.throws(() => salvage(cut, codec.decode), TypeError, String(form));
  }
  for (const odd of [[], [0x91, 1], [0xc0], [0xa1, 0x61]]) assert.throws(() => salvage(Uint8Array.from(odd), codec.decode), /no map/);
});
