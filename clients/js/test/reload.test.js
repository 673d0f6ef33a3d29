// A page that is loaded again, and a tab that is copied.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';

import { Acequia } from '../src/index.js';
import { fakeNetwork, turn } from './fake-socket.js';
import { MemoryStorage } from './memory-storage.js';
import { asWindow } from './window.js';

const URL = 'ws://acequia.test/v1/ws';
const ops = (socket) => socket.heard().flat();

/** Pages that are never left: a client that waits for its server would keep the process from its end. */
const open = new Set();
afterEach(() => {
  for (const client of open) client.close();
  open.clear();
});

/** A page with `storage`. `answer`: says what, as the answer to `hello`, and returns the socket and the hello. */
function page(storage, options = {}) {
  const network = fakeNetwork();
  const client = new Acequia(URL, { WebSocket: network.WebSocket, storage, reconnect: { minMs: 1, maxMs: 1 }, ...options });
  open.add(client);
  const answer = async (welcome) => {
    const socket = await network.next();
    socket.open();
    await turn();
    const [hello] = socket.heard();
    socket.say({ ev: 'welcome', limits: {}, ...welcome });
    await turn();
    return { socket, hello };
  };
  return { client, answer };
}

test('a page that is loaded again has its jobs and their ends', async () => {
  const storage = new MemoryStorage();
  const before = page(storage);
  const { socket } = await before.answer({ session: 's', resumed: false });
  const labelled = before.client.submit(1, { label: { row: 1 } });
  const [ended, unheard] = before.client.submitMany([{ payload: 2 }, { payload: 3 }]);
  await turn();
  socket.say({ ev: 'accepted', id: labelled.id, job: 'u1', seq: 1 });
  socket.say({ ev: 'done', id: ended.id, result: 'two', seq: 2 });
  const late = before.client.submit(4); // written down at the end of this turn, with what was heard
  await turn();

  // What a crash leaves is what was written before the last send.
  const after = page(storage.copy());
  const [one, three, four] = after.client.jobs;
  assert.deepEqual(after.client.jobs.map(({ id }) => id), [labelled.id, unheard.id, late.id]);
  assert.deepEqual([one.label, one.uuid, one.state, one.restored], [{ row: 1 }, 'u1', 'accepted', true]);
  const fresh = after.client.submit(5);
  assert.equal([labelled, ended, unheard, late].some(({ id }) => id === fresh.id), false);
  assert.equal(fresh.restored, false);

  const { socket: second, hello } = await after.answer({ session: 's', resumed: true });
  assert.deepEqual(hello, { op: 'hello', resume: 's', last: 2 });
  assert.deepEqual(ops(second).map(({ op, id }) => [op, id]), [['submit', fresh.id], ['cancel', second.mark]]);
  second.say({ ev: 'done', id: one.id, result: 'one', seq: 3 });
  second.say({ ev: 'error', id: second.mark, code: 'bad_request', message: '', seq: 4 });
  await turn();
  const again = ops(second).filter(({ op }) => op === 'submit');
  assert.deepEqual(again.map(({ id, payload }) => [id, payload]), [[three.id, 3], [four.id, 4]]);
  [three, four, fresh].forEach(({ id }, n) => second.say({ ev: 'done', id, result: id, seq: 5 + n }));
  assert.deepEqual(await Promise.all([one, three, four, fresh]), ['one', three.id, four.id, fresh.id]);
});

test('jobs that were never sent outlive a reload', async () => {
  const storage = new MemoryStorage();
  page(storage).client.submit('early');
  await turn();
  const after = page(storage.copy());
  const { socket, hello } = await after.answer({ session: 's', resumed: false });
  assert.deepEqual(hello, { op: 'hello', resume: true });
  assert.deepEqual(ops(socket), [{ op: 'submit', id: after.client.jobs[0].id, payload: 'early' }]);
});

test('the jobs of a session that the server does not know any more end', async () => {
  const storage = new MemoryStorage();
  const before = page(storage);
  const { socket } = await before.answer({ session: 's', resumed: false });
  const [taken, unheard] = before.client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  socket.say({ ev: 'accepted', id: taken.id, seq: 1 });
  before.client.submit(3);
  await turn();
  const after = page(storage.copy());
  const [one, two, three] = after.client.jobs;
  const { socket: second } = await after.answer({ session: 't', resumed: false });
  await assert.rejects(one, { code: 'session_lost' });
  assert.deepEqual(ops(second).map(({ id }) => id), [two.id, three.id]);
  assert.equal(two.id, unheard.id);
});

test('of a copied tab, the second goes on and the first is told', async () => {
  const storage = new MemoryStorage();
  const first = page(storage);
  const { socket } = await first.answer({ session: 's', resumed: false });
  const job = first.client.submit(1);
  await turn();
  const copy = storage.copy();
  const second = page(copy);
  const { socket: taken } = await second.answer({ session: 's', resumed: true });
  socket.end(4001, 'another connection');
  await assert.rejects(job, { code: 'taken_over' });
  assert.equal(storage.getItem(Object.keys(copy.items)[0]), null, 'loaded again, it begins anew');
  const [same] = second.client.jobs;
  taken.say({ ev: 'done', id: job.id, result: 'one', seq: 1 });
  assert.equal(await same, 'one');
});

test('of two tabs with one storage, the first does not come back', async () => {
  const storage = new MemoryStorage();
  const first = page(storage);
  const { socket } = await first.answer({ session: 's', resumed: false });
  const job = first.client.submit(1);
  await turn();
  const key = Object.keys(storage.items)[0];
  const owner = storage.getItem(key).replace(/"owner":"\w+"/, '"owner":"another"'); // as another tab does
  storage.setItem(key, owner);
  first.client.submit(2);
  await turn();
  assert.equal(storage.getItem(key), owner, 'nothing is written over');
  socket.end(); // by chance, before it is told
  await assert.rejects(job, { code: 'taken_over' });
  assert.equal(first.client.state, 'closed');
  assert.equal(storage.getItem(key), owner);
});

test('close ends the session for the page that comes after, too', async () => {
  const storage = new MemoryStorage();
  const { client, answer } = page(storage);
  const { socket } = await answer({ session: 's', resumed: false });
  client.submit(1);
  await turn();
  client.close();
  assert.equal(socket.closeCode, 4000, 'the server need not wait');
  assert.deepEqual(storage.items, {});
  page(storage); // and the key is free again
});

test('a page without a storage of its own does without', async (t) => {
  const trouble = [];
  for (const get of [undefined, () => { throw new Error('SecurityError'); }]) {
    if (get) Object.defineProperty(globalThis, 'sessionStorage', { get, configurable: true });
    t.after(() => delete globalThis.sessionStorage);
    const { client, answer } = page(true);
    client.addEventListener('error', ({ detail }) => trouble.push(detail.code));
    const { socket } = await answer({ session: 's', resumed: false });
    const job = client.submit(1);
    await turn();
    socket.say({ ev: 'done', id: job.id, result: 'one', seq: 1 });
    assert.equal(await job, 'one');
  }
  assert.deepEqual(trouble, ['storage', 'storage']);
  const storage = new MemoryStorage();
  Object.defineProperty(globalThis, 'sessionStorage', { value: storage, configurable: true });
  page(true);
  assert.equal(Object.keys(storage.items).length, 1);
});

test('a storage needs what can be written', async () => {
  const storage = new MemoryStorage();
  const { client } = page(storage);
  const cycle = {};
  cycle.self = cycle;
  assert.throws(() => client.submit(1, { label: cycle }), TypeError);
  assert.deepEqual(client.jobs, []);
  assert.throws(() => page(new MemoryStorage(), { resume: false }), /resumes/);
});

test('code that runs twice has one client', async () => {
  const storage = new MemoryStorage();
  const first = page(storage);
  const again = page(storage);
  assert.equal(again.client, first.client);
  const { socket } = await first.answer({ session: 's', resumed: false });
  const job = again.client.submit(1);
  await turn();
  socket.say({ ev: 'done', id: job.id, result: 'one', seq: 1 });
  assert.equal(await job, 'one');
  assert.notEqual(page(storage, { storageKey: 'y' }).client, first.client);
  assert.notEqual(page(storage.copy()).client, first.client);
});

test('two pages with one name and another encoding or server leave each other alone', async () => {
  const storage = new MemoryStorage();
  const first = page(storage, { storageKey: 'mine' });
  await first.answer({ session: 's', resumed: false });
  first.client.submit(1);
  await turn();
  first.client.detach();
  const codec = { encode: (value) => new TextEncoder().encode(JSON.stringify(value)), decode: (bytes) => JSON.parse(new TextDecoder().decode(bytes)) };
  const other = page(storage, { storageKey: 'mine', codec });
  assert.deepEqual(other.client.jobs, []);
  other.client.close();
  const elsewhere = new Acequia('ws://another.test/v1/ws', { WebSocket: fakeNetwork().WebSocket, storage, storageKey: 'mine' });
  open.add(elsewhere);
  assert.deepEqual(elsewhere.jobs, []);
  const back = page(storage, { storageKey: 'mine' });
  assert.equal(back.client.jobs.length, 1);
  assert.deepEqual((await back.answer({ session: 's', resumed: true })).hello, { op: 'hello', resume: 's', last: 0 });
});

test('a client that cannot be made leaves no other behind', async () => {
  const storage = new MemoryStorage();
  const dialled = [];
  class Socket {
    constructor() {
      dialled.push(this);
    }
  }
  for (const options of [{ storage: {} }, { storage, token: 7 }, { storage, readyTimeoutMs: 'x' }, { storage, resume: false }]) {
    assert.throws(() => new Acequia(URL, { WebSocket: Socket, ...options }), TypeError);
  }
  assert.throws(() => new Acequia('http://[', { WebSocket: Socket, storage }));
  await turn();
  assert.deepEqual([dialled, storage.items], [[], {}]);
});

test('what is mounted twice lets go in between, and the jobs go on', async () => {
  const storage = new MemoryStorage();
  const first = page(storage);
  const { socket } = await first.answer({ session: 's', resumed: false });
  const job = first.client.submit('x', { label: 'mine' });
  await turn();
  socket.say({ ev: 'accepted', id: job.id, job: 'u', seq: 1 });
  first.client.detach();
  assert.equal(socket.closeCode, 1000, 'the session waits');
  await assert.rejects(job, { code: 'detached' });
  const second = page(storage);
  assert.notEqual(second.client, first.client);
  const [same] = second.client.jobs;
  assert.deepEqual([same.id, same.label], [job.id, 'mine']);
  const { socket: next, hello } = await second.answer({ session: 's', resumed: true });
  assert.deepEqual(hello, { op: 'hello', resume: 's', last: 1 });
  first.client.close();
  next.say({ ev: 'done', id: job.id, result: 'X', seq: 2 });
  assert.equal(await same, 'X');
});

test('who has lost the session to another page does not end it', async () => {
  const storage = new MemoryStorage();
  const { client, answer } = page(storage);
  const { socket } = await answer({ session: 's', resumed: false });
  const [key] = Object.keys(storage.items);
  const taken = storage.getItem(key).replace(/"owner":"\w+"/, '"owner":"another"');
  storage.setItem(key, taken);
  client.close();
  assert.deepEqual([socket.closeCode, storage.getItem(key)], [1000, taken]);
});

test('a page that comes back goes on with what another has left of its session', async (t) => {
  const tell = asWindow(t);
  const storage = new MemoryStorage();
  const first = page(storage);
  const { socket } = await first.answer({ session: 's', resumed: false });
  const [ended, live] = first.client.submitMany([{ payload: 1 }, { payload: 2 }]);
  await turn();
  for (const [i, { id }] of [ended, live].entries()) socket.say({ ev: 'accepted', id, job: `u${i}`, seq: i + 1 });
  await turn();
  tell('pagehide');
  assert.equal(first.client.state, 'waiting');
  const unsent = first.client.submit(3);
  await turn();

  // Another page of the tab, with the same storage. Its module is its own: it knows of no other client.
  const { Acequia: Other } = await import('../src/index.js?another page');
  const between = fakeNetwork();
  const view = new Proxy(storage, { get: (of, name) => of[name].bind(of) });
  const other = new Other(URL, { WebSocket: between.WebSocket, storage: view });
  open.add(other);
  assert.deepEqual(other.jobs.map(({ id }) => id), [ended.id, live.id, unsent.id]);
  const socket2 = await between.next();
  socket2.open();
  socket2.say({ ev: 'welcome', session: 's', resumed: true, limits: {} });
  socket2.say({ ev: 'done', id: ended.id, result: 'heard by the other page', seq: 3 });
  const fresh = other.submit('theirs', { label: 'theirs' });
  await turn();
  other.detach();

  tell('pageshow');
  const { socket: third, hello } = await first.answer({ session: 's', resumed: true });
  assert.deepEqual(hello, { op: 'hello', resume: 's', last: 3 });
  await assert.rejects(ended, { code: 'taken_over', message: /heard how the job ended/ });
  assert.deepEqual(first.client.jobs.map(({ id, label }) => [id, label]), [[live.id, undefined], [unsent.id, undefined], [fresh.id, 'theirs']]);
  assert.equal(first.client.jobs[0], live, 'a promise from before');
  third.say({ ev: 'done', id: live.id, result: 'two', seq: 4 });
  assert.equal(await live, 'two');
});
