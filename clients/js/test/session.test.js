import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Session } from '../src/session.js';

test('a session that goes on', () => {
  const session = new Session(true);
  assert.deepEqual(session.hello(), { resume: true });
  assert.equal(session.welcome({ session: 's', resumed: false }), false);
  assert.equal(session.resumable, true);
  for (const seq of [1, 2, 5]) assert.equal(session.hear({ seq }), true);
  assert.deepEqual(session.hello(), { resume: 's', last: 5 });
  assert.equal(session.welcome({ session: 's', resumed: true }), true);
  assert.deepEqual([5, 3, 6, 6, 1_000_001].map((seq) => session.hear({ seq })), [false, false, true, false, true]);
  assert.equal(session.hear({}), true, 'gap and bye have no number');
  assert.equal(session.last, 1_000_001);
});

test('a session that the server does not know begins anew', () => {
  const session = new Session(true);
  session.welcome({ session: 'old', resumed: false });
  session.hear({ seq: 40 });
  assert.equal(session.welcome({ session: 'new', resumed: false }), false);
  assert.deepEqual(session.hello(), { resume: 'new', last: 0 });
  assert.equal(session.hear({ seq: 1 }), true);
});

test('a server without sessions', () => {
  const session = new Session(true);
  assert.equal(session.welcome({ resumed: false }), false);
  assert.equal(session.resumable, false);
  assert.deepEqual(session.hello(), { resume: true });
  session.welcome({ session: 's', resumed: false });
  session.welcome({ resumed: false }); // an older one took its place
  assert.equal(session.resumable, false);
});

test('a session that need not go on', () => {
  assert.deepEqual(new Session(false).hello(), {});
});
