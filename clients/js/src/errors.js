// The errors that a job can end with, and a client.

/**
 * Why a job gave no result.
 *
 * `code` is the server's or the worker's own (`timeout`, `worker_lost`, …), or one of ours:
 * `cancelled`, `closed` (this client was closed), `unreadable` (it is done, and the codec cannot read
 * its result), and those of the other kinds.
 */
export class JobError extends Error {
  /** @param {{ code: string, message?: string, attempt?: number, job?: string, cause?: unknown }} what */
  constructor({ code, message, attempt, job, cause }) {
    super(message || code, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    /** @type {string} */
    this.code = code;
    /** The run that failed, from 1. @type {number | undefined} */
    this.attempt = attempt;
    /** The server's UUID of the job, if it was heard. @type {string | undefined} */
    this.job = job;
  }
}

/**
 * The server did not take the job: nothing was run, and nothing will be. Besides the server's codes:
 * `unreachable` (there was no connection yet, and none came in time), `unauthorized` (nor will there be one).
 */
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
 * `code`: `outcome_lost` (it has ended, and more was to be kept for this client than the server
 * does), `session_lost` (the server does not know the session any more), `connection_lost` (there
 * was none that could be resumed, or there will be no other connection), `taken_over` (another page
 * goes on with the session, and with the job), `detached` (this client let go of both),
 * `unauthorized` (the token is over, and there is no other). Of what is watched also `not_found` (it is
 * not there, or another client's, or ended too long ago), `too_many_jobs`, `duplicate_id` (the server does
 * not let it be watched now) and `unreachable` (there was no connection).
 */
export class LostError extends JobError {}

/**
 * There is no connection. `code`: `unreachable` (none came in time; the client goes on trying),
 * `connection_lost` (nor will one come), `unauthorized`, `taken_over`, `detached`, `closed`.
 */
export class ConnectionError extends Error {
  /** @param {{ code: string, message: string, url: string, closeCode?: number }} what */
  constructor({ code, message, url, closeCode }) {
    super(message);
    this.name = 'ConnectionError';
    /** @type {string} */
    this.code = code;
    /** What was dialled. @type {string} */
    this.url = url;
    /** Of the last WebSocket, if there was one. @type {number | undefined} */
    this.closeCode = closeCode;
  }
}
