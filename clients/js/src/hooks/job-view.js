// One job after another, as a component shows them.

import { View } from './view.js';

/** @typedef {import('../index.js').Acequia} Acequia */
/** @typedef {import('../index.js').JobHandle} JobHandle */

/** Before there is a job. */
export const IDLE = Object.freeze({ job: null, status: 'idle', progress: null, chunks: Object.freeze([]), result: undefined, error: null });

/** How many chunks of a run are kept, the last ones. */
export const CHUNKS_MAX = 10_000;

export class JobView {
  /** @type {JobHandle | null} */
  #job = null;
  #isWatching = false;
  /** @type {AbortController | undefined} */
  #listening;
  /** @type {any} */
  #progress = null;
  /** @type {any[]} */
  #chunks = [];
  /** Those as they are shown; made anew if there are others. @type {any[] | undefined} */
  #shownChunks;
  /** @type {any} */
  #result;
  /** @type {View<any>} */
  #view = new View(() => this.#show());

  get snapshot() {
    return this.#view.snapshot;
  }

  get subscribe() {
    return this.#view.subscribe;
  }

  /**
   * What shows it is there. Returns what is to be done when it goes: the watching ends, and a job goes on.
   *
   * @param {Acequia} client
   * @param {string | null} watch the job to show
   * @param {any} label without one to watch: that of a live job, which was submitted before the page was
   *   loaded again, or by a component that is gone
   */
  begin(client, watch, label) {
    if (watch === null) {
      if (this.#isWatching) this.#follow(null);
      const live = label === undefined || this.#job ? undefined : client.jobs.find((job) => job.label === label);
      if (live) this.#follow(live);
      return () => {};
    }
    const stop = new AbortController();
    this.#follow(client.watch(watch, { signal: stop.signal, label }));
    this.#isWatching = true;
    return () => {
      this.#listening?.abort();
      // After this turn, in which the next one may have begun to watch the same: then it goes on, and nothing is asked again.
      queueMicrotask(() => stop.abort());
    };
  }

  /** @param {Acequia} client @param {any} payload @param {import('../index.js').SubmitOptions} options */
  submit(client, payload, options) {
    if (this.#isWatching) throw new TypeError('a hook that watches a job does not submit: use another one for that');
    const job = client.start(payload, options);
    this.#follow(job);
    return job;
  }

  cancel = () => this.#job?.cancel();

  /** @param {JobHandle | null} job */
  #follow(job) {
    this.#listening?.abort();
    this.#isWatching = false;
    this.#job = job;
    this.#result = undefined;
    this.#beginRun();
    if (job) {
      const { signal } = (this.#listening = new AbortController());
      for (const [type, hear] of Object.entries(this.#hearing)) {
        job.addEventListener(/** @type {any} */ (type), ({ detail }) => {
          hear(detail);
          this.#view.changed();
        }, { signal });
      }
    }
    this.#view.changed();
  }

  /** @type {Record<string, (detail: any) => void>} */
  #hearing = {
    accepted: () => {},
    started: () => this.#beginRun(),
    progress: ({ done, total, note }) => (this.#progress = { done, total, note }),
    chunk: (chunk) => this.#addChunk(chunk),
    retrying: () => this.#beginRun(),
    done: ({ result }) => (this.#result = result),
    failed: () => {},
    cancelled: () => {},
    rejected: () => {},
  };

  /** What an earlier run said is void. */
  #beginRun() {
    this.#progress = null;
    this.#chunks = [];
    this.#shownChunks = undefined;
  }

  /** @param {{ n: number, data: any, unreadable?: Error }} chunk */
  #addChunk({ n, data, unreadable }) {
    if (n === 1) this.#chunks = [];
    if (!unreadable) this.#chunks.push(data); // the client has told that one as an error
    if (this.#chunks.length > CHUNKS_MAX) this.#chunks.shift();
    this.#shownChunks = undefined;
  }

  #show() {
    const job = this.#job;
    if (!job) return IDLE;
    this.#shownChunks ??= [...this.#chunks];
    return { job, status: job.state, progress: this.#progress, chunks: this.#shownChunks, result: this.#result, error: job.error ?? null };
  }
}
