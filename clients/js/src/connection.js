// One WebSocket after another: dial, hello, welcome, and again with a growing pause when it ends.
// Knows nothing of jobs, nor what there is to go on with.

import { BROKEN, FINISHED, LEFT, TAKEN_OVER, UNAUTHORIZED } from './codes.js';
import { Liveness } from './liveness.js';
import { Pause } from './pause.js';
import { Renewal } from './renewal.js';
import { claimsOf, subprotocolOf, Tokens } from './token.js';

/** A connection that ended sooner was none, as far as the pause before the next dial goes. */
const STEADY_MS = 5_000;
/** For so long a server that said `rate_limited` to the greeting is left alone. */
const LIMITED_MS = 1_000;

/**
 * @typedef {object} ConnectionOptions
 * @property {string | (() => string | undefined | Promise<string | undefined>)} [token]
 * @property {typeof WebSocket} [WebSocket]
 * @property {{ minMs?: number, maxMs?: number, retries?: number } | false} [reconnect]
 * @property {number} [connectTimeoutMs]
 * @property {{ everyMs?: number, timeoutMs?: number } | false} [heartbeat]
 *
 * @typedef {import('./why.js').Down & { retryInMs: number | null }} Down
 *
 * @typedef {object} Handler what the owner wants to know
 * @property {() => void} connecting
 * @property {() => object | null} hello what the op says beside the token; null: the session is another's now
 * @property {(welcome: any, claims: any) => void} open
 * @property {(event: any, bytes: number) => void} event and about how many bytes it took
 * @property {(code: string, message: string) => void} trouble not the end of the connection
 * @property {(down: Down) => void} down
 */

/**
 * ```text
 * connecting ──welcome──▶ open
 *   ▲     │                │ the socket ends, or says nothing any more
 *   │     ▼                ▼
 *   └── waiting ◀──────────┘     any ──close(), taken over, no token, no retry left──▶ closed
 * ```
 */
export class Connection {
  /** @type {'connecting' | 'open' | 'waiting' | 'closed'} */
  state = 'connecting';

  #url;
  #format;
  #tokens;
  #renewal;
  #liveness;
  #WebSocket;
  #connectTimeoutMs;
  #pause;
  #handler;
  /** @type {WebSocket | undefined} */
  #socket;
  /** Of the pause while waiting, of the deadline while connecting. @type {any} */
  #timer;
  /** Its pause spreads the return of the server's clients. @type {{ reason?: string, reconnect_in_ms?: number, close?: number } | null} */
  #bye = null;
  #openSinceMs = 0;
  #reached = false;
  #wasOpen = false;
  /** Whether there was a token, or none was needed. */
  #hasAsked = false;
  /** What the socket said of its trouble, where one may know. @type {string} */
  #said = '';

  /**
   * @param {string} url
   * @param {import('./format.js').Format} format
   * @param {ConnectionOptions} options
   * @param {Handler} handler
   */
  constructor(url, format, options, handler) {
    this.#url = url;
    this.#format = format;
    this.#tokens = new Tokens(options.token);
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#pause = new Pause(options.reconnect);
    this.#handler = handler;
    if (!this.#WebSocket) throw new TypeError('no WebSocket here: pass the option `WebSocket`');
    this.#liveness = new Liveness(options.heartbeat, {
      ask: () => this.#say({ op: 'hello' }), // is answered by a `welcome` at any time, and changes nothing
      dead: (ms) => this.#lost(BROKEN, `nothing was heard for ${ms} ms, not even an answer`),
    });
    this.#renewal = new Renewal(this.#tokens, {
      send: (token) => this.#say({ op: 'hello', token }),
      trouble: (message) => handler.trouble('token', message),
    });
  }

  /** At the end of this turn, so that the owner has its listeners in place before the first call of its handler. */
  start() {
    queueMicrotask(() => this.#dial());
  }

  get hasToken() {
    return this.#tokens.exists;
  }

  /** Only while `open`. @param {import('./format.js').Part} message */
  send(message) {
    this.#socket?.send(message);
    this.#liveness.sent();
  }

  /** For good, and the session with it if it is `own`. @param {boolean} own */
  close(own) {
    this.#leave(own ? FINISHED : LEFT, 'closed by this client');
  }

  /** For good, and the session waits for whoever comes with its secret. */
  detach() {
    this.#leave(LEFT, 'detached by this client');
  }

  /** @param {number} code @param {string} reason */
  #leave(code, reason) {
    if (this.state === 'closed') return;
    this.#drop(code);
    this.state = 'closed';
    this.#tellDown(code, reason, null);
  }

  /** The page is put aside, and may be shown again: until `wake`. */
  suspend() {
    if (this.state === 'closed') return;
    this.#drop(LEFT);
    this.state = 'waiting';
    this.#tellDown(LEFT, 'the page is put aside', null);
  }

  /** What a pause was for may be over, and what seems open may be dead. @param {boolean} isFresh it is over */
  wake(isFresh) {
    if (this.state === 'open') return this.#liveness.doubt();
    if (this.state !== 'waiting') return;
    clearTimeout(this.#timer);
    if (isFresh) this.#pause.reset();
    this.#dial();
  }

  async #dial() {
    if (this.state === 'closed') return;
    this.state = 'connecting';
    this.#reached = this.#wasOpen = false;
    this.#said = '';
    this.#handler.connecting();
    this.#hasAsked = false;
    this.#timer = setTimeout(() => {
      const what = this.#reached ? 'no welcome came' : this.#hasAsked ? 'no answer came' : 'the function `token` got none';
      const why = `${what} in ${this.#connectTimeoutMs} ms`;
      if (!this.#hasAsked) this.#handler.trouble('token', why);
      this.#lost(BROKEN, why);
    }, this.#connectTimeoutMs);
    const deadline = this.#timer;
    try {
      const token = await this.#tokens.get(); // anew at each dial: tokens expire
      if (this.#timer !== deadline) return;
      this.#hasAsked = true;
      const more = this.#handler.hello();
      if (more) this.#open(token, more);
      else this.#lost(TAKEN_OVER, 'another page goes on with this session');
    } catch (error) {
      if (this.#timer !== deadline) return;
      this.#handler.trouble(this.#hasAsked ? 'connect' : 'token', String(error));
      this.#lost(BROKEN, String(error));
    }
  }

  /** @param {string | undefined} token @param {object} more */
  #open(token, more) {
    const { subprotocol } = this.#format;
    const shown = token === undefined ? undefined : subprotocolOf(token);
    const hello = { op: 'hello', ...(token === undefined || shown ? {} : { token }), ...more };
    const socket = new this.#WebSocket(this.#url, shown ? [subprotocol, shown] : subprotocol);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      this.#reached = true;
      if (typeof socket.protocol === 'string' && socket.protocol !== subprotocol) {
        this.#lost(BROKEN, `the server does not speak ${subprotocol}`);
      } else {
        socket.send(this.#format.encode(hello));
      }
    };
    socket.onmessage = ({ data }) => this.#onMessage(data, token);
    socket.onerror = (event) => (this.#said = /** @type {any} */ (event)?.message ?? ''); // a close always follows
    socket.onclose = ({ code, reason }) => this.#lost(code, reason || this.#said);
  }

  /** @param {object} op */
  #say(op) {
    this.send(this.#format.encode(op));
  }

  /** @param {any} data @param {string | undefined} token */
  #onMessage(data, token) {
    this.#liveness.heard();
    let event;
    try {
      event = this.#format.decode(data);
      if (typeof event?.ev !== 'string') throw new TypeError('it has no `ev`');
    } catch (error) {
      this.#handler.trouble('bad_event', `a message of the server was not understood: ${error}`);
      return;
    }
    if (event.ev === 'bye') this.#bye = event;
    if (this.state === 'connecting') this.#onAnswer(event, token);
    else if (event.ev === 'welcome') this.#renewal.greeted();
    else if (event.ev === 'error' && event.code === 'unauthorized' && this.#renewal.refused(event.message)) return;
    else this.#handler.event(event, data.length ?? data.byteLength);
  }

  /** Before the welcome. @param {any} event @param {string | undefined} token */
  #onAnswer(event, token) {
    if (event.ev === 'welcome') {
      clearTimeout(this.#timer);
      this.#timer = undefined;
      this.#openSinceMs = performance.now();
      this.state = 'open';
      this.#wasOpen = true;
      this.#tokens.accepted();
      this.#liveness.start();
      this.#renewal.start(token);
      this.#handler.open(event, claimsOf(token));
    } else if (event.ev === 'error') {
      // Of this connection no other greeting would be heard.
      if (event.code === 'rate_limited') this.#bye = { reconnect_in_ms: LIMITED_MS };
      this.#lost(event.code === 'unauthorized' ? UNAUTHORIZED : BROKEN, `${event.code}: ${event.message}`);
    } else {
      this.#handler.event(event, 0);
    }
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    code = this.#bye?.close ?? code; // a close frame may be lost behind it
    this.#drop();
    if (this.state === 'open' && performance.now() - this.#openSinceMs >= STEADY_MS) this.#pause.reset();
    const isFinal = code === TAKEN_OVER || (code === UNAUTHORIZED && !this.#tokens.refused());
    const retryInMs = isFinal ? null : this.#pause.next(this.#bye?.reconnect_in_ms);
    const why = reason || this.#bye?.reason || '';
    this.#bye = null;
    if (retryInMs === null) {
      this.state = 'closed';
    } else {
      this.state = 'waiting';
      this.#timer = setTimeout(() => this.#dial(), retryInMs);
    }
    this.#tellDown(code, why, retryInMs);
  }

  /** @param {number} code @param {string} reason @param {number | null} retryInMs */
  #tellDown(code, reason, retryInMs) {
    this.#handler.down({ code, reason, hasAsked: this.#hasAsked, reached: this.#reached, wasOpen: this.#wasOpen, retryInMs });
  }

  /** Nothing of the present socket or timer may be heard any more. @param {number} [code] */
  #drop(code) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#liveness.stop();
    this.#renewal.stop();
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {};
    socket.close(code);
  }
}
