import assert from 'node:assert/strict';
import { test } from 'node:test';

import { oneLess, oneMore } from '../ops/scaling.js';

test('one more than there are, and than there have to be', () => {
  assert.deepEqual(oneMore({ processes: 3, min: 0, max: 8 }), { min: 4 });
  assert.deepEqual(oneMore({ processes: 1, min: 3, max: 8 }), { min: 4 });
  assert.deepEqual(oneMore({ processes: 8, min: 0, max: 8 }), { min: 9, max: 9 }, 'the most is raised if it has to be');
  assert.deepEqual(oneMore({ processes: 1000, min: 1000, max: 1000 }), { min: 1000 }, 'there is a limit');
});

test('one less, and never less than none', () => {
  assert.deepEqual(oneLess({ min: 3 }), { min: 2 });
  assert.deepEqual(oneLess({ min: 0 }), { min: 0 });
});
