// Runs handlers in one thread: jobs come in by a port, and what is said of them goes out by it.

import { performance } from 'node:perf_hooks';
import { receiveMessageOnPort } from 'node:worker_threads';

import { Failure, shown, told } from './failure.js';
import { bodyHead, failHead, NO_HEAD, progressHead, publishHead } from './heads.js';
import { Job } from './job.js';
import { TOPIC_BYTES_MAX, UNSENT_BYTES_MAX } from './limits.js';
import { CHUNK, DONE, FAIL, JobsReader, MessagesWriter, PROGRESS, PUBLISH } from './parcel.js';
import { checkType, replyOf, tooLarge } from './reply.js';

/** @typedef {(job: Job) => unknown} Handler */

/** So long jobs are begun one after the other, before those that have ended are heard of. */
const TURN_MS = 2;
/**
 * What a job says is handed over at once, since its handler may compute for long now: so often in a turn of the event
 * loop, and then only if the last time was so long ago. What ends a job waits for the end of the turn.
 */
const AT_ONCE_MAX = 16;
const AT_ONCE_MS = 5;
/** Whoever sends is told of it after so many bytes. */
const TELL_BYTES = UNSENT_BYTES_MAX / 16;
/** How often a loop that computes finds out whether its job was cancelled. */
const LOOK_MS = 1;
/** A result of more is handed over at once, and not gathered. */
const PARCEL_BYTES_MAX = 256 << 10;

export class Runner {
  #port;
  #handlers;
  /** Every job that runs or is about to. @type {Map<number, Job>} */
  #jobs = new Map();
  /** Parcels of which not all jobs are begun. @type {{ reader: JobsReader, count: number, next: number }[]} */
  #begun = [];
  #isTurnDue = false;
  #out = new MessagesWriter();
  #isFlushDue = false;
  /** How often something was handed over at once in this turn, and when the last time was. */
  #atOnce = 0;
  #atOnceMs = 0;
  #lookedAtMs = 0;
  /** Bytes that were handed over, and of which it was told that they are sent. */
  #handedOver = 0;
  #sent = 0;
  #askedAt = 0;
  /** Who waits until less is unsent. @type {(() => void)[]} */
  #waiting = [];
  /** @type {(() => void)[]} */
  #idle = [];

  /**
   * @param {import('node:worker_threads').MessagePort} port
   * @param {(queue: string) => Handler | undefined} handlers
   */
  constructor(port, handlers) {
    this.#port = port;
    this.#handlers = handlers;
    port.on('message', (message) => {
      this.#take(message);
      this.#turn();
    });
  }

  /** Resolves when no handler runs any more. @returns {Promise<void>} */
  idle() {
    return new Promise((resolve) => {
      this.#idle.push(resolve);
      this.#noteIdle();
    });
  }

  get running() {
    return this.#jobs.size;
  }

  /** Begins nothing: it may be called while a handler runs. @param {any} message */
  #take(message) {
    if (message.jobs) {
      const reader = new JobsReader(message);
      this.#begun.push({ reader, count: message.count, next: 0 });
    } else if (message.cancel) {
      for (const ref of message.cancel) this.#cancel(ref, message.isVoid);
    } else {
      this.#sent = message.sent;
      if (this.#handedOver - this.#sent <= UNSENT_BYTES_MAX / 2) for (const resume of this.#waiting.splice(0)) resume();
    }
  }

  /** @param {number} ref @param {boolean} isVoid */
  #cancel(ref, isVoid) {
    let job = this.#jobs.get(ref);
    if (!job) {
      // It may be among those that are not begun: it is not, then.
      job = this.#unbegun(ref);
      if (!job) return;
      this.#jobs.set(ref, job);
    }
    Job.cancel(job, isVoid);
  }

  /** @param {number} ref */
  #unbegun(ref) {
    for (const { reader, count, next } of this.#begun) {
      for (let n = next; n < count; n++) {
        const taken = reader.job(n);
        if (taken.ref === ref) return new Job(taken, this);
      }
    }
  }

  /** Begins jobs, for a while. */
  #turn() {
    this.#isTurnDue = false;
    const until = performance.now() + TURN_MS;
    let begun = 0;
    while (this.#begun.length > 0) {
      const parcel = this.#begun[0];
      const taken = parcel.reader.job(parcel.next);
      parcel.next += 1;
      if (parcel.next === parcel.count) this.#begun.shift();
      this.#start(taken);
      begun += 1;
      if ((begun & 7) === 0 && performance.now() > until) break;
    }
    if (this.#begun.length > 0 && !this.#isTurnDue) {
      this.#isTurnDue = true;
      setImmediate(() => this.#turn());
    }
  }

  /** @param {import('./job.js').Taken} taken */
  #start(taken) {
    const cancelled = this.#jobs.get(taken.ref);
    if (cancelled) return this.#failed(cancelled, Failure.cancelled());
    const job = new Job(taken, this);
    this.#jobs.set(taken.ref, job);
    try {
      const handler = this.#handlers(job.queue);
      if (!handler) throw new Failure(`this worker does not serve the queue \`${job.queue}\``, { code: 'unknown_queue' });
      const result = /** @type {any} */ (handler(job));
      if (typeof result?.then !== 'function') return this.#done(job, result);
      Promise.resolve(result).then((value) => this.#done(job, value), (thrown) => this.#failed(job, thrown));
    } catch (thrown) {
      this.#failed(job, thrown);
    }
  }

  /** @param {Job} job @param {unknown} value */
  #done(job, value) {
    try {
      this.#body(DONE, job, value, 'result');
    } catch (thrown) {
      return this.#failed(job, thrown);
    }
    this.#end(job);
  }

  /** @param {Job} job @param {unknown} thrown */
  #failed(job, thrown) {
    this.#write(FAIL, job, failHead(told(thrown)));
    this.#end(job);
  }

  /** @param {Job} job */
  #end(job) {
    this.#jobs.delete(Job.refOf(job));
    if (this.#out.size >= PARCEL_BYTES_MAX) this.#flush();
    this.#noteIdle();
  }

  #noteIdle() {
    if (this.#jobs.size > 0 || this.#begun.length > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  /** @param {number} kind @param {Job} job @param {unknown} value @param {string} what */
  #body(kind, job, value, what) {
    const reply = replyOf(value, job.type);
    checkType(reply, what);
    const head = bodyHead(reply.type);
    const { body } = reply;
    const { maxBody } = job;
    const ref = Job.refOf(job);
    let bytes = body.length;
    if (typeof body === 'string') bytes = this.#out.writeText(kind, ref, head, body, maxBody);
    else if (bytes <= maxBody) this.#out.write(kind, ref, head, body);
    if (bytes > maxBody) throw tooLarge(what, bytes, maxBody);
    this.#flushSoon();
  }

  /** @param {number} kind @param {Job} job @param {Uint8Array} head */
  #write(kind, job, head) {
    this.#out.write(kind, Job.refOf(job), head);
    this.#flushSoon();
  }

  // What a job says, as its line.

  /** @param {Job} job @param {number} [done] @param {number} [total] @param {string} [note] */
  progress(job, done, total, note) {
    if (this.#unsent > UNSENT_BYTES_MAX) this.#drain();
    if (this.#unsent > UNSENT_BYTES_MAX) return;
    this.#write(PROGRESS, job, progressHead(number(done), number(total), note == null ? '' : String(note)));
    this.#flushNow();
  }

  /** @param {Job} job @param {unknown} value */
  async chunk(job, value) {
    this.#body(CHUNK, job, value, 'chunk');
    this.#flushNow();
    await this.#room();
  }

  /** @param {Job} job @param {string} topic @param {unknown} value */
  async publish(job, topic, value) {
    const bytes = typeof topic === 'string' ? Buffer.byteLength(topic) : 0;
    if (bytes === 0 || bytes > TOPIC_BYTES_MAX) {
      const message = `a topic is a string of 1 to ${TOPIC_BYTES_MAX} bytes, and not ${typeof topic === 'string' ? `one of ${bytes}` : shown(topic)}`;
      throw new Failure(message, { code: 'bad_topic', retry: false });
    }
    const reply = replyOf(value, job.type);
    checkType(reply, 'published message');
    const head = publishHead(topic, reply.type ?? job.type);
    const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
    if (body.length > job.maxBody) throw tooLarge('published message', body.length, job.maxBody);
    this.#out.write(PUBLISH, Job.refOf(job), head, body);
    this.#flushSoon();
    this.#flushNow();
    await this.#room();
  }

  /** News of jobs that came while a handler computes. */
  look() {
    const now = performance.now();
    if (now - this.#lookedAtMs < LOOK_MS) return;
    this.#lookedAtMs = now;
    this.#drain();
  }

  #drain() {
    for (let got = receiveMessageOnPort(this.#port); got; got = receiveMessageOnPort(this.#port)) this.#take(got.message);
    if (this.#begun.length > 0 && !this.#isTurnDue) {
      this.#isTurnDue = true;
      setImmediate(() => this.#turn());
    }
  }

  get #unsent() {
    return this.#handedOver - this.#sent + this.#out.size;
  }

  /** @returns {Promise<void> | undefined} */
  #room() {
    if (this.#unsent <= UNSENT_BYTES_MAX) return;
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#flush();
    });
  }

  #flushSoon() {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#atOnce = 0;
      this.#flush();
    });
  }

  #flushNow() {
    const now = performance.now();
    if (this.#atOnce >= AT_ONCE_MAX && now - this.#atOnceMs < AT_ONCE_MS && this.#out.size < PARCEL_BYTES_MAX) return;
    this.#atOnce += 1;
    this.#atOnceMs = now;
    this.#flush();
  }

  #flush() {
    if (this.#out.isEmpty) return;
    const end = this.#out.size;
    const messages = this.#out.finish();
    this.#handedOver += end;
    const tell = this.#waiting.length > 0 || this.#handedOver - this.#askedAt > TELL_BYTES;
    if (tell) this.#askedAt = this.#handedOver;
    this.#port.postMessage({ messages, end, tell: tell ? this.#handedOver : 0 }, [messages]);
  }
}

/** A number, as far as it is one. @param {unknown} value */
function number(value) {
  return typeof value === 'bigint' ? Number(value) : typeof value === 'number' ? value : undefined;
}
