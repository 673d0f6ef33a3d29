// The golden vectors of the worker protocol, which all languages share.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { bodyHead, failHead, NO_HEAD, progressHead, publishHead, readyHead } from '../src/heads.js';
import { answer } from '../src/hub/auth.js';
import { Outbox } from '../src/hub/outbox.js';
import { Malformed, Messages } from '../src/messages.js';

const { version, cases } = JSON.parse(readFileSync(new URL('../../../wire/vectors/worker-frames.json', import.meta.url)));

function bytesOf({ text, hex, parts }) {
  if (text !== undefined) return Buffer.from(text);
  if (hex !== undefined) return Buffer.from(hex, 'hex');
  return Buffer.concat(parts.flatMap((part) => Array(part.times).fill(bytesOf(part))));
}

const framesOf = ({ frames, times = 1 }) => Array(times).fill(frames.map(bytesOf)).flat();

const hex = (bytes) => Buffer.from(bytes).toString('hex');

/** A message as the vectors have it. */
const SEEN = {
  hello: ({ id, v, nonce, maxBody, server }) => ({ kind: 'hello', lane: hex(id), v, nonce: hex(nonce), max_body: maxBody, server }),
  job: ({ id, head: { queue, attempt, type, timeoutMs, meta }, body }) => ({
    kind: 'job', job: hex(id), queue, attempt, type, timeout_ms: timeoutMs, meta: Object.entries(meta), body: hex(body),
  }),
  cancel: ({ id }) => ({ kind: 'cancel', job: hex(id) }),
  bye: ({ id, reason }) => ({ kind: 'bye', lane: hex(id), reason }),
};

/** The same of the vector; of what no number can hold, the most that one can. */
function wanted(message) {
  const seen = { ...message };
  if (seen.body) seen.body = hex(bytesOf(seen.body));
  if (seen.max_body > Number.MAX_SAFE_INTEGER) seen.max_body = Number.MAX_SAFE_INTEGER;
  return seen;
}

test('the version of the vectors', () => assert.equal(version, 1));

for (const each of cases.filter(({ direction }) => direction === 'to_worker')) {
  test(`it reads ${each.name}`, () => {
    const seen = [];
    const read = () => {
      for (const message of new Messages().read(framesOf(each))) seen.push(SEEN[message.kind](message));
    };
    if (each.malformed) assert.throws(read, Malformed);
    else read();
    assert.deepEqual(seen, each.messages.map(wanted));
  });
}

/** The head of a message, and what its body is. */
const WRITTEN = {
  ready: ({ slots, pack, queues, name, auth }) => readyHead({ slots, pack, queues, name, auth: auth === null ? undefined : Buffer.from(auth, 'hex') }),
  progress: ({ done, total, note }) => progressHead(done, total, note),
  chunk: ({ type }) => bodyHead(type),
  done: ({ type }) => bodyHead(type),
  fail: failHead,
  beat: () => NO_HEAD,
  publish: ({ topic, type }) => publishHead(topic, type ?? 'application/json'),
  bye: () => NO_HEAD,
};

for (const each of cases.filter(({ direction, canonical }) => direction === 'from_worker' && canonical)) {
  test(`it writes ${each.name}`, () => {
    const frames = each.messages.flatMap((message) => {
      const { kind, lane, job, body, times = 1 } = message;
      const four = [Buffer.from(kind), Buffer.from(lane ?? job, 'hex'), Buffer.from(WRITTEN[kind](message)), body ? bytesOf(body) : Buffer.alloc(0)];
      return Array(times).fill(four).flat();
    });
    assert.deepEqual(frames.map(hex), framesOf(each).map(hex));
  });
}

test('it proves the token of the vectors', () => {
  const { auth_of: { token, nonce }, messages: [{ lane, auth }] } = cases.find(({ auth_of }) => auth_of);
  const hello = { id: Buffer.from(lane, 'hex'), nonce: Buffer.from(nonce, 'hex') };
  assert.equal(hex(answer(Buffer.from(token, 'hex'), hello)), auth);
});

test('what waits is packed, up to 256 messages and 256 KiB', async () => {
  const sent = [];
  const outbox = new Outbox(async (frames) => void sent.push(frames), 8 << 20);
  const id = Buffer.alloc(16, 7);
  const done = Buffer.from('done');
  for (let n = 0; n < 257; n++) outbox.push(done, id);
  outbox.push(done, id, undefined, Buffer.alloc(200 << 10));
  outbox.push(done, id, undefined, Buffer.alloc(100 << 10));
  outbox.push(done, id, undefined, Buffer.alloc(8 << 20));
  outbox.push(done, id);
  outbox.flush();
  await outbox.emptied();
  assert.deepEqual(sent.map((frames) => frames.length / 4), [256, 2, 1, 1, 1]);
});
