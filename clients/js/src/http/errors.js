// What a server answered in place of what was asked for.

import { JobError, RejectedError } from '../errors.js';

/**
 * The server's answer is a problem, which is not how a job ended.
 *
 * `code` is the server's: `not_found`, `has_ended`, `unauthorized`, `forbidden`, `rate_limited`, …; or `no_problem`, if
 * the answer is not one of an Acequia server.
 */
export class HttpError extends Error {
  /** @param {{ code: string, message: string, status: number, job?: string, retryAfterMs?: number | null }} what */
  constructor({ code, message, status, job, retryAfterMs = null }) {
    super(message);
    this.name = new.target.name;
    /** @type {string} */
    this.code = code;
    /** The status of the answer. @type {number} */
    this.status = status;
    /** The job that it is about, if there is one. @type {string | undefined} */
    this.job = job;
    /** When another try is worth making, if the server said so. @type {number | null} */
    this.retryAfterMs = retryAfterMs;
  }
}

/** The job has not ended, or not while it was waited for. It goes on. `code` is `not_ended`. */
export class NotEndedError extends HttpError {}

/** @typedef {import('./call.js').Answer} Answer */

/** A problem that is about the call. @param {Answer} answer */
export function httpErrorOf(answer) {
  const { code, message, job, retryAfterMs } = problemOf(answer);
  const Kind = code === 'not_ended' ? NotEndedError : HttpError;
  return new Kind({ code, message, job, retryAfterMs, status: answer.status });
}

/** How a job ended that gave no result. @param {Answer} answer */
export function jobErrorOf(answer) {
  return new JobError(problemOf(answer));
}

/** Why a job was not taken. @param {any} problem as the server has it */
export function rejectedErrorOf({ code, detail, job, retry_after_ms }) {
  return new RejectedError({ code, message: detail, job, retry_after_ms });
}

/** @param {Answer} answer @returns {{ code: string, message: string, job?: string, attempt?: number, retryAfterMs: number | null }} */
export function problemOf({ status, type, text, retryAfterMs }) {
  if (type === 'application/problem+json') {
    const { code, detail, job, attempt } = JSON.parse(text());
    return { code, message: detail, job, attempt, retryAfterMs };
  }
  return { code: 'no_problem', message: `status ${status}: ${text().slice(0, 200)}`, retryAfterMs };
}
