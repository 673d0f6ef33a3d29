// Conversations that a real server cannot be brought to on demand. The rest is in tests/browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Acequia, JobError, LostError } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';
import { MemoryStorage } from './memory-storage.js';

const URL = 'ws://acequia.test/v1/ws';
const PROMPT = { minMs: 1, maxMs: 1 };
const NO_SUCH_JOB = { ev: 'error', code: 'bad_request', message: 'no live job' };

/** A client with a session that can be resumed, and `again`, its next connection. */
async function connected(options = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, reconnect: PROMPT, ...options });
  const again = async (welcome) => {
    const socket = await network.next();
    socket.open();
    await turn();
    const hello = socket.heard();
    socket.say({ ev: 'welcome', limits: {}, ...welcome });
    return { socket, hello };
  };
  const { socket, hello } = await again({ session: 's', resumed: false });
  return { network, client, socket, hello, again };
}

const ops = (socket) => socket.heard().flat();
const submits = (socket) => ops(socket).filter(({ op }) => op === 'submit').map(({ id }) => id);

test('what was missed comes, and nothing is sent that the server has', async () => {
  const { client, socket, hello, again } = await connected();
  assert.deepEqual(hello, [{ op: 'hello', resume: true }]);
  const [taken, ended] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
  const progress = [];
  taken.addEventListener('progress', ({ detail }) => progress.push(detail.done));
  await turn();
  socket.say({ ev: 'accepted', id: 1, job: 'u1', seq: 1 });
  socket.say({ ev: 'accepted', id: 2, job: 'u2', seq: 2 });
  socket.say({ ev: 'progress', id: 1, job: 'u1', done: 1, seq: 5 });
  socket.end();
  const second = await again({ session: 's', resumed: true });
  assert.deepEqual(second.hello, [{ op: 'hello', resume: 's', last: 5 }]);
  await turn();
  assert.deepEqual(ops(second.socket), []);
  const gaps = [];
  client.addEventListener('gap', ({ detail }) => gaps.push(detail.missed));
  second.socket.say({ ev: 'gap', missed: 4 });
  second.socket.say({ ev: 'progress', id: 1, job: 'u1', done: 1, seq: 5 }); // once more
  second.socket.say({ ev: 'progress', id: 1, job: 'u1', done: 2, seq: 10 });
  second.socket.say({ ev: 'done', id: 2, job: 'u2', result: 'two', seq: 11 });
  second.socket.say({ ev: 'done', id: 1, job: 'u1', result: 'one', seq: 12 });
  second.socket.say({ ev: 'done', id: 1, job: 'u1', result: 'again, after a crash', seq: 1012 });
  assert.deepEqual(await Promise.all([taken, ended]), ['one', 'two']);
  assert.deepEqual(progress, [1, 2]);
  assert.deepEqual(gaps, [4]);
  assert.deepEqual(client.jobs, []);
});

test('what was not heard of is sent again once the replay is through', async () => {
  const { client, socket, again } = await connected();
  const [ended, live, unknown] = client.submitMany([{ payload: 1 }, { payload: 2 }, { payload: 3 }]);
  await turn();
  assert.deepEqual(submits(socket), [1, 2, 3]);
  socket.end();
  const meanwhile = client.submit(4);
  const { socket: second } = await again({ session: 's', resumed: true });
  const first = ops(second);
  assert.deepEqual(first.map(({ op, id }) => [op, id]), [['submit', 4], ['cancel', second.mark]]);
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail));
  second.say({ ev: 'done', id: 1, job: 'u1', result: 'one', seq: 1 });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 2 });
  await turn();
  assert.deepEqual(submits(second), [2, 3], 'the one that ended is not run again');
  second.say({ ev: 'rejected', id: 2, code: 'duplicate_id', message: 'it is live', seq: 3 });
  assert.equal(live.ended, false);
  second.say({ ev: 'accepted', id: 3, job: 'u3', seq: 4 });
  for (const [id, result] of [[2, 'two'], [3, 'three'], [4, 'four']]) second.say({ ev: 'done', id, result, seq: id + 10 });
  assert.deepEqual(await Promise.all([ended, live, unknown, meanwhile]), ['one', 'two', 'three', 'four']);
  assert.deepEqual(errors, []);
});

test('what has started is sent again until it is accepted', async () => {
  const { client, socket, again } = await connected();
  const [started, safe] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  submits(socket);
  socket.say({ ev: 'started', id: 1, job: 'u1', attempt: 1, worker: 'w', seq: 1 });
  socket.say({ ev: 'accepted', id: 2, job: 'u2', seq: 2 });
  socket.end(); // the server has crashed, and had the first only in memory
  const { socket: second } = await again({ session: 's', resumed: true });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 1003 });
  await turn();
  assert.deepEqual(submits(second), [1]);
  second.end(); // before a word of it
  const { socket: third } = await again({ session: 's', resumed: true });
  third.say({ ...NO_SUCH_JOB, id: third.mark, seq: 1004 });
  await turn();
  assert.deepEqual(submits(third), [1]);
  third.say({ ev: 'rejected', id: 1, code: 'duplicate_id', message: 'it is live', seq: 1005 });
  third.say({ ev: 'done', id: 1, job: 'u3', result: 'one', seq: 1006 });
  third.say({ ev: 'done', id: 2, job: 'u2', result: 'two', seq: 1007 });
  assert.deepEqual(await Promise.all([started, safe]), ['one', 'two']);
});

test('what a session is known to have is not run again by another', async () => {
  const { client, socket, again } = await connected();
  const job = client.submit(1);
  await turn();
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 1 });
  await turn();
  second.say({ ev: 'rejected', id: 1, code: 'duplicate_id', message: 'it is live', seq: 2 });
  second.end();
  const { socket: third } = await again({ session: 't', resumed: false });
  assert.deepEqual(submits(third), []);
  await assert.rejects(job, LostError);
});

test('what has a key is sent again, since a server that crashed knows of one id for it', async () => {
  const { client, socket, again } = await connected();
  const jobs = client.submitMany([{ payload: 1, key: 'k' }, { payload: 1, key: 'k' }]);
  await turn();
  submits(socket);
  for (const id of [1, 2]) socket.say({ ev: 'accepted', id, job: 'u1', seq: id });
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  second.say({ ev: 'done', id: 1, job: 'u1', result: 'one', seq: 1003 });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 1004 });
  await turn();
  assert.deepEqual(submits(second), [2]);
  second.say({ ev: 'done', id: 2, job: 'u1', result: 'one', seq: 1005 });
  assert.deepEqual(await Promise.all(jobs), ['one', 'one']);
});

test('a connection that is lost during the replay changes nothing', async () => {
  const { client, socket, again } = await connected();
  const job = client.submit(1);
  await turn();
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  second.end();
  const { socket: third } = await again({ session: 's', resumed: true });
  assert.deepEqual(ops(third), [{ op: 'cancel', id: third.mark }]);
  third.say({ ...NO_SUCH_JOB, id: third.mark, seq: 1 });
  await turn();
  assert.deepEqual(submits(third), [1]);
  third.say({ ev: 'done', id: 1, result: 'one', seq: 2 });
  assert.equal(await job, 'one');
});

test('an id that is taken is an error for a job that is new', async () => {
  const { client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  socket.say({ ev: 'rejected', id: 1, code: 'duplicate_id', message: '', seq: 1 });
  await assert.rejects(job, { code: 'duplicate_id' });
});

for (const [resubmit, again2, lost] of [[false, [2, 3], ['session_lost']], [true, [1, 2, 3], []]]) {
  test(`a session that the server does not know any more, with resubmit: ${resubmit}`, async () => {
    const { client, socket, again } = await connected({ resubmit });
    const [plain, keyed] = client.submitMany([{ payload: 1 }, { payload: 2, key: 'k' }, { payload: 3 }]);
    await turn();
    socket.say({ ev: 'accepted', id: 1, job: 'u1', seq: 1 });
    socket.say({ ev: 'started', id: 2, job: 'u2', attempt: 1, seq: 2 });
    socket.end();
    const { socket: second } = await again({ session: 't', resumed: false });
    assert.deepEqual(submits(second), again2);
    const codes = [];
    if (plain.ended) await plain.result.catch((error) => error instanceof LostError && codes.push(error.code));
    assert.deepEqual(codes, lost);
    second.say({ ev: 'done', id: 2, job: 'u2', result: 'two', seq: 1 });
    assert.equal(await keyed, 'two');
    second.end();
    assert.deepEqual((await again({ session: 't', resumed: true })).hello, [{ op: 'hello', resume: 't', last: 1 }]);
  });
}

test('with resend: false, what the replay does not name ends', async () => {
  const { client, socket, again } = await connected({ resend: false });
  const [named, unnamed] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  second.say({ ev: 'done', id: 1, result: 'one', seq: 1 });
  second.say({ ...NO_SUCH_JOB, id: second.mark, seq: 2 });
  assert.equal(await named, 'one');
  await assert.rejects(unnamed, { code: 'connection_lost' });
});

test('a wish to cancel is repeated', async () => {
  const { client, socket, again } = await connected();
  const [live, unknown] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  socket.say({ ev: 'accepted', id: 1, seq: 1 });
  live.cancel();
  socket.end();
  unknown.cancel();
  const { socket: second } = await again({ session: 's', resumed: true });
  assert.deepEqual(ops(second), [{ op: 'cancel', id: 1 }, { op: 'cancel', id: 2 }]);
  second.say({ ev: 'cancelled', id: 1, seq: 2 });
  second.say({ ev: 'error', id: 2, code: 'bad_request', message: 'no live job', seq: 3 });
  for (const job of [live, unknown]) await assert.rejects(job, { code: 'cancelled' });
});

for (const code of [1006, 1011, 1013, 4008]) {
  test(`a connection that ends with ${code} is followed by another, and the session goes on`, async () => {
    const { client, socket, again } = await connected();
    const job = client.submit(1);
    await turn();
    socket.say({ ev: 'accepted', id: 1, job: 'u1', seq: 1 });
    socket.end(code);
    const { socket: second, hello } = await again({ session: 's', resumed: true });
    assert.deepEqual(hello, [{ op: 'hello', resume: 's', last: 1 }]);
    second.say({ ev: 'done', id: 1, result: 'one', seq: 2 });
    assert.equal(await job, 'one');
    client.close();
  });
}

test('a worker may call its failure what it likes', async () => {
  const { client, socket } = await connected();
  const job = client.submit(1);
  await turn();
  socket.say({ ev: 'failed', id: 1, code: 'session_lost', message: 'of a database', seq: 1 });
  await assert.rejects(job, (error) => error instanceof JobError && !(error instanceof LostError));
  client.close();
});

test('a job that a server about to stop did not take goes to the next one', async () => {
  const { client, socket, again } = await connected();
  const job = client.submit(1);
  await turn();
  socket.say({ ev: 'rejected', id: 1, code: 'draining', message: '', seq: 1 });
  socket.say({ ev: 'bye', reason: 'the server stops', reconnect_in_ms: 1 });
  socket.end(1001);
  const { socket: second } = await again({ session: 's', resumed: true });
  assert.deepEqual(submits(second), [1]);
  second.say({ ev: 'done', id: 1, result: 'one', seq: 2 });
  assert.equal(await job, 'one');
});

test('events are acknowledged, with other ops if there are some', async () => {
  const { client, socket, again } = await connected();
  for (let seq = 1; seq <= 100; seq++) socket.say({ ev: 'message', topic: 'x', data: 1, seq });
  await turn();
  assert.deepEqual(ops(socket).filter(({ op }) => op === 'ack'), [{ op: 'ack', seq: 100 }]);
  socket.say({ ev: 'batch', batch: 'b', seq: 101 });
  client.submit(1);
  await turn();
  assert.deepEqual(ops(socket).map(({ op, seq }) => [op, seq]), [['submit', undefined], ['ack', 101]]);
  socket.say({ ev: 'batch', batch: 'b', seq: 102 });
  socket.end();
  const second = await again({ session: 's', resumed: true });
  await turn();
  assert.deepEqual(second.hello, [{ op: 'hello', resume: 's', last: 102 }]);
});

test('a lone event is acknowledged within a second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { socket } = await connected();
  socket.say({ ev: 'batch', batch: 'b', seq: 1 });
  t.mock.timers.tick(999);
  await turn();
  assert.deepEqual(ops(socket), []);
  t.mock.timers.tick(1);
  await turn();
  assert.deepEqual(ops(socket), [{ op: 'ack', seq: 1 }]);
});

test('who is told that another connection goes on does not come back', async () => {
  const storage = new MemoryStorage();
  const { client, socket } = await connected({ storage });
  const job = client.submit(1);
  const seen = [];
  for (const type of ['state', 'close', 'error']) client.addEventListener(type, ({ detail }) => seen.push([type, detail.state ?? detail.code]));
  await turn();
  socket.say({ ev: 'bye', reason: 'taken over', reconnect_in_ms: 1 });
  socket.end(4001);
  await assert.rejects(job, { code: 'taken_over' });
  assert.deepEqual(seen, [['error', 'taken_over'], ['state', 'closed'], ['close', 4001]]);
  assert.deepEqual(storage.items, {}, 'a copy of the session is of no use to anybody');
});

test('a topic that is no longer wanted is let go of', async () => {
  const { client, socket } = await connected();
  const seen = [];
  client.addEventListener('message', ({ detail }) => seen.push(detail.topic));
  client.subscribe('news');
  await turn();
  socket.heard();
  socket.say({ ev: 'message', topic: 'news', data: 1, seq: 1 });
  socket.say({ ev: 'message', topic: 'of a page before this', data: 1, seq: 2 });
  await turn();
  assert.deepEqual(seen, ['news']);
  assert.deepEqual(ops(socket)[0], { op: 'unsubscribe', topic: 'of a page before this' });
});

test('a job whose outcome the server does not know any more is lost, and no other', async () => {
  const { client, socket, again } = await connected();
  const [gone, live] = client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  socket.say({ ev: 'accepted', id: 1, job: 'u1', seq: 1 });
  socket.say({ ev: 'accepted', id: 2, job: 'u2', seq: 2 });
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  second.say({ ev: 'gap', id: 1, job: 'u1', missed: 1, seq: 3 });
  second.say({ ev: 'done', id: 2, job: 'u2', result: 'two', seq: 4 });
  await assert.rejects(gone.result, (error) => error instanceof LostError && error.code === 'outcome_lost');
  assert.equal(await live, 'two');
});

test('a goodbye says what the close means, should that be lost', async () => {
  const { client, socket } = await connected();
  socket.say({ ev: 'bye', reason: 'another connection goes on', reconnect_in_ms: 0, close: 4001 });
  socket.end(1006);
  assert.equal(client.state, 'closed');
});

test('the mark of an earlier replay, told again, is none of this one', async () => {
  const { client, socket, again } = await connected();
  const job = client.submit(1);
  await turn();
  submits(socket);
  socket.end();
  const { socket: second } = await again({ session: 's', resumed: true });
  await turn();
  second.end(); // before the answer to the mark came
  const { socket: third } = await again({ session: 's', resumed: true });
  third.say({ ...NO_SUCH_JOB, id: second.mark, seq: 2 });
  await turn();
  assert.deepEqual(submits(third), [], 'more of the replay may come');
  third.say({ ev: 'done', id: 1, job: 'u1', result: 'one', seq: 3 });
  third.say({ ...NO_SUCH_JOB, id: third.mark, seq: 4 });
  await turn();
  assert.deepEqual(submits(third), [], 'it has ended, and is not run again');
  assert.equal(await job, 'one');
});
