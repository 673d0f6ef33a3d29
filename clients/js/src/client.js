// The client: live jobs by correlation id, and what must be sent when the connection allows.

import { Connection } from './connection.js';
import { json, messages, msgpack } from './format.js';
import { deliver, fail, Job } from './job.js';

/** What a message may hold until a `welcome` says otherwise; the server's own default. */
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Options of `submit` that go into the op, and their names there. */
const FIELDS = new Map([
  ['queue', 'queue'],
  ['priority', 'priority'],
  ['delayMs', 'delay_ms'],
  ['timeoutMs', 'timeout_ms'],
  ['ttlMs', 'ttl_ms'],
  ['attempts', 'attempts'],
  ['key', 'key'],
  ['onDisconnect', 'on_disconnect'],
  ['batch', 'batch'],
]);

/**
 * A live job, and how far it got.
 * @typedef {object} Entry
 * @property {Job} job
 * @property {import('./format.js').Part} part its op; dropped once the server answered
 * @property {boolean} sent on the present connection or an earlier one
 * @property {boolean} heard the server said something about it
 * @property {boolean} cancelling
 */

/**
 * Events: `connecting`; `open`, detail: the `welcome`; `close`, detail:
 * `{ code, reason, retryInMs }`; `event`, detail: any event of the server; `message`, detail:
 * `{ topic, data }`; `batch`, detail: `{ batch, jobs, done, failed, cancelled, elapsed_ms }`, when
 * the last job of a batch has ended; `error`, detail: `{ code, message }`, when an op was not
 * understood.
 */
export class Acequia extends EventTarget {
  #format;
  #resend;
  #connection;
  #lastId = 0;
  /** In the order of submission. @type {Map<number, Entry>} */
  #live = new Map();
  /** Waits for the end of this turn, or for the connection. @type {({ part: import('./format.js').Part } | Entry)[]} */
  #outbox = [];
  #flushing = false;
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
   *   resend?: boolean,
   * }} [options]
   */
  constructor(url = '/v1/ws', options = {}) {
    super();
    this.#format = options.codec ? msgpack(options.codec) : json;
    this.#resend = options.resend ?? true;
    /** Resolves with the first `welcome`; rejects if there will never be one. @type {Promise<any>} */
    this.ready = new Promise((resolve, reject) => {
      this.#setReady = resolve;
      this.#setNeverReady = reject;
    });
    this.ready.catch(() => {}); // those who do not ask need not handle it
    this.#connection = new Connection(webSocketUrl(url), this.#format, options, {
      connecting: () => this.#dispatch('connecting', null),
      open: (welcome) => this.#onOpen(welcome),
      event: (event) => this.#onEvent(event),
      trouble: (code, message) => this.#dispatch('error', { ev: 'error', code, message }),
      down: (down) => this.#onDown(down),
    });
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
   * Submits a job. It is sent at the end of this turn, in one message with all others of the turn,
   * or as soon as there is a connection.
   *
   * @param {any} payload anything that JSON or MessagePack can say; `null` for nothing
   * @param {import('./index.js').SubmitOptions} [options]
   * @returns {Job}
   * @throws {TypeError} if the payload cannot be encoded, or an option is unknown
   */
  submit(payload, { signal, ...options } = {}) {
    const id = this.#lastId + 1;
    const part = this.#format.encode(submitOp(id, payload, options));
    this.#lastId = id;
    const job = new Job(id, () => this.#cancel(id));
    if (this.state === 'closed') {
      fail(job, 'closed', 'the client is closed');
      return job;
    }
    const entry = { job, part, sent: false, heard: false, cancelling: false };
    this.#live.set(id, entry);
    this.#send(entry);
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
    if (this.state === 'open') this.#sendOp({ op: 'subscribe', topic });
  }

  /** @param {string} topic */
  unsubscribe(topic) {
    if (this.#topics.delete(topic) && this.state === 'open') this.#sendOp({ op: 'unsubscribe', topic });
  }

  /** For good. Live jobs end with `closed` here; what the server does with them is their `onDisconnect`. */
  close() {
    this.#connection.close();
  }

  /** @param {number} id */
  #cancel(id) {
    const entry = this.#live.get(id);
    if (!entry || entry.cancelling) return;
    entry.cancelling = true;
    if (entry.sent) this.#sendOp({ op: 'cancel', id });
    else this.#end(entry, { ev: 'cancelled', id }); // the server need never know
  }

  /** @param {object} op */
  #sendOp(op) {
    this.#send({ part: this.#format.encode(op) });
  }

  /** @param {{ part: import('./format.js').Part } | Entry} item */
  #send(item) {
    this.#outbox.push(item);
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => this.#flush());
  }

  #flush() {
    this.#flushing = false;
    if (this.state !== 'open') return; // the welcome will do it
    const maxBytes = this.#limits.message_bytes ?? MESSAGE_BYTES_MAX;
    const parts = [];
    for (const item of this.#outbox.splice(0)) {
      if ('job' in item) {
        if (item.job.ended) continue;
        // The server would hang up on such a message, again at each resend.
        if (this.#format.size(item.part) > maxBytes) {
          const message = `a message holds at most ${maxBytes} bytes`;
          this.#end(item, { ev: 'rejected', id: item.job.id, code: 'too_large', message });
          continue;
        }
        item.sent = true;
      }
      parts.push(item.part);
    }
    for (const message of messages(parts, this.#format, maxBytes)) this.#connection.send(message);
  }

  /** @param {any} welcome */
  #onOpen(welcome) {
    this.#limits = welcome.limits ?? {};
    this.#outbox.unshift(...Array.from(this.#topics, (topic) => ({ part: this.#format.encode({ op: 'subscribe', topic }) })));
    this.#setReady(welcome);
    this.#dispatch('event', welcome);
    this.#dispatch('open', welcome);
    this.#flush();
  }

  /** @param {any} event */
  #onEvent(event) {
    this.#dispatch('event', event);
    if (event.ev === 'error') return this.#dispatch('error', event);
    if (event.ev === 'message' || event.ev === 'batch') return this.#dispatch(event.ev, event);
    const entry = this.#live.get(event.id);
    if (!entry) return; // of a job that ended here before the server knew
    entry.heard = true;
    entry.part = '';
    deliver(entry.job, event);
    if (entry.job.ended) this.#live.delete(event.id);
  }

  /** @param {{ code: number, reason: string, retryInMs: number | null }} down */
  #onDown(down) {
    this.#outbox = [];
    for (const entry of [...this.#live.values()]) this.#afterLoss(entry, down);
    if (this.state === 'closed') this.#setNeverReady(new Error(`no connection: ${down.reason || down.code}`));
    this.#dispatch('close', down);
  }

  /**
   * What becomes of a live job when its connection ended. The server ties a job's events to the
   * connection that submitted it. Once sessions are resumable, this decision moves to the
   * `welcome`, which says whether the events go on.
   *
   * @param {Entry} entry @param {{ reason: string, retryInMs: number | null }} down
   */
  #afterLoss(entry, down) {
    const { job, sent, heard, cancelling } = entry;
    if (down.retryInMs !== null && !cancelling && (!sent || (!heard && this.#resend))) {
      this.#outbox.push(entry);
      return;
    }
    this.#live.delete(job.id);
    if (this.state === 'closed' && down.reason === 'closed by this client') {
      fail(job, 'closed', 'the client was closed before the job ended');
    } else if (heard) {
      fail(job, 'connection_lost', 'the connection was lost after the job was accepted; its outcome is unknown, and this session cannot be resumed');
    } else {
      fail(job, 'connection_lost', 'the connection was lost before the server answered; the job may or may not run');
    }
  }

  /** Ends a job without the server's word. @param {Entry} entry @param {any} event */
  #end(entry, event) {
    this.#live.delete(entry.job.id);
    deliver(entry.job, event);
  }

  /** @param {string} type @param {any} detail */
  #dispatch(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** @param {number} id @param {any} payload @param {object} options */
function submitOp(id, payload, options) {
  if (payload === undefined) throw new TypeError('submit: no payload; `null` says that there is none');
  /** @type {Record<string, any>} */
  const op = { op: 'submit', id, payload };
  for (const [name, value] of Object.entries(options)) {
    const field = FIELDS.get(name);
    if (!field) throw new TypeError(`submit: unknown option \`${name}\``);
    if (value !== undefined) op[field] = value;
  }
  return op;
}

/** @param {string | URL} url */
function webSocketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
  return absolute.href;
}
