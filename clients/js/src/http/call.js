// One call, as often as it takes: what is safe to repeat is repeated where that may help.

import { ConnectionError } from '../errors.js';
import { Pause } from '../pause.js';
import { problemOf } from './errors.js';

/** The first pause between two tries; each is twice the one before. */
const PAUSE_MIN_MS = 250;
const PAUSE_MAX_MS = 5_000;

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} type the media type, without parameters
 * @property {Uint8Array} bytes
 * @property {() => string} text
 * @property {number | null} retryAfterMs
 *
 * @typedef {object} Call
 * @property {string} method
 * @property {string} path below the server's
 * @property {Record<string, string>} [headers]
 * @property {string | Uint8Array} [body]
 * @property {number} [waitS] how long the server is asked to wait
 * @property {boolean} safe whether it may be made again when nobody knows whether the server has heard it
 * @property {AbortSignal} [signal] ends it, and rejects with its reason
 */

export class Caller {
  #server;
  #token;
  #fetch;
  #timeoutMs;
  #retries;

  /** @param {{ server: string, token?: string | (() => string | Promise<string>), fetch: typeof fetch, timeoutMs: number, retries: number }} options */
  constructor({ server, token, fetch, timeoutMs, retries }) {
    this.#server = server.endsWith('/') ? server : `${server}/`;
    this.#token = token;
    this.#fetch = fetch;
    this.#timeoutMs = timeoutMs;
    this.#retries = retries;
  }

  /**
   * The server's answer, whatever it is, unless that is to come again later.
   *
   * @param {Call} call @returns {Promise<Answer>} @throws ConnectionError if there is none
   */
  async call(call) {
    const pause = new Pause({ minMs: PAUSE_MIN_MS, maxMs: PAUSE_MAX_MS, retries: this.#retries });
    for (;;) {
      call.signal?.throwIfAborted();
      const tried = await this.#once(call);
      const asked = tried instanceof ConnectionError ? undefined : tried.retryAfterMs;
      const isAgain = tried instanceof ConnectionError ? call.safe : isForLater(tried, call.safe);
      const ms = isAgain ? pause.next() : null;
      if (ms === null) {
        if (tried instanceof ConnectionError) throw tried;
        return tried;
      }
      await sleep(Math.max(ms, asked ?? 0), call.signal);
    }
  }

  /** @param {Call} call @returns {Promise<Answer | ConnectionError>} */
  async #once({ method, path, headers, body, waitS = 0, signal }) {
    const url = new URL(path, this.#server).href;
    const timeoutMs = this.#timeoutMs + waitS * 1_000;
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', abort);
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      controller.abort();
    }, timeoutMs);
    try {
      const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
      const response = await this.#fetch(url, {
        method,
        headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
        body: /** @type {any} */ (body),
        signal: controller.signal,
      });
      return answerOf(response, new Uint8Array(await response.arrayBuffer()));
    } catch (error) {
      if (signal?.aborted) throw signal.reason;
      if (isLate) return new ConnectionError({ code: 'timeout', message: `${method} ${url}: no answer in ${timeoutMs} ms`, url });
      // What `fetch` says of a connection stands in the cause of its TypeError; anything else is no matter of it.
      if (!(error instanceof TypeError)) throw error;
      const cause = /** @type {any} */ (error.cause);
      return new ConnectionError({ code: 'unreachable', message: `${method} ${url}: ${cause?.message || cause?.code || error.message}`, url });
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }
}

/** @param {Response} response @param {Uint8Array} bytes @returns {Answer} */
function answerOf({ status, headers }, bytes) {
  const after = headers.get('retry-after');
  return {
    status,
    type: (headers.get('content-type') ?? '').split(';')[0].trim().toLowerCase(),
    bytes,
    text: () => new TextDecoder().decode(bytes),
    retryAfterMs: after === null || !/^[0-9]{1,6}$/.test(after) ? null : Number(after) * 1_000,
  };
}

/** @param {Answer} answer @param {boolean} safe */
function isForLater(answer, safe) {
  if (answer.status === 502 || answer.status === 504) return safe; // of a proxy, which knows no more than we do
  if (answer.status !== 429 && answer.status !== 503) return false;
  // All others say that nothing has happened.
  return safe || (answer.type === 'application/problem+json' && problemOf(answer).code !== 'storage');
}

/** @param {number} ms @param {AbortSignal} [signal] @returns {Promise<void>} */
function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, ms);
    const abort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', abort, { once: true });
  });
}
