// One rendering: a job for each tile of a view, until each has ended. No DOM.

import { LostError, RejectedError } from '../client/index.js';
import { payloadOf, tilesOf } from './view.js';

export const QUEUE = 'mandelbrot';

/** Runs of a tile that its worker fails. */
const ATTEMPTS = 3;
/** For so long after its connection was lost, a page may be back. */
const ABSENCE_MS = 15_000;

export class Rendering {
  #client;
  #view;
  #on;
  #abort = new AbortController();

  /**
   * @param {import('../client/index.js').Acequia} client a MessagePack session
   * @param {import('./view.js').View} view
   * @param {object} on what the page wants to know
   * @param {(tile: object, worker: string) => void} on.started
   * @param {(tile: object) => void} on.stopped its run came to nothing, and there will be another
   * @param {(tile: object, bytes: Uint8Array) => void} on.done
   * @param {(tile: object, error: Error) => void} on.failed
   */
  constructor(client, view, on) {
    this.#client = client;
    this.#view = view;
    this.#on = on;
    this.tiles = tilesOf(view);
    // In one turn, so in one message: the server shares the jobs out.
    for (const tile of this.tiles) this.#submit(tile);
  }

  /** Cancels what is still live. Nothing is told after this. */
  stop() {
    this.#abort.abort();
  }

  #submit(tile) {
    const { signal } = this.#abort;
    if (signal.aborted) return;
    // Nobody else wants the tiles of a page that is gone.
    const options = { queue: QUEUE, attempts: ATTEMPTS, onDisconnect: { cancelAfterMs: ABSENCE_MS }, signal };
    const job = this.#client.submit(payloadOf(this.#view, tile), options);
    job.addEventListener('started', ({ detail }) => {
      if (!signal.aborted) this.#on.started(tile, detail.worker || 'a worker without a name');
    });
    job.addEventListener('retrying', () => {
      if (!signal.aborted) this.#on.stopped(tile);
    });
    job.result.then(
      (bytes) => signal.aborted || this.#done(tile, bytes),
      (error) => signal.aborted || this.#failed(tile, error),
    );
  }

  #done(tile, bytes) {
    const length = tile.width * tile.height * 2;
    if (bytes instanceof Uint8Array && bytes.length === length) this.#on.done(tile, bytes);
    else this.#on.failed(tile, new Error(`a tile's result should be ${length} bytes`));
  }

  #failed(tile, error) {
    const unasked = error instanceof LostError || error.code === 'cancelled';
    if (unasked && this.#client.state !== 'closed') {
      // The page was away for too long, or the server came back without the session. A tile may be
      // computed twice: nobody minds.
      this.#on.stopped(tile);
      this.#submit(tile);
    } else if (error instanceof RejectedError && error.retryAfterMs !== null) {
      this.#on.stopped(tile);
      setTimeout(() => this.#submit(tile), error.retryAfterMs);
    } else {
      this.#on.failed(tile, error);
    }
  }
}
