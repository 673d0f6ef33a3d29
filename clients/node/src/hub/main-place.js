// The handlers of the thread that made the worker, as a place where jobs run.

import { packJobs } from '../parcel.js';

export class MainPlace {
  #port;

  /** @param {import('node:worker_threads').MessagePort} port @param {import('./desk.js').Desk} desk */
  constructor(port, desk) {
    this.#port = port;
    port.on('message', (parcel) => desk.deliver(this, parcel, parcel.tell ? () => port.postMessage({ sent: parcel.tell }) : undefined));
  }

  /** @param {import('../parcel.js').Taken[]} jobs @param {number} maxBody */
  take(jobs, maxBody) {
    const parcel = packJobs(jobs, maxBody);
    this.#port.postMessage(parcel, [parcel.jobs, ...parcel.large]);
  }

  /** @param {number[]} refs @param {boolean} isVoid */
  cancel(refs, isVoid) {
    this.#port.postMessage({ cancel: refs, isVoid });
  }

  ended() {}

  close() {
    this.#port.close();
  }
}
