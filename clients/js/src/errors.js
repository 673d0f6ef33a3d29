// The errors that a job can end with.

/**
 * Why a job gave no result.
 *
 * `code` is the server's or the worker's own (`timeout`, `worker_lost`, …), or one of ours:
 * `cancelled`, `closed` (this client was closed), and those of `LostError`.
 */
export class JobError extends Error {
  /** @param {{ code: string, message?: string, attempt?: number, job?: string }} what */
  constructor({ code, message, attempt, job }) {
    super(message || code);
    this.name = new.target.name;
    /** @type {string} */
    this.code = code;
    /** The run that failed, from 1. @type {number | undefined} */
    this.attempt = attempt;
    /** The server's UUID of the job, if it was heard. @type {string | undefined} */
    this.job = job;
  }
}

/** The server did not take the job: nothing was run, and nothing will be. */
export class RejectedError extends JobError {
  /** @param {{ code: string, message?: string, job?: string, retry_after_ms?: number | null }} what */
  constructor(what) {
    super(what);
    /** When another try is worth making, if the server said so. @type {number | null} */
    this.retryAfterMs = what.retry_after_ms ?? null;
  }
}

/**
 * No word of the job's outcome can come here any more: it may have run, run now, or never run.
 * `code`: `session_lost` (the server does not know the session any more), `connection_lost` (there
 * was none that could be resumed, or there will be no other connection), `taken_over` (another page
 * goes on with the session, and with the job).
 */
export class LostError extends JobError {}
