import assert from 'node:assert/strict';
import { test } from 'node:test';

import { afterReplay, fate, keepsPart, loss } from '../src/recovery.js';

const DEFAULT = { resend: true, resubmit: false };
const CAREFUL = { resend: false, resubmit: false };
const INSISTENT = { resend: true, resubmit: true };

const at = (progress) => ({ sent: true, heard: false, cancelling: false, keyed: false, part: 'op', ...progress });
const unsent = at({ sent: false });
const unheard = at({});
const taken = at({ heard: true, part: null });
const keyed = at({ heard: true, keyed: true });
const kept = at({ heard: true }); // as with `resubmit`
const cancelled = at({ cancelling: true });

for (const [what, job, policy, resumed, notResumed] of [
  ['not sent', unsent, DEFAULT, 'send', 'send'],
  ['not sent, carefully', unsent, CAREFUL, 'send', 'send'],
  ['not sent, and its payload did not fit the storage', at({ sent: false, part: null }), DEFAULT, 'lost', 'lost'],
  ['not heard of', unheard, DEFAULT, 'unsure', 'send'],
  ['not heard of, carefully', unheard, CAREFUL, 'unsure', 'lost'],
  ['not heard of, without a payload', at({ part: null }), DEFAULT, 'unsure', 'lost'],
  ['taken', taken, DEFAULT, 'wait', 'lost'],
  ['taken, with a key', keyed, DEFAULT, 'wait', 'send'],
  ['taken, with a key, carefully', keyed, CAREFUL, 'wait', 'send'],
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
