import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Clock } from '../ops/clock.js';

test("it is the server's time, and goes on between its words", () => {
  let elapsed = 100;
  const clock = new Clock(() => elapsed);
  clock.set(5_000_000);
  assert.equal(clock.now(), 5_000_000);
  elapsed += 1500;
  assert.equal(clock.now(), 5_001_500);
  clock.set(5_000_000); // the same word, drawn once more
  assert.equal(clock.now(), 5_001_500);
  clock.set(4_000_000); // it was set back
  assert.equal(clock.now(), 4_000_000);
});

test("before the first word, the reader's", () => {
  const before = Date.now();
  const now = new Clock().now();
  assert.ok(now >= before && now <= Date.now());
});
