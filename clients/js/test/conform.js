// What `acequia conform client` leads through its exercise: the library, and a few lines around it. An
// argument `msgpack` has it speak MessagePack.

import { createInterface } from 'node:readline';

import { Acequia } from '../src/index.js';

const PACKAGES = '../../../tests/browser/node_modules';
// Node.js has a WebSocket of its own from version 22 on; before, the tests bring one.
const WebSocket = globalThis.WebSocket ?? (await import(`${PACKAGES}/ws/wrapper.mjs`)).default;
const codec = process.argv[2] === 'msgpack' ? await import(`${PACKAGES}/@msgpack/msgpack/dist.esm/index.mjs`) : undefined;

const client = new Acequia(`${process.env.ACEQUIA_SERVER.replace(/^http/, 'ws')}/v1/ws`, { WebSocket, codec });
const jobs = new Map();

const print = (line) => console.log(JSON.stringify(line));
const printable = (value) => (value instanceof Uint8Array ? { $hex: Buffer.from(value).toString('hex') } : value);

client.addEventListener('message', ({ detail: { topic, data } }) => print({ topic, data: printable(data) }));

const exercise = {
  submit({ jobs: wanted }) {
    for (const { as, payload, ...options } of wanted) {
      const job = client.submit(payload, options);
      jobs.set(as, job);
      job.result.then(
        (result) => print({ as, done: printable(result) }),
        ({ code }) => print({ as, failed: code }),
      );
    }
  },
  cancel: ({ as }) => jobs.get(as).cancel(),
  subscribe: ({ topic }) => client.subscribe(topic),
  close: () => client.close(),
};

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const told = JSON.parse(line);
  exercise[told.do](told);
  if (told.do === 'close') break;
}
