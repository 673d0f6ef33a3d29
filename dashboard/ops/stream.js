// GET /v1/admin/live, for as long as the page is open. By fetch(), since an EventSource cannot show a
// token.

import { Pause } from '../../client/pause.js';
import { Refused, request } from './api.js';
import { EventParser } from './sse.js';

/** The server says something every two seconds; the connection of one that does not for so long is dead. */
const SILENCE_MS_MAX = 40_000;
const SILENT = new Error('the server fell silent');

/**
 * Events: `message`, whose detail is `{ event, data }`; `state`, whose detail is
 * `{ state, message, retryAt }`: `connecting`, `live`, `waiting` for the next try at `retryAt` (of `performance.now()`), and
 * `refused` with the `status` of the answer, where only a person can help, who then calls `retry()`.
 */
export class Live extends EventTarget {
  #pause = new Pause();
  #current = null;
  #timer;

  constructor() {
    super();
    // A laptop that wakes up need not wait for its turn.
    addEventListener('online', () => this.#hurry());
    document.addEventListener('visibilitychange', () => {
      if (!document.hidden) this.#hurry();
    });
  }

  /** At once, whatever the state. */
  retry() {
    this.#current?.abort();
    this.#pause.reset();
    this.#dial();
  }

  #hurry() {
    if (this.#timer !== undefined) this.retry();
  }

  async #dial() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const controller = (this.#current = new AbortController());
    this.#tell('connecting');
    let trouble;
    try {
      await this.#read(controller);
      trouble = 'the server ended the connection';
    } catch (error) {
      if (controller !== this.#current) return; // another try has taken over
      if ([401, 403, 404].includes(error.status)) return this.#tell('refused', error);
      trouble = error instanceof Refused || error === SILENT ? error.message : 'the connection was lost';
    }
    if (controller !== this.#current) return;
    const ms = this.#pause.next();
    this.#timer = setTimeout(() => this.#dial(), ms);
    this.#tell('waiting', { message: trouble, retryAt: performance.now() + ms });
  }

  async #read(controller) {
    let silence;
    const listen = () => {
      clearTimeout(silence);
      silence = setTimeout(() => controller.abort(SILENT), SILENCE_MS_MAX);
    };
    try {
      listen();
      const { body } = await request('/live', { signal: controller.signal });
      const reader = body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || controller !== this.#current) return;
        listen();
        for (const { event, data } of parser.push(value)) this.#take(event, JSON.parse(data));
      }
    } finally {
      clearTimeout(silence);
    }
  }

  #take(event, data) {
    if (event === 'history') this.#tell('live');
    // A server that only just comes up may fall again: it has to tell more than its first words.
    if (event === 'tick') this.#pause.reset();
    this.dispatchEvent(new CustomEvent('message', { detail: { event, data } }));
  }

  #tell(state, { status, message, retryAt } = {}) {
    this.dispatchEvent(new CustomEvent('state', { detail: { state, status, message, retryAt } }));
  }
}
