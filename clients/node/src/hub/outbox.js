// What waits to be sent to one server, in ZeroMQ messages of bounded size.

import { performance } from 'node:perf_hooks';

/** Messages in one ZeroMQ message. */
const MESSAGES_MAX = 256;
/** Bytes of one ZeroMQ message of several. A larger message goes alone. */
const BYTES_MAX = 256 << 10;
/** What a message costs beside its head and body: kind, id, and the headers of four frames. */
const OVERHEAD_BYTES = 64;

const NOTHING = new Uint8Array(0);

/** @typedef {{ frames: Uint8Array[], bytes: number, after: (() => void)[] }} Pack */

export class Outbox {
  #send;
  #bytesMax;
  /** @type {Pack[]} */
  #packs = [];
  #sending = false;
  /** @type {(() => void)[]} */
  #empty = [];
  /** When something was sent, as `performance.now()` counts. */
  sentAtMs = performance.now();

  /**
   * @param {(frames: Uint8Array[]) => Promise<void>} send rejects once there is no connection any more
   * @param {number} maxBody what the server takes in one body, and so in a message of several
   */
  constructor(send, maxBody) {
    this.#send = send;
    this.#bytesMax = Math.min(BYTES_MAX, maxBody);
  }

  get isEmpty() {
    return this.#packs.length === 0 && !this.#sending;
  }

  /** Sent with the next `flush`. @param {Uint8Array} kind @param {Uint8Array} id @param {Uint8Array} [head] @param {Uint8Array} [body] */
  push(kind, id, head = NOTHING, body = NOTHING) {
    const bytes = OVERHEAD_BYTES + head.length + body.length;
    let pack = this.#packs.at(-1);
    if (!pack || pack.frames.length >= MESSAGES_MAX * 4 || pack.bytes + bytes > this.#bytesMax) {
      pack = { frames: [], bytes: 0, after: [] };
      this.#packs.push(pack);
    }
    pack.frames.push(kind, id, head, body);
    pack.bytes += bytes;
  }

  /** Calls back once what was pushed before is sent, or never will be. @param {() => void} tell */
  after(tell) {
    const last = this.#packs.at(-1);
    if (last) last.after.push(tell);
    else tell();
  }

  /** Sends what waits. */
  flush() {
    if (!this.#sending) void this.#run();
  }

  /** Resolves when all is with the socket, or there is none any more. @returns {Promise<void>} */
  emptied() {
    return new Promise((resolve) => {
      if (this.isEmpty) resolve();
      else this.#empty.push(resolve);
    });
  }

  /** What waits is for nobody any more. */
  clear() {
    for (const { after } of this.#packs.splice(0)) for (const tell of after) tell();
  }

  async #run() {
    this.#sending = true;
    for (let pack = this.#packs.shift(); pack; pack = this.#packs.shift()) {
      try {
        await this.#send(pack.frames);
      } catch {
        // The connection is gone, and whoever owns it has heard of that.
        this.clear();
      }
      this.sentAtMs = performance.now();
      for (const tell of pack.after) tell();
    }
    this.#sending = false;
    for (const tell of this.#empty.splice(0)) tell();
  }
}
