// The worker as its user sees it, and what joins its parts: handlers in this thread, everything else in the hub's.

import { MessageChannel, Worker as Thread } from 'node:worker_threads';

import { configOf } from './config.js';
import { WorkerError } from './errors.js';
import { Queues } from './queues.js';
import { Runner } from './runner.js';
import { onSignals } from './signals.js';

const HUB = new URL('./hub/hub.js', import.meta.url);
/** How long a process that ends waits for its sockets to be closed. */
const CLOSE_MS = 1_000;
/** How long a stopped worker waits for handlers whose jobs are void, and that were told to give up. */
const GIVE_UP_MS = 2_000;
/** What comes behind `run` has so long, where handlers are left that heed nothing. */
const LEAVE_MS = 1_000;

/** @type {import('./index.js').Log} */
const STDERR = {
  info: (text) => console.error(`acequia: ${text}`),
  warn: (text) => console.error(`acequia: ${text}`),
  error: (text) => console.error(`acequia: ${text}`),
};
/** @type {import('./index.js').Log} */
const SILENT = { info() {}, warn() {}, error() {} };

/** Where a server is, and what to do for which queue. */
export class Worker {
  #options;
  #queues = new Queues();
  #stop = new AbortController();
  #isRunning = false;

  /** @param {import('./index.js').WorkerOptions} [options] what is left out is taken from the environment */
  constructor(options = {}) {
    this.#options = { ...options };
  }

  /**
   * Serves a queue: with a function, which runs in this thread, or with the module whose default export is the
   * function, in threads of its own.
   *
   * @param {string} name @param {import('./runner.js').Handler | URL | string} handler @param {import('./index.js').ThreadOptions} [options]
   */
  queue(name, handler, options) {
    if (this.#isRunning) throw new WorkerError(`the queue \`${name}\` comes too late: the worker runs`);
    this.#queues.add(name, handler, options);
    return this;
  }

  /**
   * Works until it is told to stop, by `stop`, by the signal, or by SIGTERM or SIGINT; then it takes no more jobs,
   * finishes those that it holds, and resolves when their results are written.
   *
   * @param {{ signal?: AbortSignal }} [options]
   */
  async run({ signal } = {}) {
    if (this.#isRunning) throw new WorkerError('the worker runs already');
    const { servers, config } = configOf(this.#options, this.#queues.names, process.env);
    this.#isRunning = true;
    const log = this.#options.log === false ? SILENT : (this.#options.log ?? STDERR);
    const stop = () => this.stop();
    const told = { bySignal: false };
    const restore = this.#options.signals === false ? () => {} : onSignals((name) => {
      log.info(`${name}: no more jobs are taken, those that are held are finished`);
      told.bySignal = true;
      stop();
    });
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop);
    try {
      await this.#serve({ servers, config, pools: this.#queues.pools(config.slots) }, log, told);
    } finally {
      signal?.removeEventListener('abort', stop);
      restore();
    }
  }

  /** Tells it to stop. `run` resolves when it has. */
  stop() {
    this.#stop.abort();
  }

  /** @param {object} setup @param {import('./index.js').Log} log @param {{ bySignal: boolean }} told */
  async #serve(setup, log, told) {
    const { port1, port2 } = new MessageChannel();
    const runner = new Runner(port1, (queue) => this.#queues.handler(queue));
    // Without the arguments of this process: what they load is for its own modules.
    const closed = new Int32Array(new SharedArrayBuffer(4));
    const hub = new Thread(HUB, { workerData: { ...setup, port: port2, closed }, transferList: [port2], execArgv: [], name: 'acequia' });
    // Should the process end before the worker does.
    const onExit = () => {
      hub.postMessage('abandon');
      Atomics.wait(closed, 0, 0, CLOSE_MS);
    };
    process.once('exit', onExit);
    this.#stop.signal.addEventListener('abort', () => hub.postMessage('leave'));
    if (this.#stop.signal.aborted) hub.postMessage('leave');
    /** @type {WorkerError | undefined} */
    let fatal;
    hub.on('message', ({ log: level, text, fatal: why, stack }) => {
      if (why !== undefined) fatal ??= new WorkerError(why, { cause: stack });
      else log[/** @type {'info'} */ (level)](text);
    });
    try {
      await new Promise((resolve, reject) => {
        hub.once('error', reject);
        hub.once('exit', resolve);
      });
      if (fatal) throw fatal;
      await this.#handlersEnd(runner, log, told);
    } finally {
      process.off('exit', onExit);
      port1.close();
    }
  }

  /** Gives handlers a moment whose jobs are void. @param {Runner} runner @param {import('./index.js').Log} log @param {{ bySignal: boolean }} told */
  async #handlersEnd(runner, log, { bySignal }) {
    /** @type {any} */
    let timer;
    await Promise.race([runner.idle(), new Promise((resolve) => (timer = setTimeout(resolve, GIVE_UP_MS)))]);
    clearTimeout(timer);
    if (runner.running === 0) return;
    log.warn(`${runner.running} handlers still run, whose jobs the server has given to others`);
    // The signal was for the process, which they would keep alive.
    if (bySignal) setTimeout(() => process.exit(), LEAVE_MS).unref();
  }
}
