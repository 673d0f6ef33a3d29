// A job that the server has taken.

/** Another view of it than its id alone: the same calls, without naming it. */
export class HttpJob {
  #client;

  /** @param {import('./client.js').HttpClient} client @param {string} id @param {string} [state] */
  constructor(client, id, state) {
    this.#client = client;
    /** The server's UUID of the job. */
    this.id = id;
    /** Where it was when the server took it; undefined if it was not asked. */
    this.state = state;
  }

  /** Its result, once it is there. @param {import('./client.js').WaitOptions} [options] */
  wait(options) {
    return this.#client.wait(this.id, options);
  }

  /** Where it is, or how it ended. @param {import('./client.js').StatusOptions} [options] */
  status(options) {
    return this.#client.status(this.id, options);
  }

  /** Its result, if it is there. @param {import('./client.js').CallOptions} [options] */
  result(options) {
    return this.#client.result(this.id, options);
  }

  /** @param {import('./client.js').CallOptions} [options] */
  cancel(options) {
    return this.#client.cancel(this.id, options);
  }
}
