// One WebSocket after another: dial, hello, welcome, and again with a growing pause when it ends.
// Knows nothing of jobs, nor what there is to go on with.

import { Pause } from './pause.js';

/** The close code that says: another connection goes on with the session. */
export const TAKEN_OVER = 4001;
/** A connection that ended sooner was none, as far as the pause before the next dial goes. */
const STEADY_MS = 5_000;

/**
 * @typedef {object} ConnectionOptions
 * @property {string | (() => string | Promise<string>)} [token]
 * @property {typeof WebSocket} [WebSocket]
 * @property {{ minMs?: number, maxMs?: number, retries?: number } | false} [reconnect]
 * @property {number} [connectTimeoutMs]
 *
 * @typedef {object} Handler what the owner wants to know
 * @property {() => void} connecting
 * @property {() => object | null} hello what the op says beside the token; null: the session is another's now
 * @property {(welcome: any) => void} open
 * @property {(event: any, bytes: number) => void} event and about how many bytes it took
 * @property {(code: string, message: string) => void} trouble not the end of the connection
 * @property {(down: { code: number, reason: string, retryInMs: number | null }) => void} down
 */

/**
 * ```text
 * connecting ──welcome──▶ open
 *   ▲     │                │ the socket ends
 *   │     ▼                ▼
 *   └── waiting ◀──────────┘     any ──close(), taken over, no retry left──▶ closed
 * ```
 */
export class Connection {
  /** @type {'connecting' | 'open' | 'waiting' | 'closed'} */
  state = 'connecting';

  #url;
  #format;
  #token;
  #WebSocket;
  #connectTimeoutMs;
  #pause;
  #handler;
  /** @type {WebSocket | undefined} */
  #socket;
  /** Of the pause while waiting, of the deadline while connecting. @type {any} */
  #timer;
  /** Its pause spreads the return of the server's clients. @type {{ reason?: string, reconnect_in_ms?: number } | null} */
  #bye = null;
  #openSinceMs = 0;

  /**
   * @param {string} url
   * @param {import('./format.js').Format} format
   * @param {ConnectionOptions} options
   * @param {Handler} handler
   */
  constructor(url, format, options, handler) {
    this.#url = url;
    this.#format = format;
    this.#token = options.token;
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? 10_000;
    this.#pause = new Pause(options.reconnect);
    this.#handler = handler;
    if (!this.#WebSocket) throw new TypeError('no WebSocket here: pass the option `WebSocket`');
    globalThis.addEventListener?.('online', this.#onOnline); // there is none in Node.js
    // Later, so that the owner has its listeners in place before the first call of its handler.
    queueMicrotask(() => this.#dial());
  }

  /** Only while `open`. @param {import('./format.js').Part} message */
  send(message) {
    this.#socket?.send(message);
  }

  /** For good. The code 1000 tells the server that nobody will come back; a page that is left sends 1001. */
  close() {
    if (this.state === 'closed') return;
    this.#drop(1000);
    this.#end();
    this.#handler.down({ code: 1000, reason: 'closed by this client', retryInMs: null });
  }

  #end() {
    this.state = 'closed';
    globalThis.removeEventListener?.('online', this.#onOnline);
  }

  /** There is a network again: what the pause was for is over. */
  #onOnline = () => {
    if (this.state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#pause.reset();
    this.#dial();
  };

  async #dial() {
    if (this.state === 'closed') return;
    this.state = 'connecting';
    this.#handler.connecting();
    this.#timer = setTimeout(() => this.#lost(1006, 'no welcome in time'), this.#connectTimeoutMs);
    const deadline = this.#timer;
    try {
      // Asked for anew at each dial: tokens expire.
      const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
      if (this.#timer !== deadline) return;
      const more = this.#handler.hello();
      if (more) this.#open({ op: 'hello', ...(token === undefined ? {} : { token }), ...more });
      else this.#lost(TAKEN_OVER, 'another page goes on with this session');
    } catch (error) {
      if (this.#timer !== deadline) return;
      this.#handler.trouble('connect', String(error));
      this.#lost(1006, String(error));
    }
  }

  /** @param {object} hello */
  #open(hello) {
    const socket = new this.#WebSocket(this.#url, this.#format.subprotocol);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket.send(this.#format.encode(hello));
    socket.onmessage = ({ data }) => this.#onMessage(data);
    socket.onerror = () => {}; // says nothing, and a close always follows
    socket.onclose = ({ code, reason }) => this.#lost(code, reason);
  }

  /** @param {any} data */
  #onMessage(data) {
    let event;
    try {
      event = this.#format.decode(data);
      if (typeof event?.ev !== 'string') throw new TypeError('it has no `ev`');
    } catch (error) {
      this.#handler.trouble('bad_event', `a message of the server was not understood: ${error}`);
      return;
    }
    if (event.ev === 'bye') this.#bye = event;
    if (event.ev === 'welcome' && this.state === 'connecting') {
      clearTimeout(this.#timer);
      this.#openSinceMs = performance.now();
      this.state = 'open';
      this.#handler.open(event);
    } else {
      this.#handler.event(event, data.length ?? data.byteLength);
    }
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#drop();
    if (this.state === 'open' && performance.now() - this.#openSinceMs >= STEADY_MS) this.#pause.reset();
    const retryInMs = code === TAKEN_OVER ? null : this.#pause.next(this.#bye?.reconnect_in_ms);
    const why = reason || this.#bye?.reason || '';
    this.#bye = null;
    if (retryInMs === null) {
      this.#end();
    } else {
      this.state = 'waiting';
      this.#timer = setTimeout(() => this.#dial(), retryInMs);
    }
    this.#handler.down({ code, reason: why, retryInMs });
  }

  /** Nothing of the present socket or timer may be heard any more. @param {number} [code] */
  #drop(code) {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close(code);
  }
}
