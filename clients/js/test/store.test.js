import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Changes } from '../src/changes.js';
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
  store.append('secret', 12, ['{"id":7,"label":"ü"}', '{"id":8}', '{"id":9}'], []);
  store.append('secret', 13, ['{"id":7,"label":"ü","sent":true}', '{"id":10}'], [8]);
  const saved = { secret: 'secret', last: 13, jobs: [{ id: 7, label: 'ü', sent: true }, { id: 9 }, { id: 10 }] };
  assert.deepEqual(new Store(storage.copy(), 'k').load(), saved);
  assert.equal(new Store(storage.copy(), 'another').load(), null);
  store.replace('secret', 14, ['{"id":9}'], true);
  store.append('secret', 15, [], [9]);
  assert.deepEqual(new Store(storage.copy(), 'k').load(), { secret: 'secret', last: 15, jobs: [] });
  assert.equal(Object.keys(storage.items).length, 3, 'the head, what was written as a whole, and what came after it');
  store.clear();
  assert.deepEqual(storage.items, {});
});

test('it is still there if the page is loaded again before anything was saved', () => {
  const storage = new MemoryStorage();
  const first = new Store(storage, 'k');
  first.load();
  first.append('secret', 3, ['{"id":1}'], []);
  const second = storage.copy();
  new Store(second, 'k').load();
  assert.deepEqual(new Store(second.copy(), 'k').load(), { secret: 'secret', last: 3, jobs: [{ id: 1 }] });
});

test('who loaded it last is the owner', () => {
  const storage = new MemoryStorage();
  const first = new Store(storage, 'k');
  first.load();
  first.append('one', 1, ['{"id":1}'], []);
  const second = new Store(storage, 'k');
  assert.equal(second.load().secret, 'one');
  assert.deepEqual([first.mine, second.mine], [false, true]);
  const { items } = storage;
  first.append('stale', 0, ['{"id":2}'], []);
  first.replace('stale', 0, [], false);
  first.clear();
  assert.deepEqual(storage.items, items);
  second.append('two', 2, [], []);
  assert.match(storage.getItem('k'), /"secret":"two"/);
  second.clear();
  assert.deepEqual(storage.items, {});
});

test('a storage has what is needed of it', () => {
  assert.throws(() => new Store({ getItem() {} }, 'k'), /no `setItem`/);
});

test('what cannot be understood counts as nothing', () => {
  const head = (more) => JSON.stringify({ v: 2, secret: 's', last: 1, first: 0, next: 0, ...more });
  assert.deepEqual(new Store(new MemoryStorage({ k: head() }), 'k').load(), { secret: 's', last: 1, jobs: [] }, 'it is not all nothing');
  for (const text of ['', 'x', 'null', '[]', '{}', head({ v: 1 }), head({ last: '1' }), head({ last: -1 }), head({ secret: 7 }), head({ first: 1 }), head({ next: 1 }), head({ next: 1.5 }), head({ first: null })]) {
    assert.equal(new Store(new MemoryStorage({ k: text }), 'k').load(), null, text);
  }
  for (const text of ['', '{}', '{"jobs":[{"id":"x"}],"gone":[]}', '{"jobs":[null],"gone":[]}', '{"jobs":[],"gone":["x"]}', '{"jobs":[],"gone":{}}']) {
    assert.equal(new Store(new MemoryStorage({ k: head({ next: 1 }), 'k 0': text }), 'k').load(), null, text);
  }
});

/** A shelf, its session, its live jobs, and what it complained of. */
function shelf(storage, format = json) {
  const trouble = [];
  const session = new Session(true);
  const it = new Shelf(storage, 'k', format, (why) => trouble.push(why));
  const changes = new Changes(true);
  const entries = it.load(session, () => {});
  const save = () => it.save(session, changes, () => entries);
  const add = (...more) => {
    entries.push(...more);
    for (const entry of more) changes.touch(entry);
    save();
  };
  const end = (entry) => {
    entries.splice(entries.indexOf(entry), 1);
    changes.drop(entry);
  };
  return { it, session, entries, changes, trouble, save, add, end };
}

for (const [name, format] of [['JSON', json], ['MessagePack', msgpack({ encode: (op) => new Uint8Array([0, 255, op.id]), decode: () => null })]]) {
  test(`live jobs in ${name}, as far as they got`, () => {
    const storage = new MemoryStorage();
    const { session, add } = shelf(storage, format);
    Object.assign(session, { secret: 's', last: 5 });
    const waiting = entryOf(new Job(1, () => {}, { row: 3 }), format.encode({ op: 'submit', id: 1 }), { key: 'k' });
    const taken = Object.assign(entryOf(new Job(2, () => {}, undefined, { uuid: 'u' }), ''), { part: null, sent: true, heard: true, cancelling: true });
    add(waiting, taken);
    const after = shelf(storage.copy(), format);
    assert.deepEqual([after.session.secret, after.session.last], ['s', 5]);
    const [one, two] = after.entries;
    assert.deepEqual([one.job.id, one.job.label, one.job.state, one.job.restored], [1, { row: 3 }, 'submitted', true]);
    assert.deepEqual([one.part, one.sent, one.heard, one.cancelling, one.keyed], [waiting.part, false, false, false, true]);
    assert.deepEqual([two.job.id, two.job.label, two.job.state, two.job.uuid], [2, undefined, 'accepted', 'u']);
    assert.deepEqual([two.part, two.sent, two.heard, two.cancelling, two.keyed], [null, true, true, true, false]);
  });
}

test('a turn writes what changed in it, and what is of no use does not grow', () => {
  const storage = new MemoryStorage();
  const { add, end, save, entries, changes } = shelf(storage);
  const payload = JSON.stringify('x'.repeat(100));
  add(...Array.from({ length: 2_000 }, (_, id) => entryOf(new Job(id, () => {}), payload)));
  let written = 0;
  const { setItem } = storage;
  storage.setItem = (key, value) => {
    written += value.length;
    setItem.call(storage, key, value);
  };
  for (let turn = 0; turn < 2_000; turn++) {
    const [entry] = entries;
    entry.sent = true;
    changes.touch(entry);
    save();
    end(entry);
    save();
  }
  assert.ok(written < 3_000_000, `${written} characters for 2,000 jobs that end one after another`);
  const size = Object.values(storage.items).join('').length;
  assert.ok(size < 700_000, `${size} characters are left of jobs that have ended`);
  assert.deepEqual([entries, shelf(storage.copy()).entries], [[], []]);
  written = 0;
  save();
  assert.equal(written, 0, 'nothing is new');
});

test('a storage that is full does without payloads, and then is let go of', () => {
  const storage = new MemoryStorage();
  storage.room = 200;
  const { it, session, trouble, add, save } = shelf(storage);
  session.secret = 's';
  add(entryOf(new Job(1, () => {}), 'x'.repeat(200)));
  assert.deepEqual(trouble, []);
  assert.equal(shelf(storage.copy()).entries[0].part, null);
  add(...Array.from({ length: 40 }, (_, id) => entryOf(new Job(id + 2, () => {}), 'x')));
  assert.equal(trouble.length, 1);
  assert.match(trouble[0], /Quota/);
  assert.deepEqual(storage.items, {});
  assert.equal(it.mine, true, 'the client goes on, without a storage');
  save();
  assert.deepEqual(storage.items, {});
});

test('a storage that what has ended fills makes room', () => {
  const storage = new MemoryStorage();
  const full = 6_000;
  const { setItem } = storage;
  storage.setItem = (key, value) => {
    const others = Object.entries(storage.items).filter(([of]) => of !== key).reduce((sum, [, text]) => sum + text.length, 0);
    if (others + value.length > full) throw new Error('QuotaExceededError');
    setItem.call(storage, key, value);
  };
  const { session, trouble, add, end } = shelf(storage);
  session.secret = 's';
  for (let id = 0; id < 50; id++) {
    const entry = entryOf(new Job(id, () => {}), JSON.stringify('x'.repeat(1_000)));
    add(entry);
    assert.equal(shelf(storage.copy()).entries.at(-1).part.length, 1_002, `the payload of job ${id}`);
    end(entry);
  }
  assert.deepEqual(trouble, []);
});

test('a storage that cannot be written is none', async () => {
  const storage = new MemoryStorage({ k: '{"v":2,"secret":"s","last":0,"first":0,"next":0}' });
  storage.room = 0;
  const { it, session, entries, trouble } = shelf(storage);
  assert.deepEqual([session.secret, entries, it.mine], [null, [], true], 'else two pages might go on with one session');
  await Promise.resolve();
  assert.match(trouble[0], /Quota/);
});

test('a storage whose ops are no ops is as one with nothing in it', () => {
  const of = (part) => new MemoryStorage({ k: '{"v":2,"secret":"s","last":3,"first":0,"next":1}', 'k 0': `{"jobs":[{"id":1},{"id":2,"part":${part}}],"gone":[]}` });
  assert.equal(shelf(of('"{}"')).entries.length, 2, 'it is not all nothing');
  const binary = msgpack({ encode: () => new Uint8Array(), decode: (bytes) => assert.equal(bytes[0], 0x82) });
  for (const [part, format] of [['"{]"', json], ['7.', json], ['"%"', binary], ['"AAAA"', binary], ['{}', binary]]) {
    const { session, entries, trouble } = shelf(of(part), format);
    assert.deepEqual([session.secret, session.last, entries, trouble], [null, 0, [], []], part);
  }
});

test('a storage that fails in the middle is let go of', () => {
  const storage = new MemoryStorage();
  const { it, session, trouble, save } = shelf(storage);
  storage.getItem = storage.setItem = storage.removeItem = () => {
    throw new Error('SecurityError');
  };
  assert.equal(it.mine, true);
  session.last = 1;
  save();
  session.last = 2;
  save();
  it.clear();
  assert.deepEqual(trouble.map((why) => /SecurityError/.test(why)), [true], 'it is told once');
});
