// A worker that does what the test says, for what those of the binary do not do: tell how far they are.

import { connect } from 'node:net';

import { encode } from '@msgpack/msgpack';

/** ZMTP 3.0, NULL mechanism. */
const GREETING = Buffer.concat([
  Buffer.from([0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0]), Buffer.from('NULL'.padEnd(20, '\0')), Buffer.alloc(32),
]);
const MORE = 1;
const LONG = 2;
const COMMAND = 4;
const REDIAL_MS = 20;

const prefixed = (text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)]);

function frame(flags, body) {
  if (body.length < 256) return Buffer.concat([Buffer.from([flags, body.length]), body]);
  const head = Buffer.alloc(9);
  head[0] = flags | LONG;
  head.writeBigUInt64BE(BigInt(body.length), 1);
  return Buffer.concat([head, body]);
}

/** One ZeroMQ socket with one peer, which it dials again whenever it has lost it. */
class Peer {
  #address;
  #type;
  #onMessage;
  #onLost;
  #socket;
  #ended = false;

  /** Of the present connection, or of the next if there is none. */
  #ready;
  /** Resolves it; `undefined` once it is. */
  #isReady;

  constructor(address, type, { onMessage = () => {}, onLost = () => {} } = {}) {
    this.#address = new URL(address.replace('tcp:', 'http:'));
    this.#type = type;
    this.#onMessage = onMessage;
    this.#onLost = onLost;
    this.#expect();
    this.#dial();
  }

  #expect() {
    if (!this.#isReady) this.#ready = new Promise((resolve) => (this.#isReady = resolve));
  }

  #dial() {
    if (this.#ended) return;
    let bytes = Buffer.alloc(0);
    let greeted = false;
    let frames = [];
    const socket = (this.#socket = connect(Number(this.#address.port), this.#address.hostname));
    const size = Buffer.from([0, 0, 0, this.#type.length]);
    const ready = Buffer.concat([prefixed('READY'), prefixed('Socket-Type'), size, Buffer.from(this.#type)]);
    socket.on('connect', () => socket.write(GREETING));
    socket.on('error', () => {}); // a close follows
    socket.on('close', () => {
      this.#expect();
      this.#onLost();
      setTimeout(() => this.#dial(), REDIAL_MS);
    });
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more]);
      if (!greeted) {
        if (bytes.length < GREETING.length) return;
        bytes = bytes.subarray(GREETING.length);
        greeted = true;
        socket.write(frame(COMMAND, ready));
      }
      for (;;) {
        const head = bytes[0] & LONG ? 9 : 2;
        if (bytes.length < head) return;
        const end = head + (head === 2 ? bytes[1] : Number(bytes.readBigUInt64BE(1)));
        if (bytes.length < end) return;
        const [flags, body] = [bytes[0], bytes.subarray(head, end)];
        bytes = bytes.subarray(end);
        if (flags & COMMAND) {
          this.#isReady?.();
          this.#isReady = undefined;
          continue;
        }
        frames.push(body);
        if (flags & MORE) continue;
        this.#onMessage(frames);
        frames = [];
      }
    });
  }

  async send(...frames) {
    await this.#ready;
    frames.forEach((body, n) => this.#socket.write(frame(n + 1 < frames.length ? MORE : 0, Buffer.from(body))));
  }

  /** Begins anew: what is said from now on goes by another connection. */
  drop() {
    this.#expect();
    this.#socket.destroy();
  }

  end() {
    this.#ended = true;
    this.#socket.destroy();
  }
}

/** With one slot, over any restart of its server. Ended after the test `t`. */
export function startTold(t, { jobs, results }, queue) {
  const given = [];
  const waiters = [];
  const out = new Peer(results, 'PUSH');
  const inlet = new Peer(jobs, 'PULL', {
    onMessage([kind, id]) {
      if (kind.toString() === 'hello') out.send('ready', id, encode({ queues: [queue], name: 'told' }));
      if (kind.toString() !== 'job') return;
      const waiter = waiters.shift();
      if (waiter) waiter(id);
      else given.push(id);
    },
    // The next server may greet before the end of the other connection is heard of, by which nothing would arrive.
    onLost: () => out.drop(),
  });
  t.after(() => [inlet, out].forEach((peer) => peer.end()));
  return {
    /** The next job. */
    job: () => (given.length > 0 ? Promise.resolve(given.shift()) : new Promise((resolve) => waiters.push(resolve))),
    progress: (job, done, total) => out.send('progress', job, encode({ done, total })),
    chunk: (job, data) => out.send('chunk', job, encode({ type: 'application/json' }), JSON.stringify(data)),
    fail: (job, code, retry) => out.send('fail', job, encode({ code, message: 'as the test wants it', retry })),
    done: (job, result) => out.send('done', job, encode({ type: 'application/json' }), JSON.stringify(result)),
  };
}
