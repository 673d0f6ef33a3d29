// Jobs over HTTP, for backends: each call stands for itself, and no connection is kept.

import { JobError, RejectedError } from '../errors.js';
import { MESSAGE_BYTES_MAX, OPS_PER_MESSAGE_MAX, bytesOf } from '../limits.js';
import { submitOp } from '../op.js';
import { plain } from '../payload.js';
import { bodyOf, isBytes, valueOf } from './body.js';
import { Caller } from './call.js';
import { httpErrorOf, jobErrorOf, NotEndedError, problemOf, rejectedErrorOf } from './errors.js';
import { HttpJob } from './job.js';

const SERVER = 'http://127.0.0.1:8080';
/** For an answer, beside what the server was asked to wait. */
const TIMEOUT_MS = 30_000;
const RETRIES = 5;
/** For an outcome. */
const WAIT_MS = 60_000;
/** What the server is asked to wait at a time: proxies cut calls that are silent for long. */
const ASK_S = 20;
/** The same for a job that is cancelled when the call is over. */
const ASK_ONCE_S = 240;

/**
 * @typedef {{ signal?: AbortSignal }} CallOptions
 * @typedef {CallOptions & { waitMs?: number }} WaitOptions how long to wait at most
 * @typedef {CallOptions & { waitMs?: number }} StatusOptions
 * @typedef {CallOptions & { type?: string } & Record<string, any>} SubmitOptions
 */

export class HttpClient {
  #caller;
  #codec;

  /**
   * @param {string} [server] default: the variable `ACEQUIA_SERVER`, or `http://127.0.0.1:8080`
   * @param {object} [options]
   * @param {string | (() => string | Promise<string>)} [options.token] a JSON Web Token, or what gets one for each call
   * @param {import('./body.js').Codec} [options.codec] for results in MessagePack
   * @param {number} [options.timeoutMs] for each answer, beside what the server was asked to wait
   * @param {number} [options.retries] how often what is safe to repeat is repeated
   * @param {typeof fetch} [options.fetch]
   */
  constructor(server, { token, codec, timeoutMs = TIMEOUT_MS, retries = RETRIES, fetch = globalThis.fetch, ...others } = {}) {
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) throw new TypeError(`HttpClient: unknown option \`${unknown}\``);
    this.#codec = codec;
    const where = server ?? (/** @type {any} */ (globalThis).process?.env?.ACEQUIA_SERVER || SERVER);
    if (!/^https?:$/.test(new URL(where).protocol)) throw new TypeError(`HttpClient: ${where} is no address of http:// or https://`);
    this.#caller = new Caller({ server: where, token, timeoutMs, retries, fetch: (...args) => fetch(...args) });
  }

  /**
   * Submits a job. It is taken when this resolves, and will have an outcome.
   *
   * @param {string} queue @param {unknown} payload bytes go as they are, any other value as JSON
   * @param {SubmitOptions} [options]
   */
  async submit(queue, payload, options = {}) {
    const answer = await this.#submit(queue, payload, options, 0);
    const { job, state } = JSON.parse(answer.text());
    return new HttpJob(this, job, state);
  }

  /**
   * Submits a job and waits for its result.
   *
   * @param {string} queue @param {unknown} payload @param {SubmitOptions & WaitOptions} [options]
   * @returns {Promise<any>}
   */
  async run(queue, payload, { waitMs = WAIT_MS, ...options } = {}) {
    const until = Date.now() + waitMs;
    const most = options.onDisconnect === 'cancel' ? ASK_ONCE_S : ASK_S;
    const answer = await this.#submit(queue, payload, options, Math.min(most, secondsUntil(until)));
    if (answer.status === 200) return valueOf(answer, this.#codec);
    const { job } = JSON.parse(answer.text());
    return this.wait(job, { waitMs: until - Date.now(), signal: options.signal });
  }

  /**
   * Submits many, in as few calls as they fit in. Each is taken or refused by itself.
   *
   * @param {Iterable<{ queue?: string, payload: unknown } & Record<string, any>>} jobs @param {SubmitOptions} [shared]
   * @returns {Promise<(HttpJob | RejectedError)[]>} in the same order
   */
  async submitMany(jobs, { signal, ...shared } = {}) {
    /** @type {(HttpJob | RejectedError | undefined)[]} */
    const made = [];
    /** @type {{ at: number, text: string }[]} */
    const parts = [];
    for (const { payload, ...own } of jobs) {
      if (isBytes(payload)) throw new TypeError('submitMany: a payload in JSON cannot be bytes; submit those one by one');
      const { op, refusal } = opOf(plain(payload, false), { ...shared, ...own });
      made.push(refusal === null ? undefined : refused(refusal));
      if (refusal === null) parts.push({ at: made.length - 1, text: JSON.stringify(op) });
    }
    for (const some of calls(parts)) {
      const answer = await this.#caller.call({
        method: 'POST', path: 'v1/jobs', headers: { 'content-type': 'application/json' },
        body: `[${some.map(({ text }) => text).join(',')}]`, safe: true, signal,
      });
      if (answer.status !== 202) throw httpErrorOf(answer);
      const told = JSON.parse(answer.text());
      some.forEach(({ at }, n) => (made[at] = 'state' in told[n] ? new HttpJob(this, told[n].job, told[n].state) : rejectedErrorOf(told[n])));
    }
    return /** @type {(HttpJob | RejectedError)[]} */ (made);
  }

  /** A job that is there already, by the server's UUID of it. @param {string} id */
  job(id) {
    return new HttpJob(this, id);
  }

  /**
   * The result of a job, once it is there.
   *
   * @param {string} job @param {WaitOptions} [options] @returns {Promise<any>}
   */
  async wait(job, { waitMs = WAIT_MS, signal } = {}) {
    const until = Date.now() + waitMs;
    for (;;) {
      const waitS = Math.min(ASK_S, secondsUntil(until));
      try {
        return await this.#result(job, waitS, signal);
      } catch (error) {
        if (!(error instanceof NotEndedError) || Date.now() >= until) throw error;
      }
    }
  }

  /** The result of a job, if it is there. @param {string} job @param {CallOptions} [options] @returns {Promise<any>} */
  result(job, { signal } = {}) {
    return this.#result(job, 0, signal);
  }

  /**
   * Where a job is, or how it ended.
   *
   * @param {string} job @param {StatusOptions} [options] `waitMs`: wait so long for its end; default: not at all
   */
  async status(job, { waitMs = 0, signal } = {}) {
    const until = Date.now() + waitMs;
    for (;;) {
      const waitS = Math.min(ASK_S, secondsUntil(until));
      const answer = await this.#caller.call({ method: 'GET', path: `${pathOf(job)}?wait=${waitS}`, waitS, safe: true, signal });
      if (answer.status !== 200) throw httpErrorOf(answer);
      // `id` is the caller's name for it, and none was given.
      const { id: _, ...status } = camel(JSON.parse(answer.text()));
      if (ENDS.has(status.state) || Date.now() >= until) return status;
    }
  }

  /**
   * Cancels a job. Resolves when it is cancelled.
   *
   * @param {string} job @param {CallOptions} [options]
   */
  async cancel(job, { signal } = {}) {
    const answer = await this.#caller.call({ method: 'DELETE', path: pathOf(job), safe: true, signal });
    if (answer.status === 200) return;
    // It may have been cancelled by this very call, whose answer was lost.
    if (answer.status === 409 && (await this.status(job, { signal })).state === 'cancelled') return;
    throw httpErrorOf(answer);
  }

  /**
   * Sends a message to all sessions that subscribed to the topic.
   *
   * @param {string} topic @param {unknown} data bytes go as they are, any other value as JSON
   * @param {CallOptions & { retain?: boolean, type?: string }} [options] `retain`: keep it for those who subscribe later
   * @returns {Promise<number>} how many are told
   */
  async publish(topic, data, { retain = false, type, signal } = {}) {
    const { type: contentType, body } = bodyOf(data, type);
    const path = `v1/topics/${encodeURIComponent(topic)}${retain ? '?retain=true' : ''}`;
    // To tell a message twice is not the same as once; to keep it twice would be, but those who are there hear both.
    const answer = await this.#caller.call({ method: 'POST', path, headers: { 'content-type': contentType }, body, safe: false, signal });
    if (answer.status !== 200) throw httpErrorOf(answer);
    return JSON.parse(answer.text()).subscribers;
  }

  /** @param {string} queue @param {unknown} payload @param {SubmitOptions} options @param {number} waitS */
  async #submit(queue, payload, { signal, type, ...options }, waitS) {
    const request = requestOf(queue, payload, options, type);
    const headers = waitS > 0 ? { ...request.headers, prefer: `wait=${waitS}` } : request.headers;
    const answer = await this.#caller.call({ ...request, method: 'POST', headers, waitS, safe: true, signal });
    if (answer.status === 200 || answer.status === 202) return answer;
    const { code, message, job, retryAfterMs } = problemOf(answer);
    if (answer.status === 422 || (answer.status === 409 && code === 'cancelled')) throw jobErrorOf(answer);
    throw code === 'no_problem' ? httpErrorOf(answer) : new RejectedError({ code, message, job, retry_after_ms: retryAfterMs });
  }

  /** @param {string} job @param {number} waitS @param {AbortSignal} [signal] */
  async #result(job, waitS, signal) {
    const answer = await this.#caller.call({ method: 'GET', path: `${pathOf(job)}/result?wait=${waitS}`, waitS, safe: true, signal });
    if (answer.status === 200) return valueOf(answer, this.#codec);
    const { code } = problemOf(answer);
    if (answer.status !== 404 || NO_OUTCOME.has(code)) throw httpErrorOf(answer);
    // What this answer says of the failure is more than its message.
    const { message, attempt } = await this.status(job, { signal });
    throw new JobError({ code, message, attempt, job });
  }
}

const ENDS = new Set(['done', 'failed', 'cancelled']);
/** Codes of a result that is not there which are not how the job ended. */
const NO_OUTCOME = new Set(['not_ended', 'not_found', 'no_problem']);

/** The fields of a submit, with a key: so that it can be made again. @param {unknown} payload @param {Record<string, any>} options */
function opOf(payload, options) {
  const { op: { op: _, id: __, ...fields }, refusal } = submitOp(0, payload, options);
  fields.key ??= globalThis.crypto.randomUUID();
  return { op: fields, refusal };
}

/** @param {string} message */
function refused(message) {
  return new RejectedError({ code: 'bad_request', message });
}

/**
 * A value as JSON goes with all that is to say of the job. Bytes, and what has a type of its own, are a body, and the rest
 * stands in the query and in headers.
 *
 * @param {string} queue @param {unknown} payload @param {Record<string, any>} options @param {string} [type]
 */
function requestOf(queue, payload, options, type) {
  const isJson = type === undefined && !isBytes(payload);
  const { op, refusal } = opOf(isJson ? plain(payload, false) : undefined, { ...options, queue });
  if (refusal !== null) throw refused(refusal);
  if (isJson) return { path: 'v1/jobs', headers: { 'content-type': 'application/json' }, body: JSON.stringify(op) };
  const { type: contentType, body } = bodyOf(payload, type);
  const { queue: _, payload: __, key, traceparent, ...query } = op;
  if (typeof query.on_disconnect === 'object') throw new TypeError('submit: `onDisconnect` with `cancelAfterMs` is for a payload that is JSON');
  if (!/^[!#-~]+$/.test(key)) throw new TypeError('submit: the `key` of a payload that is not JSON is a header: it may hold visible ASCII characters, and no quotes');
  return {
    path: `v1/queues/${encodeURIComponent(queue)}/jobs?${new URLSearchParams(query)}`,
    headers: { 'content-type': contentType, 'idempotency-key': key, ...(traceparent === undefined ? {} : { traceparent }) },
    body,
  };
}

/** @param {string} job */
function pathOf(job) {
  return `v1/jobs/${encodeURIComponent(job)}`;
}

/** @param {number} untilMs */
function secondsUntil(untilMs) {
  return Math.max(0, Math.ceil((untilMs - Date.now()) / 1_000));
}

/** As many to a call as the server takes. @param {{ at: number, text: string }[]} parts */
function* calls(parts) {
  /** @type {{ at: number, text: string }[]} */
  let some = [];
  let bytes = 2;
  for (const part of parts) {
    const size = bytesOf(part.text) + 1;
    if (some.length === OPS_PER_MESSAGE_MAX || (some.length > 0 && bytes + size > MESSAGE_BYTES_MAX)) {
      yield some;
      some = [];
      bytes = 2;
    }
    some.push(part);
    bytes += size;
  }
  if (some.length > 0) yield some;
}

/** @param {Record<string, any>} status @returns {any} with keys as JavaScript has them */
function camel(status) {
  return Object.fromEntries(Object.entries(status).map(([key, value]) => [key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()), value]));
}
