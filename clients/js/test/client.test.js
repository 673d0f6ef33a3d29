import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Acequia, Job, JobError, JobHandle, RejectedError } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';

const URL = 'ws://acequia.test/v1/ws';
const PROMPT = { minMs: 1, maxMs: 1 };

/** A client with a live connection, whose hello was heard. */
async function connected(options = {}, limits = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: PROMPT, ...options });
  const socket = (await network.next()).welcome(limits);
  socket.heard();
  return { network, client, socket };
}

const submitted = (message) => [message].flat().map((op) => op.id);

test('hello goes first, and jobs wait for the welcome', async () => {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket });
  client.submit('early');
  const socket = await network.next();
  assert.equal(socket.url, URL);
  assert.equal(socket.subprotocol, 'acequia.v1.json');
  assert.equal(client.state, 'connecting');
  socket.open();
  await turn();
  assert.deepEqual(socket.heard(), [{ op: 'hello', resume: true }]);
  socket.say({ ev: 'welcome', resumed: false, limits: { payload_bytes: 9 } });
  assert.deepEqual(socket.heard(), [{ op: 'submit', id: 1, payload: 'early' }]);
  assert.equal((await client.ready).ev, 'welcome');
  assert.equal(client.limits.payload_bytes, 9);
  assert.equal(client.state, 'open');
});

test('the token is asked for at each connection, and shown with the request', async () => {
  const network = fakeNetwork();
  let asked = 0;
  const token = async () => `token.${++asked}`;
  new Acequia(URL, { WebSocket: network.WebSocket, token, reconnect: PROMPT });
  const first = (await network.next()).welcome();
  assert.deepEqual(first.subprotocol, ['acequia.v1.json', 'acequia.token.token.1']);
  assert.deepEqual(first.heard(), [{ op: 'hello', resume: true }]);
  first.end();
  const second = (await network.next()).welcome();
  assert.deepEqual(second.subprotocol, ['acequia.v1.json', 'acequia.token.token.2']);
});

test('a token that a header cannot hold goes with the hello', async () => {
  for (const token of ['with a space', 'x'.repeat(5_000)]) {
    const network = fakeNetwork();
    new Acequia(URL, { WebSocket: network.WebSocket, token });
    const socket = (await network.next()).welcome();
    assert.equal(socket.subprotocol, 'acequia.v1.json');
    assert.deepEqual(socket.heard(), [{ op: 'hello', token, resume: true }]);
  }
});

test('a token that cannot be had is told, and tried again', async () => {
  const network = fakeNetwork();
  const answers = [() => { throw new Error('no token today'); }, () => 7, () => 'x'.repeat(8_193), () => 'fresh'];
  const client = new Acequia(URL, { WebSocket: network.WebSocket, token: () => answers.shift()(), reconnect: PROMPT });
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(`${detail.code} ${detail.message}`));
  const socket = (await network.next()).welcome();
  assert.deepEqual(socket.subprotocol, ['acequia.v1.json', 'acequia.token.fresh']);
  assert.equal(errors.length, 3);
  for (const [i, pattern] of [/^token .*no token today/, /^token .*string/, /^token .*8192 bytes/].entries()) assert.match(errors[i], pattern);
  assert.throws(() => new Acequia(URL, { WebSocket: network.WebSocket, token: 7 }), /`token`/);
});

test('options become the fields of the op', async () => {
  const { client, socket } = await connected();
  client.submit({ a: 1 }, {
    queue: 'q', priority: 9, delayMs: 1, timeoutMs: 2, ttlMs: 3, attempts: 4,
    key: 'k', onDisconnect: 'cancel', batch: 'b', traceparent: 'tp',
  });
  await turn();
  assert.deepEqual(socket.heard(), [{
    op: 'submit', id: 1, payload: { a: 1 }, queue: 'q', priority: 9, delay_ms: 1, timeout_ms: 2,
    ttl_ms: 3, attempts: 4, key: 'k', on_disconnect: 'cancel', batch: 'b', traceparent: 'tp',
  }]);
});

test('a job may wait for its client a while', async () => {
  const { client, socket } = await connected();
  client.submit(1, { onDisconnect: { cancelAfterMs: 500 } });
  await turn();
  assert.deepEqual(socket.heard(), [{ op: 'submit', id: 1, payload: 1, on_disconnect: { cancel_after_ms: 500 } }]);
  assert.throws(() => client.submit(2, { onDisconnect: { cancel_after_ms: 500 } }), /cancel_after_ms/);
});

test('what cannot be submitted throws at once and uses no id', async () => {
  const { client, socket } = await connected();
  assert.throws(() => client.submit(undefined), /no payload/);
  assert.throws(() => client.submit('x', { prioritty: 1 }), /unknown option `prioritty`/);
  assert.throws(() => client.submit(new Uint8Array(1)), /codec/);
  assert.throws(() => client.submit(1n), TypeError);
  client.submit(null);
  await turn();
  assert.deepEqual(socket.heard(), [{ op: 'submit', id: 1, payload: null }]);
});

test('jobs of one turn go in one message', async () => {
  const { client, socket } = await connected();
  client.submit('a');
  client.submitMany([{ payload: 'b' }, { payload: 'c', queue: 'own' }], { queue: 'shared' });
  await turn();
  client.submit('d');
  await turn();
  assert.deepEqual(socket.heard(), [
    [
      { op: 'submit', id: 1, payload: 'a' },
      { op: 'submit', id: 2, payload: 'b', queue: 'shared' },
      { op: 'submit', id: 3, payload: 'c', queue: 'own' },
    ],
    { op: 'submit', id: 4, payload: 'd' },
  ]);
});

test('a message stays within the limit of the welcome', async () => {
  const { client, socket } = await connected({}, { message_bytes: 200 });
  for (let i = 0; i < 7; i++) client.submit('ü'.repeat(20)); // 40 bytes, and the op around them
  const huge = client.submit('x'.repeat(200));
  await turn();
  assert.ok(socket.sent.every((message) => Buffer.byteLength(message) <= 200));
  assert.deepEqual(socket.heard().map(submitted), [[1, 2], [3, 4], [5, 6], [7]]);
  await assert.rejects(huge, (error) => error instanceof RejectedError && error.code === 'too_large');
});

test('a job from submit to result', async () => {
  const { client, socket } = await connected();
  const job = client.submit('hello', { queue: 'upper' });
  const seen = [];
  for (const ev of ['accepted', 'started', 'progress', 'retrying', 'chunk', 'done']) {
    job.addEventListener(ev, ({ detail }) => seen.push([detail.ev, job.state]));
  }
  await turn();
  assert.equal(job.uuid, undefined);
  socket.say({ ev: 'accepted', id: 1, job: 'uuid-1' });
  socket.say({ ev: 'started', id: 1, job: 'uuid-1', attempt: 1, worker: 'w' });
  socket.say({ ev: 'retrying', id: 1, job: 'uuid-1', attempt: 2, code: 'c', message: 'm', in_ms: 5 });
  socket.say({ ev: 'started', id: 1, job: 'uuid-1', attempt: 2, worker: 'w' });
  socket.say({ ev: 'progress', id: 1, job: 'uuid-1', done: 3, total: 10 });
  socket.say({ ev: 'chunk', id: 1, job: 'uuid-1', n: 1, data: 'x' });
  socket.say({ ev: 'done', id: 1, job: 'uuid-1', result: 'HELLO' });
  socket.say({ ev: 'done', id: 1, job: 'uuid-1', result: 'again' });
  assert.deepEqual(seen, [
    ['accepted', 'accepted'], ['started', 'started'], ['retrying', 'retrying'], ['started', 'started'],
    ['progress', 'started'], ['chunk', 'started'], ['done', 'done'],
  ]);
  assert.equal(job.uuid, 'uuid-1');
  assert.equal(await job, 'HELLO');
  assert.equal(await job.result, 'HELLO');
});

test('a job knows its span once it is heard', async () => {
  const { client, socket } = await connected();
  const [accepted, done, none] = client.submitMany([{ payload: 1 }, { payload: 2 }, { payload: 3 }]);
  await turn();
  assert.equal(accepted.traceparent, undefined);
  socket.say({ ev: 'accepted', id: 1, job: 'uuid-1', traceparent: '00-a-1-01' });
  socket.say({ ev: 'started', id: 1, job: 'uuid-1', attempt: 1, worker: 'w' });
  socket.say({ ev: 'done', id: 2, job: 'uuid-2', result: 2, traceparent: '00-a-2-01' });
  socket.say({ ev: 'done', id: 3, job: 'uuid-3', result: 3 });
  assert.deepEqual([accepted, done, none].map((job) => job.traceparent), ['00-a-1-01', '00-a-2-01', undefined]);
});

test('a result may be the first word about a job', async () => {
  const { client, socket } = await connected();
  const job = client.submit('hello');
  await turn();
  socket.say({ ev: 'done', id: 1, job: 'uuid-1', result: null });
  assert.equal(await job, null);
});

test('failed and rejected say why', async () => {
  const { client, socket } = await connected();
  const [failed, rejected, later] = client.submitMany([{ payload: 1 }, { payload: 2 }, { payload: 3 }]);
  await turn();
  socket.say({ ev: 'failed', id: 1, job: 'uuid-1', code: 'timeout', message: 'took too long', attempt: 2 });
  socket.say({ ev: 'rejected', id: 2, code: 'bad_request', message: 'no such field' });
  socket.say({ ev: 'rejected', id: 3, code: 'queue_full', message: 'try later', retry_after_ms: 250 });
  await assert.rejects(failed, (error) => {
    assert.ok(error instanceof JobError && !(error instanceof RejectedError));
    const { name, code, message, attempt, job } = error;
    assert.deepEqual({ name, code, message, attempt, job },
      { name: 'JobError', code: 'timeout', message: 'took too long', attempt: 2, job: 'uuid-1' });
    return true;
  });
  await assert.rejects(rejected, { name: 'RejectedError', code: 'bad_request', retryAfterMs: null });
  await assert.rejects(later.result, { code: 'queue_full', retryAfterMs: 250 });
  assert.equal(later.state, 'rejected');
});

test('a job whose result nobody asks for fails without a stir', async () => {
  const { client, socket } = await connected();
  client.submit(1);
  await turn();
  socket.say({ ev: 'failed', id: 1, code: 'timeout', message: '' });
  await turn(); // an unhandled rejection would fail this test
});

test('cancel goes to the server, once', async () => {
  const { client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  socket.heard();
  job.cancel();
  job.cancel();
  await turn();
  assert.deepEqual(socket.heard(), [{ op: 'cancel', id: 1 }]);
  socket.say({ ev: 'cancelled', id: 1, job: 'uuid-1' });
  await assert.rejects(job, { code: 'cancelled', job: 'uuid-1' });
  job.cancel();
  await turn();
  assert.deepEqual(socket.heard(), []);
});

test('a job that was not sent yet is cancelled without the server', async () => {
  const { client, socket } = await connected();
  const job = client.submit(1);
  client.submit(2);
  job.cancel();
  await assert.rejects(job, { code: 'cancelled' });
  await turn();
  assert.deepEqual(socket.heard().map(submitted), [[2]]);
});

test('an AbortSignal cancels with its reason at once, and is let go of at the end', async () => {
  const { client, socket } = await connected();
  const abort = new AbortController();
  const [ended, live] = client.submitMany([{ payload: 1 }, { payload: 2 }], { signal: abort.signal });
  await turn();
  socket.heard();
  socket.say({ ev: 'done', id: 1, result: 'x' });
  await ended;
  const reason = { why: 'the user went on' };
  abort.abort(reason);
  const rejection = (job) => job.result.then(assert.fail, (error) => error);
  assert.equal(await rejection(live), reason, 'before the server says a word');
  assert.deepEqual([live.state, live.error.code, live.error.cause, client.jobs], ['cancelled', 'cancelled', reason, []]);
  await turn();
  assert.deepEqual(socket.heard(), [{ op: 'cancel', id: 2 }]);
  socket.say({ ev: 'done', id: 2, result: 'too late' });
  assert.equal(live.state, 'cancelled');
  assert.equal(await rejection(client.submit(3, { signal: abort.signal })), reason);
  await turn();
  assert.deepEqual(socket.heard(), []);
});

test('who listens in the turn of the submit hears of every end', async () => {
  const { client } = await connected();
  const seen = [];
  const heard = (job) => ['rejected', 'cancelled', 'failed'].forEach((type) => job.addEventListener(type, ({ detail }) => seen.push(detail.code ?? detail.ev)));
  heard(client.submit(1, { priority: 10 }));
  heard(client.submit(1, { signal: AbortSignal.abort() }));
  client.close();
  heard(client.submit(1));
  await turn();
  assert.deepEqual(seen, ['bad_request', 'cancelled', 'closed']);
});

test('a job that was aborted while the connection was away is cancelled at the next', async () => {
  const { network, client, socket } = await connected();
  socket.end();
  const first = await network.next();
  first.open();
  first.say({ ev: 'welcome', resumed: false, session: 's', limits: {} });
  const abort = new AbortController();
  const job = client.submit(1, { signal: abort.signal });
  await turn();
  first.say({ ev: 'accepted', id: 1, job: 'u', seq: 1 });
  first.end();
  abort.abort();
  await assert.rejects(job, { name: 'AbortError' });
  const second = await network.next();
  second.open();
  second.say({ ev: 'welcome', resumed: true, session: 's', limits: {} });
  assert.deepEqual(second.heard().flat().filter(({ op }) => op === 'cancel'), [{ op: 'cancel', id: 1 }]);
});

test('an async function can return a job that was started, and the others of its kind are awaited', async () => {
  const { client, socket } = await connected();
  const started = await (async () => client.start('x', { label: 'l' }))();
  assert.ok(started instanceof JobHandle && !(started instanceof Job));
  assert.equal(started.then, undefined);
  assert.equal(started.label, 'l');
  const submitted = client.submit('y');
  assert.ok(submitted instanceof Job && submitted instanceof JobHandle);
  await turn();
  socket.say({ ev: 'done', id: 1, result: 'X' });
  socket.say({ ev: 'done', id: 2, result: 'Y' });
  assert.deepEqual([await started.result, await submitted], ['X', 'Y']);
});

test('an error without a job surfaces on the client', async () => {
  const { client, socket } = await connected();
  const seen = [];
  client.addEventListener('error', ({ detail }) => seen.push(detail.code));
  client.addEventListener('event', ({ detail }) => seen.push(`event ${detail.ev}`));
  socket.say({ ev: 'error', code: 'bad_request', message: 'unknown op' });
  socket.say('not JSON');
  socket.say('null');
  socket.say({ ev: 'gap', missed: 3 });
  assert.deepEqual(seen, ['event error', 'bad_request', 'bad_event', 'bad_event', 'event gap']);
  assert.equal(client.state, 'open');
});

test('the end of a batch is told', async () => {
  const { client, socket } = await connected();
  const seen = [];
  client.addEventListener('batch', ({ detail }) => seen.push(detail));
  client.submitMany([{ payload: 1 }, { payload: 2 }], { batch: 'night' });
  await turn();
  assert.deepEqual(socket.heard()[0].map((op) => op.batch), ['night', 'night']);
  const end = { ev: 'batch', batch: 'night', jobs: 2, done: 1, failed: 1, cancelled: 0, elapsed_ms: 5 };
  socket.say(end);
  assert.deepEqual(seen, [end]);
});

test('topics are subscribed again after a loss', async () => {
  const { network, client, socket } = await connected();
  const seen = [];
  client.addEventListener('message', ({ detail }) => seen.push([detail.topic, detail.data]));
  client.subscribe('news');
  client.subscribe('news');
  client.subscribe('gone');
  client.unsubscribe('gone');
  await turn();
  assert.deepEqual(socket.heard(), [[
    { op: 'subscribe', topic: 'news' }, { op: 'subscribe', topic: 'gone' }, { op: 'unsubscribe', topic: 'gone' },
  ]]);
  socket.end();
  const second = (await network.next()).welcome();
  assert.deepEqual(second.heard(), [{ op: 'hello', resume: true }, { op: 'subscribe', topic: 'news' }]);
  second.say({ ev: 'message', topic: 'news', data: { $base64: 'AAH/' } });
  assert.deepEqual(seen, [['news', new Uint8Array([0, 1, 255])]]);
});

test('binary results are bytes', async () => {
  const { client, socket } = await connected();
  const results = [
    [{ $base64: 'AAH/' }, new Uint8Array([0, 1, 255])],
    [{ $base64: 'AAH/', more: 1 }, { $base64: 'AAH/', more: 1 }],
    [{ $base64: '!' }, { $base64: '!' }],
    [{ inner: { $base64: 'AAH/' } }, { inner: { $base64: 'AAH/' } }],
    [null, null],
  ];
  const jobs = client.submitMany(results.map(() => ({ payload: 1 })));
  await turn();
  results.forEach(([result], i) => socket.say({ ev: 'done', id: i + 1, result }));
  assert.deepEqual(await Promise.all(jobs), results.map(([, expected]) => expected));
});

test('a MessagePack session sends bytes, and arrays of ops put together from their parts', async () => {
  // A codec of the test's own: one byte of tag, then JSON. Only the array is real MessagePack.
  const codec = {
    encode: (value) => new TextEncoder().encode(`#${JSON.stringify(value)}`),
    decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes).slice(1)),
  };
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, codec });
  const socket = await network.next();
  assert.equal(socket.subprotocol, 'acequia.v1.msgpack');
  assert.equal(socket.binaryType, 'arraybuffer');
  const say = (event) => socket.onmessage({ data: codec.encode(event).slice().buffer });
  socket.open();
  assert.deepEqual(codec.decode(socket.sent.shift()), { op: 'hello', resume: true });
  say({ ev: 'welcome', resumed: false, limits: {} });
  const [a] = client.submitMany([{ payload: 'a' }, { payload: 'b' }]);
  await turn();
  const parts = [{ op: 'submit', id: 1, payload: 'a' }, { op: 'submit', id: 2, payload: 'b' }].map(codec.encode);
  assert.deepEqual([...socket.sent.shift()], [0xdd, 0, 0, 0, 2, ...parts[0], ...parts[1]]);
  say({ ev: 'done', id: 1, result: { $base64: 'AAH/' } });
  assert.deepEqual(await a, { $base64: 'AAH/' }, 'a map of the worker stays a map');
});
