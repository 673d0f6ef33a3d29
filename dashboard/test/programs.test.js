import assert from 'node:assert/strict';
import { test } from 'node:test';

import { quoted } from '../addresses.js';
import { pythonWorker } from '../programs.js';

test('a worker dials this server, and shows a token only where it has to', () => {
  const [plain, proving] = [false, true].map((withToken) => pythonWorker('tcp://127.0.0.1:1', 'tcp://127.0.0.1:2', withToken));
  for (const program of [plain, proving]) assert.ok(program.includes('jobs.connect("tcp://127.0.0.1:1"); results.connect("tcp://127.0.0.1:2")'));
  assert.equal(plain.trim().split('\n').length, 10);
  assert.ok(!plain.includes('token') && proving.includes('hmac.digest(token, nonce + id, "sha256")'));
});

test('a word for a shell is one word', () => {
  assert.equal(quoted('/usr/bin/acequia'), '/usr/bin/acequia');
  assert.equal(quoted('tcp://[::1]:5557'), "'tcp://[::1]:5557'");
  assert.equal(quoted("/my tools/it's"), "'/my tools/it'\\''s'");
});
