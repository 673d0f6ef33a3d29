// One WebSocket after another: dial, hello, welcome, and again with a growing pause when it ends.
// Knows nothing of jobs.

/**
 * @typedef {object} ConnectionOptions
 * @property {string | (() => string | Promise<string>)} [token]
 * @property {typeof WebSocket} [WebSocket]
 * @property {{ minMs?: number, maxMs?: number, retries?: number } | false} [reconnect]
 * @property {number} [connectTimeoutMs]
 *
 * @typedef {object} Handler what the owner wants to know
 * @property {() => void} connecting
 * @property {(welcome: any) => void} open
 * @property {(event: any) => void} event
 * @property {(code: string, message: string) => void} trouble not the end of the connection
 * @property {(down: { code: number, reason: string, retryInMs: number | null }) => void} down
 */

/**
 * ```text
 * connecting ──welcome──▶ open
 *   ▲     │                │ the socket ends
 *   │     ▼                ▼
 *   └── waiting ◀──────────┘     any ──close()──▶ closed
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
  /** The pause that a `bye` asked for: the server spreads its clients' return. @type {number | null} */
  #byePauseMs = null;

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
    // Later, so that the owner has its listeners in place before the first call of its handler.
    queueMicrotask(() => this.#dial());
  }

  /** Only while `open`. @param {import('./format.js').Part} message */
  send(message) {
    this.#socket?.send(message);
  }

  close() {
    if (this.state === 'closed') return;
    this.#drop();
    this.state = 'closed';
    this.#handler.down({ code: 1000, reason: 'closed by this client', retryInMs: null });
  }

  async #dial() {
    if (this.state === 'closed') return;
    this.state = 'connecting';
    this.#handler.connecting();
    this.#timer = setTimeout(() => this.#lost(1006, 'no welcome in time'), this.#connectTimeoutMs);
    const deadline = this.#timer;
    try {
      // Asked for anew at each dial: tokens expire.
      const token = typeof this.#token === 'function' ? await this.#token() : this.#token;
      if (this.#timer === deadline) this.#open({ op: 'hello', ...(token === undefined ? {} : { token }) });
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
    if (event.ev === 'bye') this.#byePauseMs = event.reconnect_in_ms ?? null;
    if (event.ev === 'welcome' && this.state === 'connecting') {
      clearTimeout(this.#timer);
      this.#pause.reset();
      this.state = 'open';
      this.#handler.open(event);
    } else {
      this.#handler.event(event);
    }
  }

  /** @param {number} code @param {string} reason */
  #lost(code, reason) {
    this.#drop();
    const own = this.#pause.next();
    const retryInMs = own === null ? null : (this.#byePauseMs ?? own);
    this.#byePauseMs = null;
    if (retryInMs === null) {
      this.state = 'closed';
    } else {
      this.state = 'waiting';
      this.#timer = setTimeout(() => this.#dial(), retryInMs);
    }
    this.#handler.down({ code, reason, retryInMs });
  }

  /** Nothing of the present socket or timer may be heard any more. */
  #drop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const socket = this.#socket;
    this.#socket = undefined;
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
}

/** How long to wait before the next dial: doubling, with jitter, up to a limit. */
export class Pause {
  #minMs;
  #maxMs;
  #retries;
  #count = 0;

  /** @param {ConnectionOptions['reconnect']} [options] */
  constructor(options = {}) {
    const { minMs = 250, maxMs = 15_000, retries = Infinity } = options || { retries: 0 };
    this.#minMs = minMs;
    this.#maxMs = maxMs;
    this.#retries = retries;
  }

  /** In ms; null when it is time to give up. */
  next() {
    if (this.#count >= this.#retries) return null;
    const limit = Math.min(this.#maxMs, this.#minMs * 2 ** this.#count);
    this.#count += 1;
    // Half of it is random, so that the clients of a restarted server do not return as one.
    return limit * (0.5 + Math.random() / 2);
  }

  reset() {
    this.#count = 0;
  }
}
