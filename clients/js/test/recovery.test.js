import assert from 'node:assert/strict';
import { test } from 'node:test';

import { afterReplay, fate, keepsPart, loss } from '../src/recovery.js';

const DEFAULT = { resend: true, resubmit: false };
const CAREFUL = { resend: false, resubmit: false };
const INSISTENT = { resend: true, resubmit: true };

const at = (progress) => ({ sent: true, heard: false, accepted: false, cancelling: false, keyed: false, part: 'op', ...progress });
const unsent = at({ sent: false });
const unheard = at({});
const started = at({ heard: true });
const taken = at({ heard: true, accepted: true, part: null });
const keyed = at({ heard: true, accepted: true, keyed: true });
const kept = at({ heard: true, accepted: true }); // as with `resubmit`
const cancelled = at({ cancelling: true });

for (const [what, job, policy, resumed, notResumed] of [
  ['not sent', unsent, DEFAULT, 'send', 'send'],
  ['not sent, carefully', unsent, CAREFUL, 'send', 'send'],
  ['not sent, and its payload did not fit the storage', at({ sent: false, part: null }), DEFAULT, 'lost', 'lost'],
  ['not heard of', unheard, DEFAULT, 'unsure', 'send'],
  ['not heard of, carefully', unheard, CAREFUL, 'unsure', 'lost'],
  ['not heard of, without a payload', at({ part: null }), DEFAULT, 'unsure', 'lost'],
  ['taken', taken, DEFAULT, 'wait', 'lost'],
  ['started, and not accepted yet', started, DEFAULT, 'unsure', 'lost'],
  ['started, and not accepted yet, carefully', started, CAREFUL, 'unsure', 'lost'],
  ['taken, with a key', keyed, DEFAULT, 'unsure', 'send'],
  ['taken, with a key, carefully', keyed, CAREFUL, 'unsure', 'send'],
  ['taken, with a key, without a payload', { ...keyed, part: null }, DEFAULT, 'wait', 'lost'],
  ['taken, to be submitted at any price', kept, INSISTENT, 'wait', 'send'],
  ['being cancelled', cancelled, INSISTENT, 'cancel', 'lost'],
  ['taken and being cancelled', { ...taken, cancelling: true }, DEFAULT, 'cancel', 'lost'],
]) {
  test(`a job that was ${what}`, () => {
    assert.equal(fate(job, true, policy), resumed, 'resumed');
    assert.equal(fate(job, false, policy), notResumed, 'not resumed');
  });
}

test('what the replay does not name is sent again, if it may be', () => {
  assert.equal(afterReplay(unheard, DEFAULT), 'send');
  assert.equal(afterReplay(unheard, CAREFUL), 'lost');
  assert.equal(afterReplay(started, DEFAULT), 'send');
  assert.equal(afterReplay(started, CAREFUL), 'lost');
  assert.equal(afterReplay(keyed, CAREFUL), 'send');
  assert.equal(afterReplay(at({ keyed: true }), CAREFUL), 'send');
  assert.equal(afterReplay(at({ part: null }), DEFAULT), 'lost');
});

test('a payload is kept only while it may be needed', () => {
  assert.equal(keepsPart({ keyed: false }, DEFAULT), false);
  assert.equal(keepsPart({ keyed: true }, DEFAULT), true);
  assert.equal(keepsPart({ keyed: false }, INSISTENT), true);
});

test('the error says what is known', () => {
  assert.equal(loss(unheard, true).code, 'connection_lost');
  assert.equal(loss(taken, true).code, 'session_lost');
  assert.equal(loss(taken, false).code, 'connection_lost');
  assert.match(loss(at({ sent: false, part: null }), false).message, /never ran/);
});
