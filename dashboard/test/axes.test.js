import assert from 'node:assert/strict';
import { test } from 'node:test';

import { COUNTS, DURATIONS, RATES, TIMES } from '../ops/axes.js';
import { compact, duration } from '../ops/format.js';

/** Labels of an axis from nought, as many as one has at most. */
const labels = (step, format) => Array.from({ length: 6 }, (_, n) => format(n * step));

test('steps grow', () => {
  for (const steps of [COUNTS, DURATIONS, RATES, TIMES]) {
    assert.deepEqual(steps, steps.toSorted((a, b) => a - b));
    assert.equal(new Set(steps).size, steps.length);
  }
});

test('each label of each axis is exact, and another than the one before', () => {
  for (const step of DURATIONS) {
    const shown = labels(step, duration);
    assert.equal(new Set(shown).size, shown.length, `${step}: ${shown}`);
    for (const label of shown) assert.match(label, /^[\d.]+ (ms|s|min|h|d)( \d+ (s|min|h))?$/);
    assert.deepEqual(shown.map(milliseconds).map((ms) => Math.round(ms * 10)), [0, 1, 2, 3, 4, 5].map((n) => Math.round(n * step * 10)), `${step}: ${shown}`);
  }
  for (const step of [...COUNTS, ...RATES]) {
    const shown = labels(step, compact);
    assert.equal(new Set(shown).size, shown.length, `${step}: ${shown}`);
  }
});

const UNITS = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };
const milliseconds = (label) => [...label.matchAll(/([\d.]+) (\w+)/g)].reduce((sum, [, n, unit]) => sum + Number(n) * UNITS[unit], 0);
