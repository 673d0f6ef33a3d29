// Jobs that others submitted, and what a watch of them goes through.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { afterEach, test } from 'node:test';

import { Acequia, Job, JobError, LostError, RejectedError } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';
import { MemoryStorage } from './memory-storage.js';
import { asWindow } from './window.js';

const URL_ = 'ws://acequia.test/v1/ws';
const [A, B] = ['01938c2e-7a3b-7c4d-9e5f-60718293a4b5', '01938c2e-7a3b-7c4d-9e5f-60718293a4b6'];
const ALL = ['accepted', 'started', 'progress', 'chunk', 'retrying', 'done', 'failed', 'cancelled', 'rejected'];

const open = new Set();
afterEach(() => {
  for (const client of open) client.close();
  open.clear();
});

/** A page. `answer`: says what, as the answer to `hello`, and returns the socket. */
function page(options = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL_, { WebSocket: network.WebSocket, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  open.add(client);
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail));
  const answer = async (welcome = { session: 's', resumed: false }) => {
    const socket = await network.next();
    socket.open();
    await turn();
    socket.heard();
    socket.say({ ev: 'welcome', limits: {}, ...welcome });
    await turn();
    return socket;
  };
  return { client, answer, errors, network };
}

async function connected(options) {
  const it = page(options);
  return { ...it, socket: await it.answer() };
}

const RESUMED = { session: 's', resumed: true };
const ops = (socket) => socket.heard().flat().filter(({ op }) => op !== 'ack');

/** What a job is told, in short. */
function seen(job) {
  const events = [];
  for (const type of ALL) job.addEventListener(type, ({ detail }) => events.push(`${type} ${detail.attempt ?? detail.done ?? detail.result ?? detail.code ?? ''}`.trim()));
  return events;
}

const of = (id, job = A) => ({
  accepted: { ev: 'accepted', id, job },
  started: { ev: 'started', id, job, attempt: 1, worker: 'w' },
  progress: (done) => ({ ev: 'progress', id, job, done, total: 9 }),
  done: { ev: 'done', id, job, result: 'R' },
  cancelled: { ev: 'cancelled', id, job },
  error: (code) => ({ ev: 'error', id, code, message: code }),
});

const VECTORS = readFileSync(new URL('../../../wire/vectors/client-ops.json', import.meta.url), 'utf8').split('\n')
  .map((line) => line.match(/^\{.*\}(?=,?$)/)?.[0]).filter(Boolean).map((line) => JSON.parse(line));

for (const [name, what] of [['json_watch_job', A], ['json_watch_batch', { batch: 'night' }]]) {
  test(`the op is that of the golden vector ${name}`, async () => {
    const { text } = VECTORS.find((vector) => vector.name === name);
    const { client, socket } = await connected();
    void client.watch(what);
    await turn();
    const [sent] = socket.sent;
    assert.equal(sent.replace(/"id":\d+/, '"id":0'), text.replace(/"id":("w"|\d+)/, '"id":0'));
  });
}

test('a job that others submitted is as one of our own', async () => {
  const { client, socket, errors } = await connected();
  const job = client.watch(A.toUpperCase(), { label: 'row' });
  assert.ok(job instanceof Job);
  assert.deepEqual([job.uuid, job.state, job.label, job.restored], [A, 'submitted', 'row', false]);
  assert.deepEqual(client.jobs, [job]);
  const [events, chunks] = [seen(job), []];
  const all = (async () => {
    for await (const { data } of job.chunks()) chunks.push(data);
  })();
  await turn();
  assert.deepEqual(ops(socket), [{ op: 'watch', id: job.id, job: A }]);
  const its = of(job.id);
  for (const event of [its.accepted, its.started, its.progress(3), { ev: 'chunk', id: job.id, job: A, n: 1, data: 'x' }, its.done]) socket.say(event);
  assert.equal(await job, 'R');
  await all;
  assert.deepEqual(chunks, ['x']);
  assert.deepEqual(events, ['accepted', 'started 1', 'progress 3', 'chunk', 'done R']);
  assert.deepEqual([client.jobs, errors], [[], []]);
});

test('a job that has ended is asked for anew', async () => {
  const { client, socket } = await connected();
  const first = client.watch(A);
  const again = new Promise((resolve) => first.addEventListener('done', () => resolve(client.watch(A).result)));
  socket.say(of(first.id).done);
  await turn();
  const [, { id, job }] = ops(socket);
  assert.deepEqual([id === first.id, job], [false, A]);
  socket.say(of(id).done);
  assert.equal(await again, 'R');
});

test('what cannot be watched', async () => {
  const { client, socket } = await connected();
  for (const [what, options, message] of [
    [undefined, {}, /^watch: a job is a string.*this is undefined/],
    [null, {}, /this is null/],
    [7, {}, /this is 7/],
    [{ batch: 7 }, {}, /this is an object/],
    [{ batch: 'b', job: A }, {}, /this is an object/],
    [A, { queue: 'q' }, /^watch: unknown option `queue`/],
    [{ batch: 'b' }, { label: 'l' }, /unknown option `label`/],
  ]) assert.throws(() => client.watch(what, options), { name: 'TypeError', message });
  for (const [what, message] of [['the last one', /a job's id is a UUID/], [{ batch: '' }, /^watch: `batch` has 0 bytes/]]) {
    await assert.rejects(client.watch(what), (error) => error instanceof RejectedError && error.code === 'bad_request' && message.test(error.message));
  }
  await turn();
  assert.deepEqual(ops(socket), []);
});

for (const code of ['not_found', 'too_many_jobs', 'duplicate_id']) {
  test(`${code} settles it`, async () => {
    const { client, socket, errors } = await connected();
    const [job, batch] = [client.watch(A), client.watch({ batch: 'b' })];
    await turn();
    for (const { id } of ops(socket)) socket.say(of(id).error(code));
    for (const result of [job.result, batch]) await assert.rejects(result, (error) => error instanceof LostError && error.code === code);
    assert.deepEqual([job.error.job, client.jobs, errors], [A, [], []]);
    socket.say(of(job.id).error('rate_limited')); // of a watch that was said again, and comes late
    assert.deepEqual(errors, []);
  });
}

test('what is too fast is said again, once', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client, socket, errors } = await connected();
  const [job, batch] = [client.watch(A), client.watch({ batch: 'b' })];
  job.cancel();
  await turn();
  const first = ops(socket);
  assert.deepEqual(first.map(({ op, id }) => [op, id === job.id]), [['watch', true], ['watch', false], ['cancel', true]]);
  for (const { id } of first) socket.say(of(id).error('rate_limited'));
  socket.say(of(job.id).error('bad_request')); // a cancel that got through where its watch did not
  t.mock.timers.tick(999);
  await turn();
  assert.deepEqual(ops(socket), []);
  t.mock.timers.tick(1);
  await turn();
  assert.deepEqual(ops(socket).map(({ op, id }) => [op, id === job.id]), [['watch', true], ['cancel', true], ['watch', false]]);
  socket.say(of(job.id).cancelled);
  await assert.rejects(job, { code: 'cancelled' });
  socket.say({ ev: 'batch', batch: 'b', jobs: 1, done: 1, failed: 0, cancelled: 0, elapsed_ms: 5 });
  assert.equal((await batch).jobs, 1);
  assert.deepEqual(errors, []);
});

test('what was to be said again is said by the next connection, and by no timer of the last', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client, socket, answer } = await connected();
  client.watch(A);
  client.watch({ batch: 'b' });
  await turn();
  const said = ops(socket);
  for (const { id } of said) socket.say(of(id).error('rate_limited'));
  socket.end();
  t.mock.timers.tick(1);
  const second = await answer(RESUMED);
  assert.deepEqual(ops(second), said);
  t.mock.timers.tick(1000);
  await turn();
  assert.deepEqual(ops(second), []);
  for (const { id } of said) second.say(of(id).error('rate_limited'));
  t.mock.timers.tick(1000);
  await turn();
  assert.deepEqual(ops(second), said);
});

test('all who watch one job have one watch, and each is told once', async () => {
  const { client, socket } = await connected();
  const first = client.watch(A);
  const its = of(first.id);
  const one = seen(first);
  socket.say(its.accepted);
  socket.say(its.started);
  socket.say(its.progress(1));
  const second = client.watch(A);
  const two = seen(second);
  await turn();
  assert.deepEqual(ops(socket).map(({ op }) => op), ['watch']);
  assert.deepEqual([two, second.state], [['accepted', 'started 1'], 'started'], 'what is past');
  socket.say({ ev: 'retrying', id: first.id, job: A, attempt: 2, code: 'c', message: '', in_ms: 1 });
  const third = client.watch(A);
  const three = seen(third);
  await turn();
  assert.deepEqual(three, ['accepted']);
  socket.say(its.done);
  assert.deepEqual(await Promise.all([first, second, third]), ['R', 'R', 'R']);
  assert.deepEqual(one, ['accepted', 'started 1', 'progress 1', 'retrying 2', 'done R']);
  assert.deepEqual(two, ['accepted', 'started 1', 'retrying 2', 'done R']);
});

test('a signal ends the watching of one, and not the job', async () => {
  const { client, socket } = await connected();
  const signals = [new AbortController(), new AbortController()];
  const [one, two] = signals.map(({ signal }) => client.watch(A, { signal }));
  await turn();
  ops(socket);
  signals[0].abort('gone');
  await assert.rejects(one.result, (reason) => reason === 'gone');
  assert.deepEqual([two.ended, client.jobs], [false, [two]]);
  signals[1].abort('gone, too');
  await assert.rejects(two.result, (reason) => reason === 'gone, too');
  socket.say(of(two.id).started);
  await turn();
  assert.deepEqual([ops(socket), client.jobs], [[], []], 'the server is not told to cancel it');

  // There is one watch at the server all along, which a component that comes and goes uses again.
  for (let i = 0; i < 200; i++) {
    const its = new AbortController();
    client.watch(A, { signal: its.signal });
    its.abort();
  }
  const three = client.watch(A);
  const events = seen(three);
  await turn();
  assert.deepEqual(new Set(ops(socket).map(({ op, id }) => `${op} ${id}`)), new Set([`watch ${one.id}`]));
  assert.deepEqual(events, ['started 1']);
  socket.say(of(one.id).done);
  assert.equal(await three, 'R');
  await assert.rejects(client.watch(A, { signal: AbortSignal.abort('before') }).result, (reason) => reason === 'before');
});

test('a signal that aborts before there is a connection leaves nothing to say', async () => {
  const storage = new MemoryStorage();
  const { client, answer } = page({ storage });
  const its = new AbortController();
  client.watch(A, { signal: its.signal });
  const batch = client.watch({ batch: 'b' }, { signal: its.signal });
  its.abort('gone');
  await assert.rejects(batch, (reason) => reason === 'gone');
  await turn();
  assert.equal(Object.values(storage.items).some((text) => text.includes(A)), false);
  assert.deepEqual(ops(await answer()), []);
});

test('what nobody watches any more ends with the session', async () => {
  const { client, socket, answer } = await connected();
  const its = new AbortController();
  const { id } = client.watch(A, { signal: its.signal });
  its.abort();
  socket.end();
  const second = await answer({ session: 't', resumed: false });
  assert.deepEqual(ops(second), []);
  assert.notEqual(client.watch(A).id, id);
});

test('a cancel is for the job, also before there is a connection and over a loss', async () => {
  const { client, answer } = page();
  const job = client.watch(A);
  job.cancel();
  assert.equal(job.ended, false, 'the server must know');
  const said = [{ op: 'watch', id: job.id, job: A }, { op: 'cancel', id: job.id }];
  const socket = await answer();
  assert.deepEqual(ops(socket), said);
  socket.end();
  const second = await answer(RESUMED);
  assert.deepEqual(ops(second), said);
  second.say(of(job.id).cancelled);
  await assert.rejects(job, { code: 'cancelled' });
});

test('a lost connection: it is said again, and told once', async () => {
  const { client, socket, answer, errors } = await connected();
  const job = client.watch(A);
  const events = seen(job);
  const its = of(job.id);
  await turn();
  const said = ops(socket);
  [its.accepted, its.started, its.progress(1)].forEach((event, n) => socket.say({ ...event, seq: n + 1 }));
  socket.end();
  const second = await answer(RESUMED);
  assert.deepEqual(ops(second), said);
  second.say({ ...its.progress(2), seq: 4 });
  second.say({ ...its.done, seq: 5 });
  second.say({ ...its.done, seq: 6 }); // the answer to the watch that was said again
  assert.equal(await job, 'R');
  second.say({ ...its.error('not_found'), seq: 7 }); // or that
  assert.deepEqual(events, ['accepted', 'started 1', 'progress 1', 'progress 2', 'done R']);
  assert.deepEqual(errors, []);
});

test('a restart of the server: a run that begins anew is told', async () => {
  const { client, socket, answer } = await connected();
  const job = client.watch(A);
  const events = seen(job);
  const its = of(job.id);
  [its.accepted, its.started, its.progress(1)].forEach((event, n) => socket.say({ ...event, seq: n + 1 }));
  socket.end();
  const second = await answer(RESUMED);
  [its.accepted, its.started, its.progress(1), its.done].forEach((event, n) => second.say({ ...event, seq: n + 1000 }));
  assert.equal(await job, 'R');
  assert.deepEqual(events, ['accepted', 'started 1', 'progress 1', 'started 1', 'progress 1', 'done R']);
});

for (const resume of [true, false]) {
  test(`another session, with resume: ${resume}: what is past is not told again`, async () => {
    const { client, socket, answer } = await connected({ resume });
    const job = client.watch(A);
    const events = seen(job);
    const its = of(job.id);
    [its.accepted, its.started, its.progress(1)].forEach((event) => socket.say(event));
    socket.end();
    const second = await answer({ session: resume ? 't' : undefined, resumed: false });
    assert.deepEqual(ops(second), [{ op: 'watch', id: job.id, job: A }]);
    [its.accepted, its.started, its.progress(2)].forEach((event) => second.say(event));
    assert.deepEqual(events, ['accepted', 'started 1', 'progress 1', 'progress 2']);
    second.end();
    const third = await answer({ session: resume ? 'u' : undefined, resumed: false });
    const other = { ...its.started, worker: 'v' };
    [its.accepted, other].forEach((event) => third.say(event));
    third.say(other); // not the answer to the watch: a run that begins anew
    third.say(its.done);
    assert.equal(await job, 'R');
    assert.deepEqual(events.slice(4), ['started 1', 'started 1', 'done R']);
  });
}

test('of one that was watched before, too many is said for now', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { client, socket, answer } = await connected();
  const job = client.watch(A);
  socket.say(of(job.id).accepted);
  socket.end();
  t.mock.timers.tick(1);
  const second = await answer({ session: 't', resumed: false });
  ops(second);
  second.say(of(job.id).error('too_many_jobs'));
  t.mock.timers.tick(1000);
  await turn();
  assert.deepEqual(ops(second), [{ op: 'watch', id: job.id, job: A }]);
  second.say(of(job.id).done);
  assert.equal(await job, 'R');
});

test('an outcome that the server does not know any more', async () => {
  const { client, socket } = await connected();
  const job = client.watch(A);
  socket.say({ ev: 'gap', id: job.id, job: A, missed: 1 });
  await assert.rejects(job, { name: 'LostError', code: 'outcome_lost' });
});

test('a page that is loaded again has it, in `jobs` and for who watches it again', async () => {
  const storage = new MemoryStorage();
  const { client, socket } = await connected({ storage });
  const [job, stopped] = [client.watch(A, { label: { row: 1 } }), new AbortController()];
  const unwanted = client.watch(B, { signal: stopped.signal });
  const its = of(job.id);
  socket.say({ ...its.accepted, seq: 1 });
  socket.say({ ...its.progress(1), seq: 2 });
  stopped.abort();
  await turn();

  const after = page({ storage: storage.copy() });
  const [restored, ...others] = after.client.jobs;
  assert.deepEqual(others, []);
  assert.deepEqual([restored.id, restored.uuid, restored.state, restored.restored, restored.label], [job.id, A, 'accepted', true, { row: 1 }]);
  const watched = after.client.watch(A, { label: 'other' });
  assert.equal(watched, restored, 'not twice');
  assert.deepEqual([after.client.jobs.length, watched.label], [1, 'other']);
  const second = after.client.watch(A);
  assert.notEqual(second, restored);
  const events = [seen(restored), seen(second)];
  const next = await after.answer(RESUMED);
  assert.deepEqual(ops(next), [{ op: 'watch', id: job.id, job: A }]);
  const back = after.client.watch(B);
  await turn();
  assert.deepEqual(ops(next), [{ op: 'watch', id: unwanted.id, job: B }], 'under the id that the server may know');
  next.say({ ...its.accepted, seq: 1000 }); // the server was restarted
  next.say({ ...its.started, seq: 1001 });
  next.say({ ...its.done, seq: 1002 });
  next.say({ ...of(unwanted.id, B).done, seq: 1003 });
  assert.deepEqual(await Promise.all([restored, second, back]), ['R', 'R', 'R']);
  assert.deepEqual(events, [['started 1', 'done R'], ['accepted', 'started 1', 'done R']]);
});

test('what has ended does not come back with the page', async () => {
  const storage = new MemoryStorage();
  const { client, socket } = await connected({ storage });
  const job = client.watch(A);
  await turn();
  socket.say({ ...of(job.id).done, seq: 1 });
  const offline = client.watch(B);
  socket.end();
  await turn();
  const after = page({ storage: storage.copy() });
  assert.deepEqual(after.client.jobs.map(({ id }) => id), [offline.id]);
  assert.deepEqual(ops(await after.answer(RESUMED)), [{ op: 'watch', id: offline.id, job: B }]);
});

test('a cancel outlives a reload', async () => {
  const storage = new MemoryStorage();
  const { client } = page({ storage });
  const job = client.watch(A);
  job.cancel();
  await turn();
  const after = page({ storage: storage.copy() });
  assert.deepEqual(ops(await after.answer()).map(({ op, id }) => [op, id]), [['watch', job.id], ['cancel', job.id]]);
});

test('the end of a batch', async () => {
  const { client, socket, answer, errors } = await connected();
  const end = { ev: 'batch', batch: 'b', jobs: 2, done: 1, failed: 1, cancelled: 0, elapsed_ms: 5 };
  const its = new AbortController();
  const [one, two, three] = [client.watch({ batch: 'b' }), client.watch({ batch: 'b' }), client.watch({ batch: 'b' }, { signal: its.signal })];
  await turn();
  const said = ops(socket);
  assert.deepEqual(said, [{ op: 'watch', id: said[0].id, batch: 'b' }]);
  its.abort('gone');
  await assert.rejects(three, (reason) => reason === 'gone');
  socket.end();
  const second = await answer(RESUMED);
  assert.deepEqual(ops(second), said);
  second.say({ ...end, batch: 'another', seq: 1 });
  second.say({ ...end, seq: 2 });
  second.say({ ...of(said[0].id).error('not_found'), seq: 3 }); // it was over when the watch came
  assert.deepEqual(await Promise.all([one, two]), [{ ...end, seq: 2 }, { ...end, seq: 2 }]);
  assert.deepEqual(errors, []);
});

test('a batch of our own jobs is asked about once they are there', async () => {
  const { client, socket, answer } = await connected();
  const job = client.submit(1, { batch: 'b' });
  const end = client.watch({ batch: 'b' });
  await turn();
  assert.deepEqual(ops(socket).map(({ op }) => op), ['submit', 'watch']);
  socket.end(); // before a word came through
  const second = await answer(RESUMED);
  assert.deepEqual(ops(second), [{ op: 'cancel', id: second.mark }]);
  second.say({ ...of(second.mark).error('bad_request'), seq: 1 });
  await turn();
  assert.deepEqual(ops(second).map(({ op }) => op), ['submit', 'watch']);
  second.say({ ev: 'done', id: job.id, job: B, result: 1, seq: 2 });
  second.say({ ev: 'batch', batch: 'b', jobs: 1, done: 1, failed: 0, cancelled: 0, elapsed_ms: 5, seq: 3 });
  assert.equal((await end).done, 1);
});

test('the end of the client is the end of its watching', async () => {
  for (const [end, code, Kind] of [['close', 'closed', JobError], ['detach', 'detached', LostError]]) {
    const { client } = await connected();
    const all = [client.watch(A).result, client.watch({ batch: 'b' })];
    client[end]();
    for (const result of all) await assert.rejects(result, (error) => error.constructor === Kind && error.code === code);
    for (const what of [A, { batch: 'b' }]) await assert.rejects(client.watch(what), { code: 'closed' });
  }
});

test('without a connection, it is not waited for without end', async () => {
  const { client, network } = page({ readyTimeoutMs: 1 });
  const all = [client.watch(A).result, client.watch({ batch: 'b' })];
  await network.next();
  for (const result of all) await assert.rejects(result, { name: 'LostError', code: 'unreachable' });
});

test('a page that comes back asks again for what another page of the session heard', async (t) => {
  const leaves = asWindow(t);
  const storage = new MemoryStorage();
  const { client, socket, answer } = await connected({ storage });
  const [heard, live] = [client.watch(A), client.watch(B)];
  for (const [n, { id, uuid }] of [heard, live].entries()) socket.say({ ...of(id, uuid).accepted, seq: n + 1 });
  await turn();
  leaves('pagehide');

  // Another page of the tab, with the same storage. Its module is its own: it knows of no other client.
  const { Acequia: Other } = await import('../src/index.js?another page that watches');
  const between = fakeNetwork();
  const view = new Proxy(storage, { get: (its, name) => its[name].bind(its) });
  const other = new Other(URL_, { WebSocket: between.WebSocket, storage: view });
  open.add(other);
  assert.deepEqual(other.jobs.map(({ uuid }) => uuid), [A, B]);
  const socket2 = await between.next();
  socket2.open();
  socket2.say({ ev: 'welcome', limits: {}, ...RESUMED });
  socket2.say({ ...of(heard.id).done, seq: 3 });
  await turn();
  other.detach();

  leaves('pageshow');
  const third = await answer(RESUMED);
  assert.deepEqual(ops(third).map(({ op, job }) => [op, job]), [['watch', A], ['watch', B]]);
  third.say({ ...of(heard.id).done, seq: 4 });
  third.say({ ...of(live.id, B).done, seq: 5 });
  assert.deepEqual(await Promise.all([heard, live]), ['R', 'R'], 'the promises of before');
});
