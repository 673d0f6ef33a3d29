// A job as its handler sees it.

import { isUtf8 } from 'node:buffer';

import { describe, Failure } from './failure.js';
import { decode } from './msgpack.js';

/** @typedef {ReturnType<import('./parcel.js').JobsReader['job']>} Taken where a job is in its parcel */

/** @typedef {object} Line what a job says goes through
 * @property {(job: Job, done?: number, total?: number, note?: string) => void} progress
 * @property {(job: Job, value: unknown) => Promise<void>} chunk
 * @property {(job: Job, topic: string, value: unknown) => Promise<void>} publish
 * @property {() => void} look whether there is news of jobs
 */

/** A job to run. */
export class Job {
  #taken;
  #line;
  /** @type {AbortController | undefined} */
  #controller;
  /** @type {Buffer | undefined} */
  #payload;
  #cancelled = false;
  #isVoid = false;

  /** @param {Taken} taken @param {Line} line */
  constructor(taken, line) {
    this.#taken = taken;
    this.#line = line;
  }

  /** The job's id, the same in each attempt: a UUID. */
  get id() {
    const { bytes, idAt } = this.#taken;
    const hex = bytes.toString('hex', idAt, idAt + 16);
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** The queue that it waited in. */
  get queue() {
    return this.#taken.head.queue;
  }

  /** Which run of the job this is, from 1. */
  get attempt() {
    return this.#taken.head.attempt;
  }

  /** The media type of the payload. */
  get type() {
    return this.#taken.head.type;
  }

  /** How long this run may take, if its client set a limit; the server gives it up then, and cancels it here. */
  get timeoutMs() {
    return this.#taken.head.timeoutMs;
  }

  /** The job's own span as W3C Trace Context writes it, if it is part of a trace. @returns {string | undefined} */
  get traceparent() {
    return this.#taken.head.meta.traceparent;
  }

  /** What travels with the job. */
  get meta() {
    return { ...this.#taken.head.meta };
  }

  /** The largest result or chunk that the server takes, in bytes. */
  get maxBody() {
    return this.#taken.maxBody;
  }

  /** The payload's bytes. */
  get payload() {
    const { buffer, offset, length } = this.#taken;
    return (this.#payload ??= Buffer.from(buffer, offset, length));
  }

  /** The payload, read as JSON. @throws Failure `bad_input`, not worth another attempt, if it is none @returns {any} */
  json() {
    try {
      return JSON.parse(this.#utf8());
    } catch (error) {
      throw this.#unreadable('JSON', error);
    }
  }

  /** The payload, read as MessagePack. @throws Failure `bad_input`, not worth another attempt, if it is none @returns {any} */
  msgpack() {
    try {
      return decode(this.payload);
    } catch (error) {
      throw this.#unreadable('MessagePack', error);
    }
  }

  /** The payload, read as text in UTF-8. @throws Failure `bad_input`, not worth another attempt, if it is none */
  text() {
    try {
      return this.#utf8();
    } catch (error) {
      throw this.#unreadable('text', error);
    }
  }

  /**
   * Aborts once nobody waits for this job any more: its client cancelled it, its time is over, or the connection to
   * the server is lost (then another worker gets the job). The handler should stop then; whether it returns or throws
   * does not matter any more.
   */
  get signal() {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(Failure.cancelled());
    }
    return this.#controller.signal;
  }

  /** Whether the signal has aborted. It looks for itself, so it is of use in a loop that never awaits anything. */
  get cancelled() {
    if (!this.#cancelled) this.#line.look();
    return this.#cancelled;
  }

  /**
   * Tells the client how far the job is, in any unit. It is for people: if more waits to be sent than the connection
   * takes, this is left out.
   *
   * @param {number} [done] @param {number} [total] @param {string} [note] at most 4 KiB of it are told
   */
  progress(done, total, note) {
    if (!this.#isVoid) this.#line.progress(this, done, total, note);
  }

  /**
   * Sends a part of the result ahead. Resolves when there is room for more, so that a handler cannot run ahead of a
   * slow server.
   *
   * @param {unknown} value as a handler would return it
   * @throws Failure `bad_result` if the server would not take it; `cancelled` if nobody waits for the job any more
   */
  async chunk(value) {
    if (this.#cancelled) throw Failure.cancelled();
    await this.#line.chunk(this, value);
    if (this.#cancelled) throw Failure.cancelled();
  }

  /**
   * Publishes to all sessions that subscribed to the topic (1 to 128 bytes).
   *
   * @param {string} topic @param {unknown} value as a handler would return it
   * @throws Failure `bad_topic`; `bad_result` if the server would not take it; `cancelled` if the connection is gone
   */
  async publish(topic, value) {
    if (this.#isVoid) throw Failure.cancelled();
    await this.#line.publish(this, topic, value);
  }

  #utf8() {
    const { payload } = this;
    if (!isUtf8(payload)) throw new TypeError('it is not UTF-8');
    return payload.toString();
  }

  /** @param {string} format @param {unknown} error */
  #unreadable(format, error) {
    const message = `the payload (${this.type}) is not the ${format} that is expected: ${describe(error)}`;
    return new Failure(message, { code: 'bad_input', retry: false, cause: error });
  }

  /** Its number in this process. @param {Job} job */
  static refOf(job) {
    return job.#taken.ref;
  }

  /** Nobody waits for it any more; if it is `isVoid`, nothing of it is sent any more. @param {Job} job @param {boolean} isVoid */
  static cancel(job, isVoid) {
    job.#isVoid ||= isVoid;
    if (job.#cancelled) return;
    job.#cancelled = true;
    job.#controller?.abort(Failure.cancelled());
  }
}
