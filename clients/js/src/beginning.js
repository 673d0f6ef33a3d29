// What is looked at when something begins that will have a result.

import { abandon, deliver, fail } from './job.js';

/** @typedef {import('./index.js').AbortSignalLike} Signal */

/**
 * How a job ends of which the server need not be told; null if it must be.
 * @param {{ isClosed: boolean, refusal: string | null, signal?: Signal }} about `refusal`: why no server would take it
 * @returns {((job: import('./job.js').JobHandle) => void) | null}
 */
export function endOf({ isClosed, refusal, signal }) {
  if (isClosed) return (job) => fail(job, CLOSED);
  if (refusal !== null) return (job) => deliver(job, { ev: 'rejected', id: job.id, code: 'bad_request', message: refusal });
  return signal?.aborted ? (job) => abandon(job, signal.reason) : null;
}

export const CLOSED = { code: 'closed', message: 'the client is closed' };

/** For as long as there is no result. @param {Signal | undefined} signal @param {Promise<any>} result @param {(reason: unknown) => void} abort */
export function heed(signal, result, abort) {
  if (!signal) return;
  const onAbort = () => abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  const letGo = () => signal.removeEventListener('abort', onAbort);
  result.then(letGo, letGo);
}
