// The queues of a worker: what does the work of which.

import { availableParallelism } from 'node:os';
import { isAbsolute } from 'node:path';
import { pathToFileURL } from 'node:url';

import { integer } from './config.js';
import { WorkerError } from './errors.js';
import { shown } from './failure.js';
import { QUEUE_NAME } from './limits.js';

const THREADS_MAX = 1_024;
/** How long a thread whose job was cancelled may go on before it is ended. */
const KILL_AFTER_MS = 2_000;
const KILL_AFTER_MS_MAX = 3_600_000;

const NAMES = ['threads', 'killAfterMs', 'resourceLimits'];

export class Queues {
  /** Those that this thread does. @type {Map<string, import('./runner.js').Handler>} */
  #handlers = new Map();
  /** Those that threads of their own do. @type {Map<string, { module: string, options: import('./index.js').ThreadOptions }>} */
  #modules = new Map();

  get names() {
    return [...this.#handlers.keys(), ...this.#modules.keys()];
  }

  /** @param {string} name */
  handler(name) {
    return this.#handlers.get(name);
  }

  /** @param {string} name @param {import('./runner.js').Handler | URL | string} handler @param {import('./index.js').ThreadOptions} [options] */
  add(name, handler, options) {
    if (typeof name !== 'string' || !QUEUE_NAME.test(name)) {
      throw new WorkerError(`${shown(name)} cannot be the name of a queue: it has 1 to 64 of A-Z, a-z, 0-9, \`.\`, \`_\` and \`-\``);
    }
    if (this.#handlers.has(name) || this.#modules.has(name)) throw new WorkerError(`the queue \`${name}\` has two handlers; give each queue one`);
    if (typeof handler === 'function') {
      if (options !== undefined) throw new WorkerError(`the queue \`${name}\` has options for threads, and a function, which cannot be handed to a thread; give it the URL of a module`);
      this.#handlers.set(name, handler);
    } else {
      this.#modules.set(name, { module: moduleOf(name, handler), options: checked(options ?? {}) });
    }
  }

  /** The threads, for a worker of so many slots. @param {number} slots @returns {import('./hub/threads.js').Options[]} */
  pools(slots) {
    const most = Math.min(availableParallelism(), slots);
    return [...this.#modules].map(([queue, { module, options: { threads = most, killAfterMs = KILL_AFTER_MS, resourceLimits } }]) => ({
      queue, module, threads, killAfterMs, resourceLimits, execArgv: process.execArgv,
    }));
  }
}

/** @param {string} name @param {unknown} handler */
function moduleOf(name, handler) {
  if (handler instanceof URL) return handler.href;
  if (typeof handler === 'string' && handler.startsWith('file:')) return handler;
  if (typeof handler === 'string' && isAbsolute(handler)) return pathToFileURL(handler).href;
  throw new WorkerError(`the handler of the queue \`${name}\` is a function, or a module as \`new URL('./module.js', import.meta.url)\` or an absolute path, and not ${shown(handler)}`);
}

/** @param {import('./index.js').ThreadOptions} options */
function checked(options) {
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown) throw new WorkerError(`a queue has no option \`${unknown}\`; there are ${NAMES.join(', ')}`);
  if (options.threads !== undefined) integer('threads', options.threads, 1, THREADS_MAX);
  if (options.killAfterMs !== undefined) integer('killAfterMs', options.killAfterMs, 0, KILL_AFTER_MS_MAX);
  return options;
}
