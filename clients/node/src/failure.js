// Why a job failed, and what is said of whatever a handler threw.

import { inspect } from 'node:util';

/** @typedef {{ code: string | null, message: string, retry: boolean }} Told what the client is told */

/**
 * A failed run of a job, as its client sees it. Any other error fails the job as well: its message and those of its
 * causes are the message, it has no code of its own (the client then sees `worker_error`), and it may be tried again.
 */
export class Failure extends Error {
  name = 'Failure';

  /**
   * @param {string} message what happened, for people; at most 4 KiB of it reach the client
   * @param {{ code?: string | null, retry?: boolean, cause?: unknown }} [options] `code`: for the client's program, at
   *   most 64 bytes of it; `retry`: whether another attempt may help (default: true)
   */
  constructor(message, { code = null, retry = true, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retry = retry;
  }

  /** What a handler throws that stopped because its job was cancelled. */
  static cancelled() {
    return new Failure('the job was cancelled', { code: 'cancelled', retry: false });
  }
}

/** The body of a job, a result or a chunk would not be taken by the other end. @param {string} message */
export function badResult(message) {
  return new Failure(message, { code: 'bad_result', retry: false });
}

const CAUSES_MAX = 8;

/**
 * What the client is told of what a handler threw. Never throws, whatever that is.
 *
 * @param {unknown} thrown @returns {Told}
 */
export function told(thrown) {
  try {
    if (thrown instanceof Failure) {
      const { code, message, retry } = thrown;
      return { code: code == null ? null : String(code), message: String(message), retry: Boolean(retry) };
    }
  } catch {
    // A failure that was tampered with is like any other object.
  }
  return { code: null, message: describe(thrown), retry: true };
}

/** In words, whatever it is. @param {unknown} thrown @returns {string} */
export function describe(thrown) {
  try {
    if (thrown instanceof Error) return ofError(thrown);
    if (typeof thrown === 'string') return thrown;
    const message = thrown && /** @type {any} */ (thrown).message;
    if (message && typeof message === 'string') return message;
  } catch {
    // Something that is no error after all, and says nothing of itself.
  }
  return `the handler threw ${shown(thrown)}`;
}

/** A value as a program would write it, for a message. Never throws. @param {unknown} value */
export function shown(value) {
  try {
    return inspect(value, { depth: 1, breakLength: Infinity });
  } catch {
    return 'something that cannot be shown';
  }
}

/** @param {Error} error */
function ofError(error) {
  const words = [];
  /** @type {unknown} */
  let each = error;
  while (each instanceof Error && words.length < CAUSES_MAX) {
    words.push(String(each.message || each.name));
    each = each.cause;
  }
  return words.join(': ');
}
