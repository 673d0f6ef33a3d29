// A new token on the open connection, before the one that it has is over.

import { later } from './later.js';
import { claimsOf, renewInMs } from './token.js';

/** For an answer of whoever makes tokens, or of the server. */
const PATIENCE_MS = 10_000;

export class Renewal {
  #tokens;
  #handler;
  /** @type {string | undefined} */
  #token;
  /** The one that was sent and not answered. @type {string | undefined} */
  #sent;
  #stopTimer = () => {};

  /**
   * @param {import('./token.js').Tokens} tokens
   * @param {{ send: (token: string) => void, trouble: (message: string) => void }} handler
   */
  constructor(tokens, handler) {
    this.#tokens = tokens;
    this.#handler = handler;
  }

  /** A connection is open with this token. @param {string | undefined} token */
  start(token) {
    this.#token = token;
    this.#sent = undefined;
    this.#stopTimer();
    const ms = this.#tokens.isRenewable ? renewInMs(claimsOf(token), Date.now()) : null;
    if (ms !== null) this.#in(ms);
  }

  stop() {
    this.#stopTimer();
    this.#token = this.#sent = undefined;
  }

  /** The server has greeted again: what was sent holds from now on. */
  greeted() {
    if (this.#sent === undefined) return;
    this.#tokens.accepted();
    this.start(this.#sent);
  }

  /** @param {string} message */
  refused(message) {
    if (this.#sent === undefined) return false;
    this.#again(`the server did not take the new token: ${message}`);
    return true;
  }

  /** @param {number} ms */
  #in(ms) {
    this.#stopTimer();
    this.#stopTimer = later(ms, () => this.#renew());
  }

  async #renew() {
    const before = this.#token;
    this.#stopTimer = later(PATIENCE_MS, () => this.#again('a new token did not come, or was not answered, in time'));
    try {
      const token = await this.#tokens.get();
      if (this.#token !== before || before === undefined) return; // of a connection that is gone
      if (token === undefined || token === before) return this.#in(this.#pauseMs());
      this.#sent = token;
      this.#handler.send(token);
    } catch (error) {
      if (this.#token === before && before !== undefined) this.#again(String(error));
    }
  }

  /** @param {string} why */
  #again(why) {
    this.#sent = undefined;
    this.#in(this.#pauseMs());
    this.#handler.trouble(why);
  }

  /** Some tries fit into what is left; at its end the server closes, and the next dial asks anew. */
  #pauseMs() {
    return Math.max(500, Math.min(PATIENCE_MS, (renewInMs(claimsOf(this.#token), Date.now()) ?? 0) / 2));
  }
}
