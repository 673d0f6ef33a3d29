// What a job is to its handler, and what becomes of what the handler does, with a real server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { decode, encode } from '@msgpack/msgpack';

import { Failure, Reply } from '@acequia/worker';

import { HttpError, HttpJob, JobError } from '../../js/src/http/index.js';
import { aborted, eventually, file, resolvers, serve, session, work, workers } from './harness.js';

test('results in the format of the job', async (t) => {
  const server = await serve(t);
  const { client } = server;
  const values = { text: 'grüße', list: [1, null], nothing: undefined, bytes: new Uint8Array([0, 255]), view: new Uint16Array([1]), buffer: new ArrayBuffer(3) };
  await work(t, server, {
    give: (job) => values[job.type === 'application/json' ? job.json() : job.type === 'application/msgpack' ? job.msgpack() : job.text()],
    reply: (job) => ({
      json: () => Reply.json({ a: 1 }), text: () => Reply.text('ü'), typed: () => Reply.typed('image/png', new Uint8Array([1])),
      typedText: () => Reply.typed('text/html', '<p>'), bytes: () => Reply.bytes(new DataView(new ArrayBuffer(2))),
      msgpack: () => Reply.msgpack({ a: [1] }), same: () => Reply.sameType('"same"'),
    })[job.json()](),
  });
  for (const [name, wanted] of Object.entries({ text: 'grüße', list: [1, null], nothing: null, bytes: new Uint8Array([0, 255]), view: new Uint8Array([1, 0]), buffer: new Uint8Array(3) })) {
    assert.deepEqual(await client.run('give', name), wanted, name);
  }
  const packed = await client.run('give', encode('list'), { type: 'application/msgpack' });
  assert.deepEqual(decode(packed), [1, null]);
  assert.deepEqual(await client.run('give', 'list', { type: 'text/plain' }), [1, null], 'JSON for a job of any other type');

  const seen = {};
  for (const name of ['json', 'text', 'typed', 'typedText', 'bytes', 'msgpack', 'same']) {
    const job = await client.submit('reply', name);
    const result = await job.wait();
    seen[name] = [(await job.status()).resultType, result];
  }
  assert.deepEqual(seen, {
    json: ['application/json', { a: 1 }], text: ['text/plain', 'ü'], typed: ['image/png', new Uint8Array([1])], typedText: ['text/html', '<p>'],
    bytes: ['application/octet-stream', new Uint8Array(2)], msgpack: ['application/msgpack', new Uint8Array(encode({ a: [1] }))], same: ['application/json', 'same'],
  });
});

test('what a job says of itself', async (t) => {
  const server = await serve(t);
  await work(t, server, {
    facts: async (job) => ({
      id: job.id, queue: job.queue, attempt: job.attempt, type: job.type, timeoutMs: job.timeoutMs, trace: job.traceparent?.split('-')[1],
      meta: Object.keys(job.meta), maxBody: job.maxBody, payload: job.payload.toString(), cancelled: job.cancelled, aborted: job.signal.aborted,
    }),
  });
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
  const options = { timeoutMs: 60_000, traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
  const job = await server.client.submit('facts', 'x', options);
  assert.deepEqual(await job.wait(), {
    id: job.id, queue: 'facts', attempt: 1, type: 'application/json', timeoutMs: 60_000, trace: traceId,
    meta: ['traceparent'], maxBody: 8 << 20, payload: '"x"', cancelled: false, aborted: false,
  });
  const plain = await server.client.run('facts', 'x');
  assert.deepEqual([plain.timeoutMs, plain.trace, plain.meta], [null, undefined, []]);
});

test('whatever a handler throws fails its job, and nothing else', async (t) => {
  const server = await serve(t);
  const evil = {
    get message() { throw new Error('of the getter'); },
    [inspect.custom]() { throw new Error('of the inspection'); },
    get then() { throw null; },
  };
  const thrown = {
    error: new TypeError('boom'),
    cause: new Error('outer', { cause: new Error('inner') }),
    nameless: new RangeError(),
    nothing: null,
    missing: undefined,
    text: 'a text',
    number: 7,
    symbol: Symbol('s'),
    object: { message: 'from the object' },
    evil,
    proxy: new Proxy({}, { get() { throw evil; }, getPrototypeOf() { throw evil; } }),
    surrogate: new Error('caf\ud83d'),
    long: new Error('é'.repeat(4_000)),
    message: Object.defineProperty(new Error('x'), 'message', { get() { throw evil; } }),
    failure: new Failure('not a picture', { code: 'no_image', retry: false }),
    longCode: new Failure('m', { code: 'ü'.repeat(40) }),
    bentFailure: Object.assign(new Failure('bent'), { code: { toString() { throw evil; } } }),
    badThen: 0,
  };
  await work(t, server, {
    throws: (job) => { throw thrown[job.json()]; },
    rejects: async (job) => { throw thrown[job.json()]; },
    returns: (job) => thrown[job.json()],
  }, { slots: 4 });
  const told = async (queue, name) => {
    const error = await server.client.run(queue, name).catch((error) => error);
    assert.ok(error instanceof JobError, name);
    return [error.code, error.message];
  };
  const wanted = {
    error: ['worker_error', 'boom'],
    cause: ['worker_error', 'outer: inner'],
    nameless: ['worker_error', 'RangeError'],
    nothing: ['worker_error', 'the handler threw null'],
    missing: ['worker_error', 'the handler threw undefined'],
    text: ['worker_error', 'a text'],
    number: ['worker_error', 'the handler threw 7'],
    symbol: ['worker_error', 'the handler threw Symbol(s)'],
    object: ['worker_error', 'from the object'],
    evil: ['worker_error', 'the handler threw something that cannot be shown'],
    surrogate: ['worker_error', 'caf\ufffd'],
    long: ['worker_error', 'é'.repeat(2_048)],
    failure: ['no_image', 'not a picture'],
    longCode: ['ü'.repeat(32), 'm'],
    bentFailure: ['worker_error', 'bent'],
  };
  for (const queue of ['throws', 'rejects']) {
    for (const [name, how] of Object.entries(wanted)) assert.deepEqual(await told(queue, name), how, `${queue} ${name}`);
    for (const name of ['proxy', 'message']) assert.equal((await told(queue, name))[0], 'worker_error', `${queue} ${name}`);
  }
  // A value that is evil in itself: to ask whether it is a promise throws null.
  assert.deepEqual(await told('returns', 'evil'), ['worker_error', 'the handler threw null']);
});

test('a failure that may be tried again is, and one that may not is not', async (t) => {
  const server = await serve(t);
  const runs = { yes: 0, no: 0 };
  await work(t, server, {
    fails: (job) => {
      runs[job.json()] += 1;
      throw new Failure('no luck', { code: 'no_luck', retry: job.json() === 'yes' });
    },
  });
  for (const [kind, count] of [['yes', 3], ['no', 1]]) {
    const error = await server.client.run('fails', kind, { attempts: 3 }).catch((error) => error);
    assert.deepEqual([error.code, error.attempt, runs[kind]], ['no_luck', count, count]);
  }
});

test('a result that cannot be written, or is too large, says so', async (t) => {
  const server = await serve(t, '--result-bytes', 1024);
  const self = {};
  self.self = self;
  const results = {
    big: 1n, self, fn: () => {}, evil: { toJSON() { throw null; } },
    large: 'x'.repeat(1023), largest: 'x'.repeat(1022), wide: 'é'.repeat(512), bytes: new Uint8Array(1025), most: new Uint8Array(1024),
    type: Reply.typed('t'.repeat(129), 'x'), noType: Reply.typed(5, 'x'),
  };
  await work(t, server, {
    give: (job) => results[job.json()],
    body: () => Reply.bytes('no bytes'),
    chunk: (job) => job.chunk(results.bytes),
  });
  const told = (queue, name, type) => server.client.run(queue, name, { type }).then((value) => value.length, (error) => `${error.code}: ${error.message}`);
  assert.match(await told('give', 'big'), /^bad_result: the result cannot be written as JSON: .*BigInt/);
  assert.match(await told('give', 'self'), /^bad_result: the result cannot be written as JSON: .*circular/);
  assert.match(await told('give', 'fn'), /^bad_result: the result cannot be written as JSON: it is a function/);
  assert.match(await told('give', 'evil'), /^bad_result: the result cannot be written as JSON/);
  for (const [name, bytes] of [['large', 1025], ['wide', 1026], ['bytes', 1025]]) {
    assert.match(await told('give', name), new RegExp(`^bad_result: the result has ${bytes} bytes, and the server takes at most 1024; .*--result-bytes`), name);
  }
  assert.equal(await told('give', 'largest'), 1022);
  assert.equal(await told('give', 'most'), 1024);
  assert.match(await told('give', 'type'), /^bad_result: the result's media type has 129 bytes, over the limit of 128/);
  assert.match(await told('give', 'noType'), /^bad_result: the result's media type is 5/);
  assert.match(await told('body', 1), /^bad_result: a body is bytes or a string, and not 'no bytes'/);
  assert.match(await told('chunk', 1), /^bad_result: the chunk has 1025 bytes/);
});

test('a payload that is not what the handler expects is not worth another attempt', async (t) => {
  const server = await serve(t);
  await work(t, server, { json: (job) => job.json(), text: (job) => job.text(), msgpack: (job) => job.msgpack() });
  const told = async (queue, bytes) => {
    const error = await server.client.run(queue, new Uint8Array(bytes), { type: 'image/png', attempts: 3 }).catch((error) => error);
    return [error.code, error.attempt, error.message];
  };
  for (const [queue, format, bytes] of [['json', 'JSON', [0x7b]], ['json', 'JSON', [0x22, 0xff, 0x22]], ['text', 'text', [0xff]], ['msgpack', 'MessagePack', [0xc1]]]) {
    const [code, attempt, message] = await told(queue, bytes);
    assert.deepEqual([code, attempt], ['bad_input', 1]);
    assert.match(message, new RegExp(`^the payload \\(image/png\\) is not the ${format} that is expected: `));
  }
});

test('progress, chunks and messages reach the page', async (t) => {
  const server = await serve(t);
  await work(t, server, {
    talk: async (job) => {
      job.progress(1, 4, 'é'.repeat(4_000));
      job.progress(NaN, 4, '');
      job.progress();
      await job.chunk('text');
      await job.chunk(new Uint8Array([1, 2]));
      await job.chunk(Reply.text('plain'));
      await job.publish('news', { n: 1 });
      await job.publish('news', Reply.text('read all about it'));
      return 'end';
    },
    badTopic: async (job) => job.publish(job.json(), 1),
  });
  const client = session(t, server);
  await client.ready;
  const messages = [];
  client.addEventListener('message', ({ detail }) => messages.push(detail.data));
  client.subscribe('news');
  const job = client.start('x', { queue: 'talk' });
  const seen = [];
  job.addEventListener('progress', ({ detail: { done, total, note } }) => seen.push([done, total, note?.length]));
  const chunks = [];
  for await (const { n, data } of job.chunks()) chunks.push([n, data]);
  assert.equal(await job.result, 'end');
  assert.deepEqual(seen, [[1, 4, 2_048], [undefined, 4, undefined], [undefined, undefined, undefined]]);
  assert.deepEqual(chunks, [[1, 'text'], [2, new Uint8Array([1, 2])], [3, 'plain']]);
  await eventually(() => messages.length === 2, 'two messages');
  assert.deepEqual(messages, [{ n: 1 }, 'read all about it']);
  for (const topic of ['', 'x'.repeat(129), 5]) {
    const error = await server.client.run('badTopic', topic).catch((error) => error);
    assert.equal(error.code, 'bad_topic');
  }
});

test('a cancelled job aborts its signal, and its slot is free again', async (t) => {
  const server = await serve(t);
  const begun = resolvers();
  const given = resolvers();
  await work(t, server, {
    waits: async (job) => {
      begun.resolve(job);
      await aborted(job.signal);
      given.resolve([job.cancelled, job.signal.reason instanceof Failure, await job.chunk(1).catch((error) => error.code)]);
      throw job.signal.reason;
    },
    upper: (job) => job.json().toUpperCase(),
  });
  const job = await server.client.submit('waits', 1);
  await begun.promise;
  await job.cancel();
  assert.deepEqual(await given.promise, [true, true, 'cancelled']);
  assert.equal(await server.client.run('upper', 'a'), 'A', 'the only slot is free');
});

test('a handler that blocks the main thread is heard, and hears', async (t) => {
  const server = await serve(t);
  await workers(t, server, [file('programs/spin.js')], { ACEQUIA_SLOTS: 2 });
  const client = session(t, server);
  const first = client.start(1, { queue: 'spin' });
  const spinning = resolvers();
  first.addEventListener('progress', ({ detail }) => spinning.resolve(detail.note));
  assert.equal(await spinning.promise, 'spinning', 'progress is told while it blocks');
  // The second is with the worker, and waits for the thread.
  const second = client.start(2, { queue: 'spin' });
  await once(second, 'started');
  second.cancel();
  await assert.rejects(second.result, { code: 'cancelled' });
  first.cancel();
  await assert.rejects(first.result, { code: 'cancelled' });
  assert.equal(await server.client.run('begun', null), 1, 'what was cancelled before its turn is not begun');
});

test('thousands of jobs, each with its own answer', async (t) => {
  const server = await serve(t);
  await work(t, server, { upper: async (job) => job.json().toUpperCase(), sync: (job) => job.json() + 1 }, { slots: 512 });
  const jobs = Array.from({ length: 6_000 }, (_, n) => (n % 2 ? { queue: 'upper', payload: `j${n}` } : { queue: 'sync', payload: n }));
  const client = session(t, server);
  const results = await Promise.all(client.submitMany(jobs));
  assert.deepEqual(results, jobs.map(({ payload }) => (typeof payload === 'string' ? payload.toUpperCase() : payload + 1)));
});

test('large payloads and results, beside small ones', async (t) => {
  const server = await serve(t);
  await work(t, server, { echo: (job) => Reply.sameType(job.payload) }, { slots: 8 });
  const sizes = [0, 1, 128, 129, 65_535, 65_536, 65_537, 1 << 20];
  const bodies = sizes.map((size, n) => new Uint8Array(size).fill(n + 1));
  const results = await Promise.all(bodies.map((body) => server.client.run('echo', body)));
  assert.deepEqual(results, bodies);
});

test('a slow server holds up who sends chunks', async (t) => {
  const server = await serve(t);
  const chunk = new Uint8Array(1 << 20);
  let sent = 0;
  await work(t, server, {
    flood: async (job) => {
      while (!job.signal.aborted) {
        await job.chunk(chunk);
        sent += 1;
      }
    },
  });
  const job = await server.client.submit('flood', 1);
  await eventually(() => sent > 8, 'chunks');
  server.process.child.kill('SIGSTOP');
  t.after(() => server.process.child.kill('SIGCONT'));
  // What the system and the sockets take is taken; then nothing goes on.
  let last = -1;
  await eventually(async () => {
    const still = last === sent;
    last = sent;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return still && last === sent;
  }, 'the end of the flood');
  server.process.child.kill('SIGCONT');
  await eventually(() => sent > last, 'more chunks');
  await job.cancel();
});

test('a queue that nobody serves is not asked for', async (t) => {
  const server = await serve(t);
  await work(t, server, { upper: (job) => job.json().toUpperCase() });
  const job = await server.client.submit('other', 1);
  assert.ok(job instanceof HttpJob);
  await assert.rejects(job.result(), (error) => error instanceof HttpError && error.code === 'not_ended');
});
