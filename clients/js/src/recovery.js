// What becomes of a live job after its connection was lost. Pure.

/**
 * How far a live job got.
 *
 * @typedef {object} Progress
 * @property {boolean} sent on some connection
 * @property {boolean} heard the server said something about it
 * @property {boolean} cancelling
 * @property {boolean} keyed it has a `key`: submitted again, the same job answers
 * @property {import('./format.js').Part | null} part its op, while it may have to be sent again
 *
 * @typedef {object} Policy
 * @property {boolean} resend jobs that were sent and not heard of may be sent again
 * @property {boolean} resubmit so may all others, though they may run twice then
 * @property {boolean} [reconnects] there will be another connection
 *
 * @typedef {'wait' | 'send' | 'cancel' | 'unsure' | 'lost'} Fate
 * - `wait`: the server has it, and its events come;
 * - `send`: it must be submitted (again), under the same id;
 * - `cancel`: the wish to cancel it must be repeated;
 * - `unsure`: `send`, unless the replay has word of it;
 * - `lost`: no word of it can come any more.
 */

/**
 * @param {Progress} job @param {boolean} resumed whether its session goes on @param {Policy} policy
 * @returns {Fate}
 */
export function fate(job, resumed, policy) {
  if (!job.sent) return job.part === null ? 'lost' : 'send';
  if (resumed) return job.cancelling ? 'cancel' : job.heard ? 'wait' : 'unsure';
  return job.cancelling ? 'lost' : afterReplay(job, policy);
}

/**
 * What becomes of a job that the replay says nothing of, or of which there is no replay.
 * @param {Progress} job @param {Policy} policy
 * @returns {'send' | 'lost'}
 */
export function afterReplay({ heard, keyed, part }, { resend, resubmit }) {
  const again = resubmit || keyed || (resend && !heard);
  return again && part !== null ? 'send' : 'lost';
}

/** Whether the op must be kept although the server has the job. @param {{ keyed: boolean }} job @param {Policy} policy */
export function keepsPart({ keyed }, { resubmit }) {
  return keyed || resubmit;
}

/**
 * Why, for the error of a job that is lost.
 * @param {Progress} job @param {boolean} hadSession whether there was a session to go on with
 */
export function loss({ sent, heard }, hadSession) {
  if (!sent) return { code: 'connection_lost', message: 'the page was loaded again before the job was sent, and the storage had no room for its payload; it never ran' };
  if (!heard) return { code: 'connection_lost', message: 'the connection was lost before the server answered; the job may or may not run' };
  if (hadSession) return { code: 'session_lost', message: 'the server does not know the session any more; the outcome of the job is unknown' };
  return { code: 'connection_lost', message: 'the connection was lost after the job was accepted; its outcome is unknown, and this session cannot be resumed' };
}
