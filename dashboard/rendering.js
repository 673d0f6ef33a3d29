// One rendering: a job for each tile of a view, until each has ended. No DOM.

import { LostError, RejectedError } from '../client/index.js';
import { now } from './times.js';
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
  /** The live ones. */
  #jobs = new Set();
  #stopped = false;

  /**
   * @param {import('../client/index.js').Acequia} client a MessagePack session with a storage
   * @param {import('./view.js').View} view
   * @param {string} id by which the page knows its jobs again after a reload
   * @param {object} on what the page wants to know
   * @param {(tile: object, worker: string) => void} on.started
   * @param {(tile: object, isLost: boolean) => void} on.stopped its run came to nothing, and there will be another; whether its worker was lost
   * @param {(tile: object, trip: number) => void} on.ended the outcome is here, so many ms after the submit
   * @param {(tile: object, counts: Uint16Array) => void} on.done
   * @param {(tile: object, error: Error) => void} on.failed
   */
  constructor(client, view, id, on) {
    this.#client = client;
    this.#view = view;
    this.id = id;
    this.#on = on;
    this.tiles = tilesOf(view);
  }

  /**
   * Submits the tiles: all in one turn, so in one message; the server shares the jobs out. After a reload,
   * those are left out that are done, and those that are under way are followed.
   * @param {(index: number) => boolean} [isDone]
   * @returns {{ submitted: number, followed: number }}
   */
  begin(isDone = () => false) {
    const underWay = new Map();
    for (const job of jobsOfPictures(this.#client)) {
      if (job.label.picture === this.id) underWay.set(job.label.tile, job);
      else job.cancel(); // of a picture that nobody sees any more
    }
    const told = { submitted: 0, followed: 0 };
    for (const tile of this.tiles) {
      if (isDone(tile.index)) continue;
      const job = underWay.get(tile.index);
      told[job ? 'followed' : 'submitted'] += 1;
      if (job) this.#follow(tile, job);
      else this.#submit(tile);
    }
    return told;
  }

  /** Cancels what is still live. Nothing is told after this. */
  stop() {
    this.#stopped = true;
    for (const job of this.#jobs) job.cancel();
  }

  #submit(tile) {
    if (this.#stopped) return;
    const label = { picture: this.id, tile: tile.index, at: now() };
    // Nobody else wants the tiles of a page that is gone.
    const options = { queue: QUEUE, attempts: ATTEMPTS, onDisconnect: { cancelAfterMs: ABSENCE_MS }, label };
    this.#follow(tile, this.#client.submit(payloadOf(this.#view, tile), options));
  }

  #follow(tile, job) {
    this.#jobs.add(job);
    const hear = (type, act) => job.addEventListener(type, ({ detail }) => this.#stopped || act(detail));
    hear('started', ({ worker }) => this.#on.started(tile, worker || 'a worker without a name'));
    hear('retrying', ({ code }) => this.#on.stopped(tile, code === 'worker_lost'));
    // The time is taken when the event comes, before anything that came with it is painted.
    hear('done', () => this.#on.ended(tile, now() - job.label.at));
    const ended = (act) => (outcome) => {
      this.#jobs.delete(job);
      if (!this.#stopped) act(outcome);
    };
    job.result.then(ended((bytes) => this.#done(tile, bytes)), ended((error) => this.#failed(tile, error)));
  }

  #done(tile, bytes) {
    const pixels = tile.width * tile.height;
    if (bytes instanceof Uint8Array && bytes.length === pixels * 2) this.#on.done(tile, countsOf(bytes));
    else this.#on.failed(tile, new Error(`a tile's result should be ${pixels * 2} bytes`));
  }

  #failed(tile, error) {
    // Who kills worker after worker kills those of one tile at last: that is not the tile's fault.
    const isLost = error.code === 'worker_lost';
    const unasked = isLost || error instanceof LostError || error.code === 'cancelled';
    if (unasked && this.#client.state !== 'closed') {
      // The page was away for too long, or the server came back without the session. A tile may be
      // computed twice: nobody minds.
      this.#on.stopped(tile, isLost);
      this.#submit(tile);
    } else if (error instanceof RejectedError && error.retryAfterMs !== null) {
      this.#on.stopped(tile, false);
      setTimeout(() => this.#submit(tile), error.retryAfterMs);
    } else {
      this.#on.failed(tile, error);
    }
  }
}

/** The live jobs of this page's pictures, also of one before a reload. */
const jobsOfPictures = (client) => client.jobs.filter(({ label }) => label?.picture !== undefined);

/** @param {Uint8Array} bytes little-endian u16, row by row */
function countsOf(bytes) {
  const from = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint16Array.from({ length: bytes.length / 2 }, (_, i) => from.getUint16(i * 2, true));
}
