import assert from 'node:assert/strict';
import { test } from 'node:test';

import { entryOf } from '../src/entry.js';
import { json, msgpack } from '../src/format.js';
import { Job } from '../src/job.js';
import { Session } from '../src/session.js';
import { Shelf } from '../src/shelf.js';
import { Store } from '../src/store.js';
import { MemoryStorage } from './memory-storage.js';

test('what was saved is loaded', () => {
  const storage = new MemoryStorage();
  const store = new Store(storage, 'k');
  assert.equal(store.load(), null);
  store.save('secret', 12, ['{"id":7,"label":"ü"}', '{"id":8}']);
  const saved = { secret: 'secret', last: 12, jobs: [{ id: 7, label: 'ü' }, { id: 8 }] };
  assert.deepEqual(new Store(storage.copy(), 'k').load(), saved);
  assert.equal(new Store(storage.copy(), 'another').load(), null);
});

test('it is still there if the page is loaded again before anything was saved', () => {
  const storage = new MemoryStorage();
  const first = new Store(storage, 'k');
  first.load();
  first.save('secret', 3, ['{"id":1}']);
  const second = storage.copy();
  new Store(second, 'k').load();
  assert.equal(new Store(second.copy(), 'k').load().secret, 'secret');
});

test('who loaded it last is the owner', () => {
  const storage = new MemoryStorage();
  const first = new Store(storage, 'k');
  first.load();
  first.save('one', 1, []);
  first.release(); // as if the second were in another tab
  const second = new Store(storage, 'k');
  assert.equal(second.load().secret, 'one');
  assert.deepEqual([first.mine, second.mine], [false, true]);
  first.save('stale', 0, []);
  first.clear();
  second.save('two', 2, []);
  assert.match(storage.getItem('k'), /"secret":"two"/);
  second.clear();
  assert.equal(storage.getItem('k'), null);
});

test('two clients of a page have two keys', () => {
  const storage = new MemoryStorage();
  const first = new Store(storage, 'k');
  assert.throws(() => new Store(storage, 'k'), /storageKey/);
  new Store(storage, 'l');
  first.release();
  new Store(storage, 'k');
  assert.throws(() => new Store({ getItem() {} }, 'k'), /no `setItem`/);
});

test('what cannot be understood counts as nothing', () => {
  for (const text of ['', 'x', 'null', '[]', '{}', '{"v":2,"secret":"s","last":1,"jobs":[]}', '{"v":1,"secret":"s","last":"1","jobs":[]}',
    '{"v":1,"secret":"s","last":1}', '{"v":1,"secret":"s","last":1,"jobs":[{"id":"x"}]}', '{"v":1,"secret":"s","last":1,"jobs":[null]}',
    '{"v":1,"secret":7,"last":1,"jobs":[]}', '{"v":1,"secret":"s","last":-1,"jobs":[]}']) {
    assert.equal(new Store(new MemoryStorage({ k: text }), 'k').load(), null, text);
  }
});

/** A shelf, its session and what it complained of. */
function shelf(storage, format = json) {
  const trouble = [];
  const session = new Session(true);
  const it = new Shelf(storage, 'k', format, (why) => trouble.push(why));
  const entries = it.load(session, () => {});
  return { it, session, entries, trouble };
}

for (const [name, format] of [['JSON', json], ['MessagePack', msgpack({ encode: (op) => new Uint8Array([0, 255, op.id]), decode: () => null })]]) {
  test(`live jobs in ${name}, as far as they got`, () => {
    const storage = new MemoryStorage();
    const { it, session } = shelf(storage, format);
    Object.assign(session, { secret: 's', last: 5 });
    const waiting = entryOf(new Job(1, () => {}, { row: 3 }), format.encode({ op: 'submit', id: 1 }), { key: 'k' });
    const taken = Object.assign(entryOf(new Job(2, () => {}, undefined, { uuid: 'u' }), ''), { part: null, sent: true, heard: true, cancelling: true });
    it.save(session, [waiting, taken]);
    const after = shelf(storage.copy(), format);
    assert.deepEqual([after.session.secret, after.session.last], ['s', 5]);
    const [one, two] = after.entries;
    assert.deepEqual([one.job.id, one.job.label, one.job.state, one.job.restored], [1, { row: 3 }, 'submitted', true]);
    assert.deepEqual([one.part, one.sent, one.heard, one.cancelling, one.keyed], [waiting.part, false, false, false, true]);
    assert.deepEqual([two.job.id, two.job.label, two.job.state, two.job.uuid], [2, undefined, 'accepted', 'u']);
    assert.deepEqual([two.part, two.sent, two.heard, two.cancelling, two.keyed], [null, true, true, true, false]);
  });
}

test('a storage that is full does without payloads, and then is let go of', () => {
  const storage = new MemoryStorage();
  storage.room = 200;
  const { it, session, trouble } = shelf(storage);
  session.secret = 's';
  const large = entryOf(new Job(1, () => {}), 'x'.repeat(200));
  it.save(session, [large]);
  assert.deepEqual(trouble, []);
  assert.equal(shelf(storage.copy()).entries[0].part, null);
  it.save(session, Array.from({ length: 20 }, (_, id) => entryOf(new Job(id, () => {}), 'x')));
  assert.equal(trouble.length, 1);
  assert.match(trouble[0], /Quota/);
  assert.equal(storage.getItem('k'), null);
  assert.equal(it.mine, true, 'the client goes on, without a storage');
  it.save(session, []);
  assert.equal(storage.getItem('k'), null);
});

test('a storage that cannot be written is none', async () => {
  const storage = new MemoryStorage({ k: '{"v":1,"secret":"s","last":0,"jobs":[{"id":1}]}' });
  storage.room = 0;
  const { it, session, entries, trouble } = shelf(storage);
  assert.deepEqual([session.secret, entries, it.mine], [null, [], true], 'else two pages might go on with one session');
  await Promise.resolve();
  assert.match(trouble[0], /Quota/);
});

test('a storage whose ops are no ops is as one with nothing in it', () => {
  const of = (part) => new MemoryStorage({ k: `{"v":1,"secret":"s","last":3,"jobs":[{"id":1},{"id":2,"part":${part}}]}` });
  const binary = msgpack({ encode: () => new Uint8Array(), decode: (bytes) => assert.equal(bytes[0], 0x82) });
  for (const [part, format] of [['"{]"', json], ['7.', json], ['"%"', binary], ['"AAAA"', binary], ['{}', binary]]) {
    const { session, entries, trouble } = shelf(of(part), format);
    assert.deepEqual([session.secret, session.last, entries, trouble], [null, 0, [], []], part);
  }
});

test('a storage that fails in the middle is let go of', () => {
  const storage = new MemoryStorage();
  const { it, session, trouble } = shelf(storage);
  storage.getItem = storage.setItem = storage.removeItem = () => {
    throw new Error('SecurityError');
  };
  assert.equal(it.mine, true);
  it.save(session, []);
  it.save(session, []);
  it.clear();
  assert.deepEqual(trouble.map((why) => /SecurityError/.test(why)), [true], 'it is told once');
});
