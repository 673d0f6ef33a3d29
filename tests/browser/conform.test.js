// The client library, judged by `acequia conform client`, in both encodings.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { binary } from './harness.js';

const PROGRAM = fileURLToPath(new URL('../../clients/js/test/conform.js', import.meta.url));
/** What nobody asks about: what takes a minute, and what is not tested. */
const SKIPPED = ['C2', 'C12', 'C26', 'C29'];

for (const [encoding, skipped] of [['json', SKIPPED], ['msgpack', [...SKIPPED, 'C40']]]) {
  test(`the rules of the client protocol, ${encoding}`, async () => {
    const judge = [binary, 'conform', 'client', '--format', 'json', '--', process.execPath, PROGRAM, encoding];
    const { stdout } = await promisify(execFile)(judge[0], judge.slice(1), { maxBuffer: 1 << 24 });
    const { rules } = JSON.parse(stdout);
    const of = (...verdicts) => rules.filter(({ verdict }) => verdicts.includes(verdict));
    assert.deepEqual(of('not_ok', 'warning'), []);
    assert.deepEqual(of('skipped').map(({ rule }) => rule), skipped);
  });
}
