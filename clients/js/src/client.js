// The client as its user sees it, and what joins its parts.

import { ACK_WITHIN_MS, Acks } from './acks.js';
import { AGAIN_MS } from './again.js';
import { endOf, heed } from './beginning.js';
import { Changes } from './changes.js';
import { clientOf, forget, remember } from './clients.js';
import { TAKEN_OVER, UNAUTHORIZED } from './codes.js';
import { Connection } from './connection.js';
import { entryOf } from './entry.js';
import { ConnectionError } from './errors.js';
import { json, msgpack } from './format.js';
import { fail, Job, JobHandle } from './job.js';
import { later } from './later.js';
import { LiveJobs } from './live.js';
import { bytesOf, TOPIC_BYTES_MAX, TOPICS_PER_SESSION_MAX } from './limits.js';
import { submitOp, webSocketUrl } from './op.js';
import { Outbox } from './outbox.js';
import { Patience } from './patience.js';
import { plain } from './payload.js';
import { promised } from './promised.js';
import { Session } from './session.js';
import { pageStorage, Shelf } from './shelf.js';
import { listen } from './wake.js';
import { Watching } from './watching.js';
import { explain } from './why.js';

/** For the first welcome. */
const READY_TIMEOUT_MS = 8_000;

/** @typedef {'closed' | 'detached' | 'taken_over' | 'unauthorized' | 'connection_lost'} End why there will be no other connection */

/**
 * Events: `state`, detail: `{ state, retryInMs, retryAt }`; `connecting`; `open`, detail: the
 * `welcome`; `close`, detail: `{ code, reason, retryInMs }`; `event`, detail: any event of the
 * server; `message`, detail: `{ topic, data }`; `batch`, detail:
 * `{ batch, jobs, done, failed, cancelled, elapsed_ms }`, when the last job of a batch has ended;
 * `gap`, detail: `{ missed }`; `error`, detail: `{ code, message }`, when an op was not understood,
 * or the connection, the token or the storage is in trouble.
 */
export class Acequia extends EventTarget {
  #url;
  #format;
  #session;
  /** @type {Shelf | undefined} */
  #shelf;
  #forget = () => {};
  #deafen = () => {};
  #connection;
  #outbox;
  #acks = new Acks();
  #stopAckTimer = () => {};
  #ackSoon = false;
  #ackDue = false;
  #stopAgain = () => {};
  #lastId = 0;
  #live;
  #watching;
  #changes;
  #patience;
  /** How the last connection ended, or was not to be had. @type {import('./why.js').Down | undefined} */
  #down;
  /** @type {Set<string>} */
  #topics = new Set();
  /** @type {Record<string, number>} */
  #limits = {};
  #ready = promised();

  /**
   * @param {string | { href: string }} [url] default: `v1/ws` of the server that this module came from; of a copy, `/v1/ws` of the page's host
   * @param {import('./connection.js').ConnectionOptions & {
   *   codec?: { encode: (value: unknown) => Uint8Array, decode: (bytes: Uint8Array) => unknown },
   *   resend?: boolean, resubmit?: boolean, resume?: boolean, readyTimeoutMs?: number,
   *   storage?: boolean | import('./index.js').SessionStorage, storageKey?: string,
   * }} [options] with the storage, key, URL and encoding of a live client of this page, the new one is that one
   */
  constructor(url, options = {}) {
    super();
    const { codec, resend = true, resubmit = false, resume = true, storage, storageKey, readyTimeoutMs = READY_TIMEOUT_MS } = options;
    if (storage && !resume) throw new TypeError('a storage is of use only to a session that resumes');
    this.#url = webSocketUrl(url);
    this.#format = codec ? msgpack(codec) : json;
    this.#session = new Session(resume);
    const place = storage === true ? pageStorage((why) => this.#trouble('storage', why)) : storage || undefined;
    // What one server and encoding has left is of no use to another.
    const key = `${storageKey === undefined ? '' : `${storageKey} `}${this.#format.subprotocol} ${this.#url}`;
    const known = place && clientOf(place, key);
    this.#changes = new Changes(place !== undefined);
    this.#outbox = new Outbox(this.#format, this.#changes, () => this.#flush());
    this.#live = new LiveJobs({ resend, resubmit, reconnects: options.reconnect !== false }, this.#outbox, this.#changes);
    this.#watching = new Watching({ outbox: this.#outbox, changes: this.#changes, live: this.#live, nextId: () => (this.#lastId += 1), state: () => this.state });
    this.#patience = new Patience(readyTimeoutMs, {
      over: () => this.#giveUpWaiting(),
      outage: () => {
        if (this.#down?.hasAsked) this.#warn('connect', this.#why());
        else globalThis.console?.warn(`acequia: ${this.#why()}`); // the error of the token was told already
      },
    });
    this.#connection = new Connection(this.#url, this.#format, options, {
      connecting: () => {
        this.#tellState();
        this.#dispatch('connecting', null);
      },
      hello: () => (this.#shelf?.mine ?? true) ? this.#session.hello() : null,
      open: (welcome, claims) => this.#onOpen(welcome, claims),
      event: (event, bytes) => this.#onEvent(event, bytes),
      trouble: (code, message) => this.#trouble(code, message),
      down: (down) => this.#onDown(down),
    });
    if (known) return known; // nothing of this one has begun
    if (place) this.#keepIn(place, key);
    this.#deafen = listen({
      online: () => this.#connection.wake(true),
      looked: () => this.#connection.wake(false),
      hidden: (kept) => this.#onHidden(kept),
      shown: (kept) => this.#onShown(kept),
    });
    if (this.#session.resumable) this.#patience.had();
    else this.#patience.arm();
    this.#connection.start();
  }

  /** Resolves with the first `welcome`; rejects with a `ConnectionError` if none comes in time, or none ever will. @type {Promise<any>} */
  get ready() {
    if (this.state !== 'closed') this.#patience.arm();
    return this.#ready.promise;
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
   * The live jobs, in the order of submission, and then those that are watched. Right after the
   * construction, these are the ones that the storage had: those of this page before it was loaded again.
   */
  get jobs() {
    return [...this.#live.entries.map(({ job }) => job), ...this.#watching.jobs].filter(({ ended }) => !ended);
  }

  /**
   * Submits a job. It is sent at the end of this turn, in one message with all others of the turn,
   * or as soon as there is a connection.
   *
   * @param {any} payload anything that JSON or MessagePack can say; `null` for nothing
   * @param {import('./index.js').SubmitOptions} [options]
   * @returns {Job}
   * @throws {TypeError} if the payload would not reach the worker as it is, or an option is unknown or of another type
   */
  submit(payload, options = {}) {
    return this.#submit(payload, options, Job);
  }

  /**
   * The same, as a job without `then`: an async function can return it.
   * @param {any} payload @param {import('./index.js').SubmitOptions} [options]
   * @returns {JobHandle}
   */
  start(payload, options = {}) {
    return this.#submit(payload, options, JobHandle);
  }

  /**
   * Submits several jobs, in as few messages as they fit in.
   *
   * @param {Iterable<{ payload: any } & import('./index.js').SubmitOptions>} jobs
   * @param {import('./index.js').SubmitOptions} [shared] options that hold where a job says nothing else
   * @returns {Job[]}
   */
  submitMany(jobs, shared = {}) {
    return Array.from(jobs, ({ payload, ...options }) => this.submit(payload, { ...shared, ...options }));
  }

  /**
   * Watches what others submitted: a job by its UUID, or the end of a batch of this client.
   *
   * @param {string | { batch: string }} what
   * @param {{ signal?: import('./index.js').AbortSignalLike, label?: any }} [options] the signal ends the watching, and not the job
   * @returns {any} a `Job`, or a promise of the `batch` event
   * @throws {TypeError} if it is neither a job nor a batch, or an option is unknown
   */
  watch(what, options = {}) {
    if (this.#shelf) JSON.stringify(options.label); // throws what could not be written down
    const watching = this.#watching.watch(what, options);
    if (this.state !== 'closed') this.#patience.arm();
    return watching;
  }

  /** Wants the topic's `message` events, on this connection and on those after it. @param {string} topic */
  subscribe(topic) {
    if (this.#topics.has(topic)) return;
    if (typeof topic !== 'string') throw new TypeError('subscribe: a topic is a string');
    const bytes = bytesOf(topic);
    if (bytes < 1 || bytes > TOPIC_BYTES_MAX) throw new RangeError(`subscribe: the topic has ${bytes} bytes; it may have from 1 to ${TOPIC_BYTES_MAX}`);
    if (this.#topics.size >= TOPICS_PER_SESSION_MAX) throw new RangeError(`subscribe: a client has at most ${TOPICS_PER_SESSION_MAX} topics; unsubscribe from one first`);
    this.#topics.add(topic);
    if (this.state === 'open') this.#outbox.op({ op: 'subscribe', topic });
  }

  /** @param {string} topic */
  unsubscribe(topic) {
    if (this.#topics.delete(topic) && this.state === 'open') this.#outbox.op({ op: 'unsubscribe', topic });
  }

  /** For good, with the session. Live jobs end with `closed` here; what the server does with them is their `onDisconnect`. */
  close() {
    this.#connection.close(this.#shelf?.mine ?? true);
  }

  /**
   * Lets go: the connection ends, and the session waits at the server and, if there is one, in the
   * storage, for the next client with it. Live jobs end with `detached` here.
   */
  detach() {
    this.#connection.detach();
  }

  /** @param {any} payload @param {import('./index.js').SubmitOptions} options @param {typeof JobHandle} Kind @returns {any} */
  #submit(payload, { signal, label, ...options }, Kind) {
    const id = this.#lastId + 1;
    const { op, refusal } = submitOp(id, plain(payload, this.#format.isBinary), options);
    const part = refusal === null ? this.#format.encode(op) : '';
    if (this.#shelf) JSON.stringify(label); // throws what could not be written down
    this.#lastId = id;
    const job = new Kind(id, () => this.#cancel(id), label);
    const end = endOf({ isClosed: this.state === 'closed', refusal, signal });
    if (end) {
      queueMicrotask(() => end(job)); // once who submits it listens
    } else {
      const entry = entryOf(job, part, options);
      this.#live.add(entry);
      this.#outbox.job(entry);
      this.#patience.arm();
      heed(signal, job.result, (reason) => this.#live.abort(id, reason, this.state === 'open'));
    }
    return job;
  }

  /** @param {import('./index.js').SessionStorage} place @param {string} key */
  #keepIn(place, key) {
    this.#shelf = new Shelf(place, key, this.#format, (why) => this.#trouble('storage', why));
    remember(place, key, this);
    this.#forget = () => forget(place, key, this);
    // Another range of numbers for each page: a page that is loaded again, or a copy of its tab,
    // goes on with the same session, and an id that was used must not come again.
    this.#lastId = Math.floor(Math.random() * 2 ** 32) * 2 ** 20;
    for (const entry of this.#load()) this.#restore(entry);
    this.#changes.clear(); // it is there already
  }

  /** @param {import('./entry.js').Entry} entry */
  #restore(entry) {
    if (entry.watched) this.#watching.restore(entry);
    else this.#live.add(entry);
  }

  #load() {
    return this.#shelf?.load(this.#session, (id) => this.#cancel(id)) ?? [];
  }

  /** The page is left or loaded again. @param {boolean} kept it may be shown again, as it is */
  #onHidden(kept) {
    this.#save();
    if (kept) this.#connection.suspend(); // a page with a connection is not kept
  }

  /** @param {boolean} kept the page was put aside, and another may have gone on with its session */
  #onShown(kept) {
    if (kept && this.#shelf && !this.#shelf.mine) this.#takeUpAgain();
    if (kept) this.#connection.wake(true);
  }

  /** Goes on with what another page has left of the session. */
  #takeUpAgain() {
    this.#session.reset();
    const left = new Map(this.#load().map((entry) => [entry.job.id, entry]));
    for (const entry of this.#live.entries) {
      const found = left.get(entry.job.id);
      left.delete(entry.job.id);
      if (found) Object.assign(entry, { ...found, job: entry.job });
      else if (entry.sent) this.#live.lose(entry, { code: 'taken_over', message: 'another page went on with this session, and heard how the job ended' });
    }
    for (const entry of left.values()) this.#restore(entry);
  }

  /** @param {number} id */
  #cancel(id) {
    if (!this.#watching.cancel(id)) this.#live.cancel(id, this.state === 'open');
  }

  /** Writes down what a reload must find. */
  #save() {
    this.#shelf?.save(this.#session, this.#changes, () => [...this.#live.entries, ...this.#watching.entries]);
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
      messages = this.#outbox.messages(this.#limits.message_bytes, ({ job }, message) => {
        this.#live.hear({ ev: 'rejected', id: job.id, code: 'too_large', message });
      });
    }
    this.#save(); // before the server may forget what was acknowledged, and before a job begins
    for (const message of messages) this.#connection.send(message);
  }

  #stopAck() {
    this.#stopAckTimer();
    this.#ackSoon = this.#ackDue = false;
  }

  /** @param {'now' | 'later'} when */
  #ack(when) {
    if (when === 'now') {
      this.#ackDue = true;
      this.#outbox.wake();
    } else if (!this.#ackSoon) {
      this.#ackSoon = true;
      this.#stopAckTimer = later(ACK_WITHIN_MS, () => this.#ack('now'));
    }
  }

  /** @param {any} welcome @param {any} claims of its token */
  #onOpen(welcome, claims) {
    const hadSession = this.#session.resumable;
    const resumed = this.#session.welcome(welcome);
    this.#limits = welcome.limits ?? {};
    this.#down = undefined;
    this.#patience.had();
    this.#outbox.begin(Math.min(this.#limits.ops_per_s ?? Infinity, claims.acequia?.ops_per_s ?? Infinity));
    for (const topic of this.#topics) this.#outbox.op({ op: 'subscribe', topic });
    this.#live.welcome(resumed, hadSession);
    this.#watching.welcome(resumed);
    this.#ready.resolve(welcome);
    this.#tellState();
    this.#dispatch('event', welcome);
    this.#dispatch('open', welcome);
    this.#flush();
  }

  /** @param {any} event @param {number} bytes */
  #onEvent(event, bytes) {
    if (!this.#session.hear(event)) return;
    this.#dispatch('event', event);
    if (event.unreadable) this.#dispatch('error', { ev: 'error', code: 'bad_event', id: event.id, message: `a part of \`${event.ev}\` cannot be read: ${event.unreadable}` });
    switch (event.ev) {
      case 'message':
        if (event.unreadable) break;
        if (this.#topics.has(event.topic)) this.#dispatch('message', event);
        // The session wanted it once: before a reload, or the op that said otherwise was lost.
        else this.#outbox.op({ op: 'unsubscribe', topic: event.topic });
        break;
      case 'gap':
        if (!this.#watching.missed(event)) this.#live.missed(event);
        this.#dispatch('gap', event);
        break;
      case 'batch':
        this.#watching.batchEnded(event);
        this.#dispatch('batch', event);
        break;
      case 'error':
        if (event.code === 'rate_limited' && event.id === undefined) this.#sayAgain();
        else if (!this.#watching.refused(event) && !this.#live.expects(event)) this.#dispatch('error', event);
        break;
      default:
        if (!this.#watching.hear(event)) this.#live.hear(event);
    }
    if (event.seq !== undefined) this.#ack(this.#acks.heard(event.seq, bytes, performance.now()));
  }

  /** An op without an id was one too many in its second. Which one it was is not said: all that matter are said again. */
  #sayAgain() {
    this.#stopAgain();
    this.#stopAgain = later(AGAIN_MS, () => {
      for (const topic of this.#topics) this.#outbox.op({ op: 'subscribe', topic });
      if (this.#session.resumable && this.#session.last > 0) this.#outbox.op({ op: 'ack', seq: this.#session.last });
    });
  }

  /** @param {import('./connection.js').Down} down */
  #onDown(down) {
    this.#down = down;
    this.#outbox.clear();
    this.#stopAck();
    this.#stopAgain();
    this.#watching.disconnect();
    this.#acks.reset(); // the next hello says how far we are
    if (this.state === 'closed') this.#end(down);
    else this.#live.disconnect(this.#session.resumable);
    this.#tellState(down.retryInMs);
    this.#dispatch('close', { code: down.code, reason: down.reason, retryInMs: down.retryInMs });
    if (down.retryInMs !== null) this.#patience.down();
  }

  /** There will be no other connection. @param {import('./connection.js').Down} down */
  #end({ code, reason }) {
    const end = finalOf(code, reason);
    const why = end === 'closed' || end === 'detached' ? `no connection to ${this.#url}: ${reason}` : this.#why();
    this.#deafen();
    this.#patience.stop();
    this.#save();
    if (end === 'closed' || end === 'taken_over') this.#shelf?.clear();
    this.#shelf = undefined;
    this.#changes.stop();
    this.#forget();
    if (end === 'taken_over') this.#warn(end, 'another connection goes on with this session and its jobs');
    else if (end === 'unauthorized' || end === 'connection_lost') this.#warn(end, why);
    this.#ready.reject(new ConnectionError({ code: end, message: why, url: this.#url, closeCode: code }));
    this.#live.endAll((entry) => this.#endJob(entry, end, why));
    this.#watching.endAll(end, why);
  }

  /** @param {import('./entry.js').Entry} entry @param {End} end @param {string} why */
  #endJob(entry, end, why) {
    switch (end) {
      case 'closed':
        fail(entry.job, { code: end, message: 'the client was closed before the job ended' });
        break;
      case 'unauthorized':
        // What was never sent was never run.
        if (entry.sent) this.#live.lose(entry, { code: end, message: `${why}. The job may or may not run` });
        else this.#live.end(entry, { ev: 'rejected', code: end, message: why });
        break;
      case 'taken_over':
        this.#live.lose(entry, { code: end, message: 'another connection goes on with this session and its jobs' });
        break;
      case 'detached':
        this.#live.lose(entry, { code: end, message: 'this client has let go of its session, and of the job' });
        break;
      default:
        this.#live.lose(entry, { code: end, message: `the connection was lost for good, and the job may or may not run; ${why}` });
    }
  }

  /** The first connection does not come. What waits for it ends; it is tried on. */
  #giveUpWaiting() {
    const message = this.#why();
    this.#ready.reject(new ConnectionError({ code: 'unreachable', message, url: this.#url, closeCode: this.#down?.code }));
    this.#ready = promised();
    for (const entry of this.#live.entries) {
      if (!entry.sent) this.#live.end(entry, { ev: 'rejected', code: 'unreachable', message });
    }
    this.#watching.giveUp(message);
  }

  #why() {
    const origin = /** @type {any} */ (globalThis).document && globalThis.location?.origin;
    return explain(this.#down, { url: this.#url, hasToken: this.#connection.hasToken, origin });
  }

  /** @param {number | null} [retryInMs] */
  #tellState(retryInMs = null) {
    this.#dispatch('state', { state: this.state, retryInMs, retryAt: retryInMs === null ? null : Date.now() + retryInMs });
  }

  /** For who looks at the console, too. @param {string} code @param {string} message */
  #warn(code, message) {
    globalThis.console?.warn(`acequia: ${message}`);
    this.#trouble(code, message);
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

/** @param {number} code @param {string} reason @returns {End} */
function finalOf(code, reason) {
  if (reason === 'closed by this client') return 'closed';
  if (reason === 'detached by this client') return 'detached';
  if (code === TAKEN_OVER) return 'taken_over';
  return code === UNAUTHORIZED ? 'unauthorized' : 'connection_lost';
}
