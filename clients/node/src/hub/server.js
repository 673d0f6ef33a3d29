// One server: connection after connection, until the worker is told to stop.

import { setTimeout as sleep } from 'node:timers/promises';

import { Backoff } from './backoff.js';
import { Connection } from './connection.js';

/** A connection that lasted so long was one. */
const STEADY_MS = 5_000;

export class Server {
  #config;
  #endpoints;
  #owner;
  #stop = new AbortController();
  /** @type {Connection | undefined} */
  #connection;

  /** @param {import('./connection.js').Config} config @param {{ jobs: string, results: string }} endpoints @param {import('./connection.js').Owner} owner */
  constructor(config, endpoints, owner) {
    this.#config = config;
    this.#endpoints = endpoints;
    this.#owner = owner;
  }

  /** Resolves once told to leave, and gone. Rejects if the server and this library have no common language. */
  async run() {
    const backoff = new Backoff();
    const { signal } = this.#stop;
    while (!signal.aborted) {
      this.#connection = new Connection(this.#config, this.#endpoints, this.#owner);
      const end = await this.#connection.run();
      this.#connection = undefined;
      if ('stopped' in end) return;
      if (end.fatal) throw new Error(end.why);
      // One that is dropped at once is none, as a server does that asks for another token.
      if (end.lastedMs >= STEADY_MS) backoff.reset();
      this.#owner.log('warn', `${end.why}; dialling ${this.#endpoints.jobs} again`);
      await sleep(backoff.pauseMs(), undefined, { signal }).catch(() => {});
    }
  }

  /** Takes no more jobs, and finishes what is held. */
  leave() {
    this.#stop.abort();
    this.#connection?.leave();
  }

  /** Ends now. Resolves when nothing is left of it. */
  async abandon() {
    this.#stop.abort();
    await this.#connection?.abandon();
  }
}
