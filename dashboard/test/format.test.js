import assert from 'node:assert/strict';
import { test } from 'node:test';

import { age, ago, brief, bytes, compact, count, due, duration, moment, past, plural, rate, shortId } from '../ops/format.js';

const all = (format, pairs) => pairs.forEach(([value, words]) => assert.equal(format(value), words, `of ${value}`));

test('what is not known is a dash everywhere', () => {
  for (const format of [age, bytes, compact, count, duration, rate]) all(format, [[null, '–'], [undefined, '–']]);
});

test('times have two units at most, and never a sixtieth second', () => {
  all(duration, [
    [0, '0 ms'], [-5, '0 ms'], [0.04, '<0.1 ms'], [0.25, '0.3 ms'], [1, '1 ms'], [1.5, '1.5 ms'], [9.94, '9.9 ms'], [9.96, '10 ms'], [999.4, '999 ms'],
    [999.6, '1 s'], [1500, '1.5 s'], [9_949, '9.9 s'], [9_960, '10 s'], [59_400, '59 s'], [59_600, '1 min'], [61_000, '1 min 1 s'], [3_599_600, '1 h'],
    [7_500_000, '2 h 5 min'], [86_400_000, '1 d'], [86_399_900, '1 d'], [97_200_000, '1 d 3 h'],
  ]);
});

test('an age does not flicker', () => {
  all(age, [[0, '0 s'], [-1000, '0 s'], [999, '0 s'], [1999, '1 s'], [61_500, '1 min 1 s'], [659_999, '10 min'], [7_500_000, '2 h 5 min']]);
  all(brief, [[999, '0 s'], [61_500, '1 min'], [86_399_000, '23 h'], [97_200_000, '1 d']]);
});

test('rates, counts and sizes', () => {
  all(rate, [[0, '0'], [0.01, '<0.1'], [0.25, '0.3'], [9.94, '9.9'], [10.4, '10'], [12_345, '12,345']]);
  all(count, [[0, '0'], [1_234_567, '1,234,567']]);
  all(compact, [[999, '999'], [1_500, '1.5K'], [2_000_000, '2M']]);
  all(bytes, [[0, '0 B'], [1023, '1023 B'], [1024, '1 KiB'], [1536, '1.5 KiB'], [2 ** 30, '1 GiB'], [2 ** 60, '1048576 TiB']]);
  assert.equal(plural(1, 'job'), '1 job');
  assert.equal(plural(2, 'process', 'processes'), '2 processes');
});

test('of a job, the part that differs', () => {
  assert.equal(shortId('01931234-29f8-7234-bb29-61a58510dae6'), '…8510dae6');
});

test('a moment of another day says which', () => {
  const noon = new Date(2026, 4, 3, 12, 0, 5).getTime();
  assert.equal(moment(noon, noon + 60_000), '12:00:05');
  assert.equal(moment(noon, noon + 86_400_000), '2026-05-03 12:00:05');
});

test('what is past is never to come, and what is due was not', () => {
  const now = new Date(2026, 4, 3, 12, 0, 5).getTime();
  all(ago, [[-3000, 'just now'], [0, 'just now'], [999, 'just now'], [1000, '1 s ago'], [90_000, '1 min 30 s ago']]);
  all((at) => past(at, now), [
    [null, null], [now, '12:00:05 (just now)'], [now + 1, '12:00:05 (just now)'], [now + 1900, '12:00:06 (just now)'], [now - 3000, '12:00:02 (3 s ago)'],
    [now + 3_600_000, '13:00:05'], // two clocks that do not agree: no word is better than a wrong one
  ]);
  all((at) => due(at, now), [
    [null, null], [now + 5000, '12:00:10 (in 5 s)'], [now + 400, '12:00:05 (in less than 1 s)'], [now, '12:00:05 (due now)'], [now - 60_000, '11:59:05 (due now)'],
  ]);
});
