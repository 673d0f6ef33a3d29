// The client as its user sees it, and what joins its parts.

import { ACK_WITHIN_MS, Acks } from './acks.js';
import { Connection, TAKEN_OVER } from './connection.js';
import { entryOf } from './entry.js';
import { json, msgpack } from './format.js';
import { fail, Job } from './job.js';
import { LiveJobs } from './live.js';
import { submitOp, webSocketUrl } from './op.js';
import { Outbox } from './outbox.js';
import { Session } from './session.js';
import { pageStorage, Shelf } from './shelf.js';

/**
 * Events: `state`, detail: `{ state, retryInMs, retryAt }`; `connecting`; `open`, detail: the
 * `welcome`; `close`, detail: `{ code, reason, retryInMs }`; `event`, detail: any event of the
 * server; `message`, detail: `{ topic, data }`; `batch`, detail:
 * `{ batch, jobs, done, failed, cancelled, elapsed_ms }`, when the last job of a batch has ended;
 * `gap`, detail: `{ missed }`; `error`, detail: `{ code, message }`, when an op was not understood,
 * or the connection or the storage is in trouble.
 */
export class Acequia extends EventTarget {
  #format;
  #session;
  #shelf;
  #connection;
  #outbox;
  #acks = new Acks();
  /** @type {any} */
  #ackTimer;
  #ackDue = false;
  #lastId;
  #live;
  /** @type {Set<string>} */
  #topics = new Set();
  /** @type {Record<string, number>} */
  #limits = {};
  /** @type {(welcome: any) => void} */
  #setReady = () => {};
  /** @type {(error: Error) => void} */
  #setNeverReady = () => {};

  /**
   * @param {string | URL} [url] default: `/v1/ws` of the host that served the page
   * @param {import('./connection.js').ConnectionOptions & {
   *   codec?: { encode: (value: unknown) => Uint8Array, decode: (bytes: Uint8Array) => unknown },
   *   resend?: boolean, resubmit?: boolean, resume?: boolean,
   *   storage?: boolean | import('./index.js').SessionStorage, storageKey?: string,
   * }} [options]
   */
  constructor(url = '/v1/ws', options = {}) {
    super();
    const { codec, resend = true, resubmit = false, resume = true, storage, storageKey } = options;
    if (storage && !resume) throw new TypeError('a storage is of use only to a session that resumes');
    const absolute = webSocketUrl(url);
    this.#format = codec ? msgpack(codec) : json;
    this.#session = new Session(resume);
    this.#outbox = new Outbox(this.#format, () => this.#flush());
    this.#live = new LiveJobs({ resend, resubmit, reconnects: options.reconnect !== false }, this.#outbox);
    /** Resolves with the first `welcome`; rejects if there will never be one. @type {Promise<any>} */
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#setNeverReady = reject;
    });
    this.ready.catch(() => {}); // those who do not ask need not handle it
    this.#connection = new Connection(absolute, this.#format, options, {
      connecting: () => {
        this.#tellState();
        this.#dispatch('connecting', null);
      },
      hello: () => (this.#shelf?.mine ?? true) ? this.#session.hello() : null,
      open: (welcome) => this.#onOpen(welcome),
      event: (event, bytes) => this.#onEvent(event, bytes),
      trouble: (code, message) => this.#trouble(code, message),
      down: (down) => this.#onDown(down),
    });
    this.#lastId = 0;
    const place = storage === true ? pageStorage((why) => this.#trouble('storage', why)) : storage;
    if (place) {
      const key = storageKey ?? `${this.#format.subprotocol} ${absolute}`;
      this.#shelf = new Shelf(place, key, this.#format, (why) => this.#trouble('storage', why));
      // Another range of numbers for each page: a page that is loaded again, or a copy of its tab,
      // goes on with the same session, and an id that was used must not come again.
      this.#lastId = Math.floor(Math.random() * 2 ** 32) * 2 ** 20;
      globalThis.addEventListener?.('pagehide', this.#onPageHide); // there is none in Node.js
      for (const entry of this.#shelf.load(this.#session, (id) => this.#cancel(id))) this.#live.add(entry);
    }
  }

  /** `connecting`, `open`, `waiting` (before the next dial) or `closed` (for good). */
  get state() {
    return this.#connection.state;
  }

  /** The limits that the last `welcome` named. */
  get limits() {
    return this.#limits;
  }

  /**
   * The live jobs, in the order of submission. Right after the construction, these are the ones
   * that the storage had: those of this page before it was loaded again.
   */
  get jobs() {
    return this.#live.entries.map(({ job }) => job);
  }

  /**
   * Submits a job. It is sent at the end of this turn, in one message with all others of the turn,
   * or as soon as there is a connection.
   *
   * @param {any} payload anything that JSON or MessagePack can say; `null` for nothing
   * @param {import('./index.js').SubmitOptions} [options]
   * @returns {Job}
   * @throws {TypeError} if the payload cannot be encoded, or an option is unknown
   */
  submit(payload, { signal, label, ...options } = {}) {
    const id = this.#lastId + 1;
    const part = this.#format.encode(submitOp(id, payload, options));
    if (this.#shelf) JSON.stringify(label); // throws what could not be written down
    this.#lastId = id;
    const job = new Job(id, () => this.#cancel(id), label);
    if (this.state === 'closed') {
      fail(job, 'closed', 'the client is closed');
      return job;
    }
    const entry = entryOf(job, part, options);
    this.#live.add(entry);
    this.#outbox.job(entry);
    if (signal?.aborted) {
      job.cancel();
    } else if (signal) {
      const cancel = () => job.cancel();
      signal.addEventListener('abort', cancel);
      job.finally(() => signal.removeEventListener('abort', cancel)).catch(() => {});
    }
    return job;
  }

  /**
   * Submits several jobs, in one message.
   *
   * @param {Iterable<{ payload: any } & import('./index.js').SubmitOptions>} jobs
   * @param {import('./index.js').SubmitOptions} [shared] options that hold where a job says nothing else
   * @returns {Job[]}
   */
  submitMany(jobs, shared = {}) {
    return Array.from(jobs, ({ payload, ...options }) => this.submit(payload, { ...shared, ...options }));
  }

  /** Wants the topic's `message` events, on this connection and on those after it. @param {string} topic */
  subscribe(topic) {
    if (this.#topics.has(topic)) return;
    this.#topics.add(topic);
    if (this.state === 'open') this.#outbox.op({ op: 'subscribe', topic });
  }

  /** @param {string} topic */
  unsubscribe(topic) {
    if (this.#topics.delete(topic) && this.state === 'open') this.#outbox.op({ op: 'unsubscribe', topic });
  }

  /** For good, with the session. Live jobs end with `closed` here; what the server does with them is their `onDisconnect`. */
  close() {
    this.#connection.close();
  }

  /** The page is left or loaded again. */
  #onPageHide = () => this.#save();

  /** @param {number} id */
  #cancel(id) {
    this.#live.cancel(id, this.state === 'open');
  }

  /** Writes down what a reload must find. */
  #save() {
    this.#shelf?.save(this.#session, this.#live.entries);
  }

  #flush() {
    /** @type {import('./format.js').Part[]} */
    let messages = [];
    if (this.state === 'open') { // else the welcome will do it
      const seq = this.#ackDue || !this.#outbox.empty ? this.#acks.take() : null;
      if (seq !== null) {
        this.#stopAck();
        this.#outbox.op({ op: 'ack', seq });
      }
      messages = this.#outbox.messages(this.#limits.message_bytes, (entry, message) => {
        this.#live.end(entry, { ev: 'rejected', code: 'too_large', message });
      });
    }
    this.#save(); // before the server may forget what was acknowledged, and before a job begins
    for (const message of messages) this.#connection.send(message);
  }

  #stopAck() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = undefined;
    this.#ackDue = false;
  }

  /** @param {'now' | 'later'} when */
  #ack(when) {
    if (when === 'now') {
      this.#ackDue = true;
      this.#outbox.wake();
    } else {
      this.#ackTimer ??= setTimeout(() => this.#ack('now'), ACK_WITHIN_MS);
    }
  }

  /** @param {any} welcome */
  #onOpen(welcome) {
    const hadSession = this.#session.resumable;
    const resumed = this.#session.welcome(welcome);
    this.#limits = welcome.limits ?? {};
    this.#outbox.clear();
    for (const topic of this.#topics) this.#outbox.op({ op: 'subscribe', topic });
    this.#live.welcome(resumed, hadSession);
    this.#setReady(welcome);
    this.#tellState();
    this.#dispatch('event', welcome);
    this.#dispatch('open', welcome);
    this.#flush();
  }

  /** @param {any} event @param {number} bytes */
  #onEvent(event, bytes) {
    if (!this.#session.hear(event)) return;
    this.#dispatch('event', event);
    switch (event.ev) {
      case 'message':
        if (this.#topics.has(event.topic)) this.#dispatch('message', event);
        // The session wanted it once: before a reload, or the op that said otherwise was lost.
        else this.#outbox.op({ op: 'unsubscribe', topic: event.topic });
        break;
      case 'batch':
      case 'gap':
        this.#dispatch(event.ev, event);
        break;
      case 'error':
        if (!this.#live.expects(event)) this.#dispatch('error', event);
        break;
      default:
        this.#live.hear(event);
    }
    if (event.seq !== undefined) this.#ack(this.#acks.heard(event.seq, bytes, performance.now()));
  }

  /** @param {{ code: number, reason: string, retryInMs: number | null }} down */
  #onDown(down) {
    this.#outbox.clear();
    this.#stopAck();
    this.#acks.reset(); // the next hello says how far we are
    if (this.state === 'closed') this.#endAll(down);
    else this.#live.disconnect(this.#session.resumable);
    this.#tellState(down.retryInMs);
    this.#dispatch('close', down);
  }

  /** @param {{ code: number, reason: string }} down */
  #endAll({ code, reason }) {
    const left = reason === 'closed by this client';
    if (left || code === TAKEN_OVER) this.#shelf?.clear();
    else this.#save();
    this.#shelf?.release();
    this.#shelf = undefined;
    globalThis.removeEventListener?.('pagehide', this.#onPageHide);
    this.#setNeverReady(new Error(`no connection: ${reason || code}`));
    if (left) return this.#live.close();
    const why = code === TAKEN_OVER
      ? { code: 'taken_over', message: 'another connection goes on with this session and its jobs' }
      : { code: 'connection_lost', message: 'the connection was lost for good; the job may or may not run' };
    if (code === TAKEN_OVER) this.#trouble(why.code, why.message);
    for (const entry of this.#live.entries) this.#live.lose(entry, why);
  }

  /** @param {number | null} [retryInMs] */
  #tellState(retryInMs = null) {
    this.#dispatch('state', { state: this.state, retryInMs, retryAt: retryInMs === null ? null : Date.now() + retryInMs });
  }

  /** @param {string} code @param {string} message */
  #trouble(code, message) {
    this.#dispatch('error', { ev: 'error', code, message });
  }

  /** @param {string} type @param {any} detail */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
