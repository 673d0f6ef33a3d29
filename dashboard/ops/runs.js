// What fills the slots of a worker: jobs that run; and runs that timed out, were cancelled or are lost
// while the worker has not answered yet, which hold their slots all the same.

import { age, plural } from './format.js';

/** Of a worker, the server tells of so many of its jobs. */
const JOBS_TOLD = 100;
const WHY = { timeout: 'timed out', cancelled: 'cancelled', lost: 'lost' };

/** Runs that hold a slot and count no more; a server that does not tell has none. */
export const heldBy = (worker) => worker.held ?? [];

/** All that fills slots, what holds them in vain first: `{ job, since_ms, why?, queue?, attempt? }`. */
export const runsOf = (worker) => [...heldBy(worker), ...worker.jobs];

/** Busy slots of which nobody says what is in them. */
export function unexplained({ busy, jobs, ...rest }) {
  return jobs.length < JOBS_TOLD ? Math.max(0, busy - jobs.length - heldBy(rest).length) : 0;
}

/** `ready`, `draining` or `silent`; a ready one whose slots are all held in vain is `held`. */
export function stateOf(worker) {
  const held = heldBy(worker).length + unexplained(worker);
  return worker.state === 'ready' && held > 0 && held >= worker.slots ? 'held' : worker.state;
}

/** What is to be said beside the name of a run. @param {{ several?: boolean, words?: (ms: number) => string }} [of] `several`: its worker serves more than one queue */
export function wordsOf({ queue, since_ms: since, attempt, why }, now, { several = true, words = age } = {}) {
  const time = words(now - since);
  if (why !== undefined) return `${WHY[why] ?? why}, held ${time}`;
  return `${time}${several ? ` ${queue}` : ''}${attempt > 1 ? `, run ${attempt}` : ''}`;
}

/** Of slots that nobody explains. */
export const unexplainedWords = (slots) => (slots === 0 ? '' : `${plural(slots, 'slot')} held by a run that is over`);
