import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ACK_WITHIN_MS, Acks } from '../src/acks.js';

test('one of many events is acknowledged, and then all before it', () => {
  const acks = new Acks();
  const due = [];
  for (let seq = 1; seq <= 250; seq++) {
    if (acks.heard(seq, 10, 0) === 'now') due.push(acks.take());
  }
  assert.deepEqual(due, [100, 200]);
  assert.equal(acks.take(), 250, 'an ack that rides along does not wait');
  assert.equal(acks.take(), null);
});

test('large events are acknowledged sooner', () => {
  const acks = new Acks();
  assert.equal(acks.heard(1, 100_000, 0), 'later');
  assert.equal(acks.heard(2, 100_000, 0), 'now');
  acks.take();
  assert.equal(acks.heard(3, 1, 0), 'later');
  assert.equal(acks.heard(4, 1 << 20, 0), 'now');
});

test('a second after the first event, whatever the timers do', () => {
  const acks = new Acks();
  assert.equal(acks.heard(7, 1, 5_000), 'later');
  assert.equal(acks.heard(9, 1, 5_000 + ACK_WITHIN_MS - 1), 'later');
  assert.equal(acks.heard(12, 1, 5_000 + ACK_WITHIN_MS), 'now');
  assert.equal(acks.take(), 12);
  assert.equal(acks.heard(13, 1, 60_000), 'later', 'the second counts from the first event after an ack');
});

test('nothing of a lost connection is acknowledged', () => {
  const acks = new Acks();
  acks.heard(50, 1, 0);
  acks.reset();
  assert.equal(acks.take(), null);
});
