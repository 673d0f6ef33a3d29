// What becomes of a live job after its connection was lost. Pure.

/**
 * How far a live job got.
 *
 * @typedef {object} Progress
 * @property {boolean} sent on some connection
 * @property {boolean} heard the server said something about it
 * @property {boolean} accepted that it has accepted it: until then a crash may lose the job, even one that has started
 * @property {boolean} cancelling
 * @property {boolean} keyed it has a `key`: submitted again, the same job answers
 * @property {import('./format.js').Part | null} part its op, while it may have to be sent again
 *
 * @typedef {object} Policy
 * @property {boolean} resend jobs of which the server may not know may be sent again
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
  if (resumed) return job.cancelling ? 'cancel' : isSafe(job) ? 'wait' : 'unsure';
  return job.cancelling ? 'lost' : orLost(job, policy, !job.heard);
}

/**
 * Whether a session that goes on tells of the job, be it after a crash of the server. After that,
 * only one of the ids that waited for the job of a key is known: those are sent again, if they can be.
 * @param {Progress} job
 */
export function isSafe({ accepted, keyed, part }) {
  return accepted && !(keyed && part !== null);
}

/**
 * What becomes of a job that is not safe, and whose end the replay does not tell.
 * @param {Progress} job @param {Policy} policy
 */
export function afterReplay(job, policy) {
  return orLost(job, policy, !job.accepted);
}

/**
 * @param {Progress} job @param {Policy} policy @param {boolean} isUnknown the server may not know of it
 * @returns {'send' | 'lost'}
 */
function orLost({ keyed, part }, { resend, resubmit }, isUnknown) {
  const again = resubmit || keyed || (resend && isUnknown);
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
export function loss({ sent, accepted }, hadSession) {
  if (!sent) return { code: 'connection_lost', message: 'the page was loaded again before the job was sent, and the storage had no room for its payload; it never ran' };
  if (!accepted) return { code: 'connection_lost', message: 'the connection was lost before the server had accepted the job; it may or may not run' };
  if (hadSession) return { code: 'session_lost', message: 'the server does not know the session any more; the outcome of the job is unknown' };
  return { code: 'connection_lost', message: 'the connection was lost after the job was accepted; its outcome is unknown, and this session cannot be resumed' };
}
