// The public face of the package in Node.js, which before version 22 has no WebSocket of its own.

import { createRequire } from 'node:module';

import { Acequia as Client } from '../client.js';

export { ConnectionError, JobError, LostError, RejectedError } from '../errors.js';
export { Job, JobHandle } from '../job.js';

const INSTALL = 'this Node.js has no WebSocket: install the package `ws`, which is then used, or pass the option `WebSocket`';

/** The client, with the WebSocket of Node.js or, where there is none, that of the package `ws`, if it is installed. */
export class Acequia extends Client {
  /** @param {ConstructorParameters<typeof Client>[0]} [url] @param {ConstructorParameters<typeof Client>[1]} [options] */
  constructor(url, options = {}) {
    super(url, { ...options, WebSocket: options.WebSocket ?? globalThis.WebSocket ?? installed() });
  }
}

/** @type {typeof WebSocket | undefined} */
let ws;

function installed() {
  try {
    return (ws ??= /** @type {typeof WebSocket} */ (createRequire(import.meta.url)('ws')));
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'MODULE_NOT_FOUND') throw error;
    throw new TypeError(INSTALL, { cause: error });
  }
}
