// One thread that runs a handler, from its start to its end, as who gives it jobs sees it.

import { Worker } from 'node:worker_threads';

import { describe, Failure } from '../failure.js';
import { packJobs } from '../parcel.js';

const ENTRY = new URL('../thread-entry.js', import.meta.url);

/**
 * @typedef {object} Owner
 * @property {(parcel: any, sent?: () => void) => void} deliver
 * @property {(ref: number | undefined, failure: Failure) => void} gone it has ended, and with it the run of that job
 */

export class Thread {
  #worker;
  #owner;
  #killAfterMs;
  /** The job that it runs. @type {number | undefined} */
  ref;
  #killed = false;
  /** @type {any} */
  #timer;
  /** Resolves when it has loaded the handler; rejects if it ends before. @type {Promise<void>} */
  ready;
  #exited;
  /** @type {(() => void)[]} */
  #freed = [];

  /** @param {import('./threads.js').Options} options @param {Owner} owner */
  constructor({ queue, module, killAfterMs, resourceLimits, execArgv }, owner) {
    this.#owner = owner;
    this.#killAfterMs = killAfterMs;
    const worker = new Worker(ENTRY, { workerData: { module, queue }, resourceLimits, execArgv, name: `queue ${queue}` });
    this.#worker = worker;
    /** @type {unknown} */
    let error;
    worker.on('error', (thrown) => (error = thrown));
    this.ready = new Promise((resolve, reject) => {
      worker.on('message', (message) => {
        if (message.ready) resolve();
        else owner.deliver(message, message.tell ? () => worker.postMessage({ sent: message.tell }) : undefined);
      });
      worker.on('exit', () => reject(error ?? new Error('the thread ended')));
    });
    this.ready.catch(() => {}); // who did not ask hears of it by the job
    this.#exited = new Promise((resolve) => worker.on('exit', resolve));
    worker.on('exit', (code) => {
      const { ref } = this;
      this.free();
      owner.gone(ref, this.#killed ? Failure.cancelled() : endOf(code, error));
    });
  }

  get isFree() {
    return this.ref === undefined && !this.#killed;
  }

  /** @param {import('../parcel.js').Taken} taken @param {number} maxBody */
  run(taken, maxBody) {
    this.ref = taken.ref;
    const parcel = packJobs([taken], maxBody);
    this.#worker.postMessage(parcel, [parcel.jobs, ...parcel.large]);
  }

  /** Nobody waits for its job any more: if it does not end by itself, the thread is ended. @param {boolean} isVoid */
  cancel(isVoid) {
    this.#worker.postMessage({ cancel: [this.ref], isVoid });
    this.#timer ??= setTimeout(() => this.#kill(), this.#killAfterMs);
  }

  /** Its job has ended. */
  free() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.ref = undefined;
    for (const resolve of this.#freed.splice(0)) resolve();
  }

  /** For good; what it runs has been cancelled. */
  async close() {
    if (this.ref !== undefined) await new Promise((resolve) => this.#freed.push(() => resolve(undefined)));
    this.#kill();
    await this.#exited;
  }

  #kill() {
    this.#killed = true;
    void this.#worker.terminate();
  }
}

/** @param {number} code @param {unknown} error */
function endOf(code, error) {
  const why = error === undefined ? `it exited with code ${code}` : describe(error);
  return new Failure(`the handler's thread ended: ${why}`, { code: 'thread_ended', cause: error });
}
