// One connection to a server, from its dialling to its end.

import { performance } from 'node:perf_hooks';

import { readyHead } from '../heads.js';
import { Malformed, Messages, OtherVersion } from '../messages.js';
import { answer } from './auth.js';
import { BEAT, BYE, READY } from './kinds.js';
import { Lane } from './lane.js';
import { Sockets } from './sockets.js';

/** How long a server may take to say `hello`, once the connection is there. */
const HELLO_MS = 10_000;
/** How long jobs may still come that crossed our `bye` on the way, unless the server says its own. */
const CROSSING_MS = 250;
/** How long results may take to be handed to the socket at the end. */
const FLUSH_MS = 5_000;
/** A lane that holds nothing says so after this silence, so that the network between remembers the connection. */
const IDLE_BEAT_MS = 30_000;

/**
 * @typedef {object} Config
 * @property {string} name
 * @property {number} slots
 * @property {number} pack
 * @property {string[]} queues
 * @property {Uint8Array | undefined} token
 * @property {number} beatMs
 * @property {number} graceMs
 *
 * @typedef {object} Owner
 * @property {(queue: string) => import('./held.js').Place} placeOf
 * @property {import('./held.js').Held} held
 * @property {(level: 'info' | 'warn' | 'error', text: string) => void} log
 *
 * @typedef {{ stopped: true } | { why: string, lastedMs: number, fatal?: boolean }} End `lastedMs`: from its `hello`; `fatal`: it is of no use to dial again
 */

/**
 * ```text
 * greeting ──hello──▶ serving ──bye of the server──▶ parting ──closed──▶ lost
 *                        │                              │
 *                        └───────told to leave──────────┴──▶ leaving ──nothing held──▶ stopped
 * ```
 *
 * A connection that ends, a message that is malformed, or no `hello` in time: lost, from everywhere. A further
 * `hello` leads back to serving, on a fresh lane.
 */
export class Connection {
  /** @type {'greeting' | 'serving' | 'parting' | 'leaving'} */
  #phase = 'greeting';
  #config;
  #owner;
  #sockets;
  #messages = new Messages();
  /** @type {Lane | undefined} */
  #lane;
  /** The server has said more than `hello`, so it took our `ready`. */
  #isTaken = false;
  #greetedAtMs = 0;
  #toldTrouble = false;
  /** Jobs for one place that came in a row and are not handed over yet. @type {import('../parcel.js').Taken[]} */
  #batch = [];
  /** @type {import('./held.js').Place | undefined} */
  #batchPlace;
  /** Of the phase. @type {any} */
  #timer;
  /** @type {any} */
  #ticks;
  #crossed = false;
  /** @type {(end: End) => void} */
  #end = () => {};
  #ended = false;

  /** @param {Config} config @param {{ jobs: string, results: string }} server @param {Owner} owner */
  constructor(config, server, owner) {
    this.#config = config;
    this.#owner = owner;
    this.#sockets = new Sockets(server, {
      frames: (frames) => this.#receive(frames),
      greeted: () => this.#expectHello(),
      gone: (why) => this.#gone(why),
      trouble: (why) => this.#trouble(why),
    });
  }

  /** Resolves when it is over, and nothing is left of it. */
  async run() {
    /** @type {End} */
    const end = await new Promise((resolve) => {
      this.#end = resolve;
    });
    await this.#sockets.closed;
    return end;
  }

  /** Takes no more jobs, finishes what is held within the grace time, and ends. */
  leave() {
    if (this.#ended || this.#phase === 'leaving') return;
    const lane = this.#lane;
    if (!lane) return this.#stop();
    this.#crossed = this.#phase === 'parting';
    this.#phase = 'leaving';
    lane.outbox.push(BYE, lane.id);
    lane.outbox.flush();
    this.#setTimer(this.#config.graceMs, () => {
      if (!lane.isIdle) this.#owner.log('warn', 'the grace time is over; the server gives what is held to others');
      this.#stop();
    });
    if (!this.#crossed) setTimeout(() => this.#cross(), CROSSING_MS);
    this.#stopIfIdle();
  }

  /** Ends now. Resolves when nothing is left of it. */
  async abandon() {
    this.#lost('the process ends');
    await this.#sockets.closed;
  }

  /** No job can come any more. */
  #cross() {
    this.#crossed = true;
    this.#stopIfIdle();
  }

  #stopIfIdle() {
    if (this.#phase === 'leaving' && this.#crossed && this.#lane?.isIdle) this.#stop();
  }

  /** @param {string} why */
  #trouble(why) {
    if (this.#toldTrouble) return;
    this.#toldTrouble = true;
    this.#owner.log('warn', `${why}; dialling on until there is a server`);
  }

  #expectHello() {
    if (this.#phase !== 'greeting') return;
    this.#setTimer(HELLO_MS, () => this.#lost(`no \`hello\` within ${HELLO_MS / 1000} s; is this the jobs endpoint of a server?`));
  }

  /** @param {Buffer[]} frames */
  #receive(frames) {
    try {
      for (const message of this.#messages.read(frames)) {
        if (message.kind === 'job') this.#take(message);
        else this.#other(message);
        if (this.#ended) return;
      }
    } catch (error) {
      if (error instanceof OtherVersion) return this.#finish({ why: error.message, lastedMs: 0, fatal: true });
      if (!(error instanceof Malformed)) throw error;
      return this.#lost(`the server's message is malformed: ${error.message}`);
    }
    this.#start();
  }

  /** @param {import('../messages.js').JobMessage} message */
  #take({ id, head, body }) {
    const lane = this.#lane;
    if (!lane) return; // of a lane that was not ours
    this.#isTaken = true;
    const place = this.#owner.placeOf(head.queue);
    if (place !== this.#batchPlace) this.#start();
    this.#batchPlace = place;
    this.#batch.push({ ref: this.#owner.held.add(id, lane, place), id, head, body });
  }

  /** Hands over what was taken. */
  #start() {
    if (this.#batch.length === 0 || !this.#lane) return;
    this.#batchPlace?.take(this.#batch, this.#lane.maxBody);
    this.#batch = [];
  }

  /** @param {Exclude<import('../messages.js').ToWorker, import('../messages.js').JobMessage>} message */
  #other(message) {
    this.#start();
    if (message.kind === 'hello') return this.#greet(message);
    this.#isTaken = true;
    if (message.kind === 'bye') return this.#part(message.reason);
    const one = this.#lane && this.#owner.held.find(this.#lane, /** @type {Buffer} */ (message.id));
    one?.place.cancel([one.ref], false);
  }

  /** @param {import('../messages.js').Hello} hello */
  #greet(hello) {
    const owner = this.#owner;
    if (this.#lane && !this.#lane.isIdle) owner.log('warn', 'the server opened a fresh lane; what was held is void');
    this.#void();
    const lane = new Lane(hello, (frames) => this.#sockets.send(frames), () => this.#stopIfIdle());
    this.#lane = lane;
    // One that leaves has nothing to offer to another lane.
    if (this.#phase === 'leaving') return this.#stop();
    this.#phase = 'serving';
    this.#greetedAtMs = performance.now();
    this.#isTaken = false;
    this.#setTimer();
    const { slots, pack, queues, name, token, beatMs } = this.#config;
    lane.outbox.push(READY, lane.id, readyHead({ slots, pack, queues, name, auth: token && answer(token, hello) }));
    // The first beat puts the jobs of the lane on a lease, from the first of them.
    lane.outbox.push(BEAT, lane.id);
    lane.outbox.flush();
    clearInterval(this.#ticks);
    // Two ticks a beat: one whole tick of silence, seen at its end, is never longer than it.
    this.#ticks = setInterval(() => this.#beat(), beatMs / 2);
    owner.log('info', `connected to ${hello.server || 'a server'}`);
  }

  #beat() {
    const lane = this.#lane;
    if (!lane?.outbox.isEmpty) return;
    const silentMs = performance.now() - lane.outbox.sentAtMs;
    if (silentMs < (lane.isIdle ? IDLE_BEAT_MS : this.#config.beatMs / 2)) return;
    lane.outbox.push(BEAT, lane.id);
    lane.outbox.flush();
  }

  /** The server drains, or answers our `bye`. @param {string} reason */
  #part(reason) {
    if (this.#phase === 'leaving') return this.#cross();
    this.#phase = 'parting';
    this.#owner.log('info', `the server sends no more jobs${reason && `: ${reason}`}`);
  }

  /** @param {string} why */
  #gone(why) {
    // One that leaves has nothing more to expect of it.
    if (this.#phase === 'leaving') return this.#finish({ stopped: true });
    const isRefused = this.#phase === 'serving' && !this.#isTaken;
    this.#lost(isRefused ? `${why} before any job; if this goes on, see whether the server asks for another worker token` : why);
  }

  /** @param {string} why */
  #lost(why) {
    this.#finish({ why, lastedMs: this.#lane ? performance.now() - this.#greetedAtMs : 0 });
  }

  /** Ends when all is written. */
  async #stop() {
    if (this.#ended) return;
    this.#setTimer(FLUSH_MS, () => this.#finish({ stopped: true }));
    // What has no answer by now will have none.
    if (this.#lane) this.#owner.held.void(this.#lane);
    await this.#lane?.outbox.emptied();
    this.#finish({ stopped: true });
  }

  /** What is held is void: the server gives it to others. */
  #void() {
    this.#batch = [];
    if (!this.#lane) return;
    this.#owner.held.void(this.#lane);
    this.#lane.outbox.clear();
  }

  /** @param {End} end */
  #finish(end) {
    if (this.#ended) return;
    this.#ended = true;
    this.#setTimer();
    clearInterval(this.#ticks);
    this.#void();
    this.#sockets.close('stopped' in end);
    this.#end(end);
  }

  /** In place of the one before. @param {number} [ms] @param {() => void} [late] */
  #setTimer(ms, late) {
    clearTimeout(this.#timer);
    this.#timer = late && setTimeout(late, ms);
  }
}
