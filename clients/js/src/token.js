// Where tokens come from, and when it is time for the next.

import { bytesOf, TOKEN_BYTES_MAX } from './limits.js';

/** After so many in a row that a server did not take, there is no use in asking for another. */
const REFUSALS_MAX = 5;
/** Renewed so long before its end, or at half of its time if that is shorter. */
const RENEW_BEFORE_MS = 60_000;
/** What goes through proxies as a header's value. */
const SUBPROTOCOL_BYTES_MAX = 4_096;

export class Tokens {
  #source;
  #refusals = 0;

  /** @param {string | (() => string | undefined | Promise<string | undefined>) | undefined} source */
  constructor(source) {
    if (!['string', 'function', 'undefined'].includes(typeof source)) {
      throw new TypeError('the option `token` must be a string, or a function that gets one');
    }
    this.#source = source;
  }

  get exists() {
    return this.#source !== undefined;
  }

  /** Whether asking again may bring another. */
  get isRenewable() {
    return typeof this.#source === 'function';
  }

  /** @returns {Promise<string | undefined>} */
  async get() {
    const token = typeof this.#source === 'function' ? await this.#source() : this.#source;
    if (token === undefined) return undefined;
    if (typeof token !== 'string') throw new TypeError('the function `token` must get a string');
    if (bytesOf(token) > TOKEN_BYTES_MAX) throw new RangeError(`a token has at most ${TOKEN_BYTES_MAX} bytes`);
    return token;
  }

  /** The server has taken the last one. */
  accepted() {
    this.#refusals = 0;
  }

  /** The server did not take the last one, or its time is over. Returns whether it is worth asking for another. */
  refused() {
    this.#refusals += 1;
    return this.isRenewable && this.#refusals < REFUSALS_MAX;
  }
}

/** Beside that of the encoding: shows the token with the request. Undefined if a header cannot hold it. @param {string} token */
export function subprotocolOf(token) {
  return /^[\w.-]+$/.test(token) && token.length <= SUBPROTOCOL_BYTES_MAX ? `acequia.token.${token}` : undefined;
}

/** What a token says, of which the server alone knows whether it is true. @param {string | undefined} token @returns {any} */
export function claimsOf(token) {
  try {
    const claims = JSON.parse(atob((token ?? '').split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
    return typeof claims === 'object' && claims !== null ? claims : {};
  } catch {
    return {};
  }
}

/**
 * How long from now until the next token should be there; null if this one does not end.
 * @param {any} claims @param {number} nowMs of the wall clock, which may not be the server's
 */
export function renewInMs({ exp, iat }, nowMs) {
  if (typeof exp !== 'number' || !Number.isFinite(exp)) return null;
  let leftMs = exp * 1000 - nowMs;
  // The server took a token that is over here: this clock is wrong, and its own times are better.
  if (leftMs <= 0) leftMs = typeof iat === 'number' && exp > iat ? (exp - iat) * 1000 : RENEW_BEFORE_MS;
  return leftMs - Math.min(RENEW_BEFORE_MS, leftMs / 2);
}
