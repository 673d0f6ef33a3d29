// A live job as its client keeps it, and as a storage does.

/**
 * @typedef {import('./recovery.js').Progress & {
 *   job: import('./job.js').JobHandle,
 *   repeated: boolean,
 *   watched: boolean,
 *   idle: boolean,
 * }} Entry
 * - `repeated`: sent again under its id, so that the server may know it already.
 * - `watched`: submitted by others, `idle`: and nobody here watches it now. Of a storage only.
 *
 * @typedef {{ job: { id: number, uuid?: string, label?: any }, part: import('./format.js').Part | null }
 *   & Partial<Record<typeof FLAGS[number], boolean>>} Kept what is written down of an entry, or of a job that is watched
 */

/**
 * @param {import('./job.js').JobHandle} job @param {import('./format.js').Part} part
 * @param {{ key?: string }} [options]
 * @returns {Entry}
 */
export function entryOf(job, part, { key } = {}) {
  return { job, part, keyed: key !== undefined, sent: false, heard: false, accepted: false, cancelling: false, repeated: false, watched: false, idle: false };
}

/** @param {Kept} entry @param {import('./format.js').Format} format @returns {string} JSON of a `SavedJob` */
export function saved(entry, format) {
  return JSON.stringify({ ...savedLean(entry), part: entry.part === null ? undefined : format.pack(entry.part) });
}

/**
 * Without the payload: after a reload, such a job can be waited for, and not be sent again.
 * @param {Kept} entry @returns {import('./store.js').SavedJob}
 */
export function savedLean({ job, ...entry }) {
  const flags = Object.fromEntries(FLAGS.filter((flag) => entry[flag]).map((flag) => [flag, true]));
  return { id: job.id, uuid: job.uuid, ...flags, label: job.label };
}

/**
 * @param {import('./job.js').JobHandle} job @param {import('./store.js').SavedJob} from
 * @param {import('./format.js').Format} format
 * @returns {Entry}
 * @throws if the op is not of this format, or nobody knows what was watched
 */
export function restored(job, from, format) {
  const flags = Object.fromEntries(FLAGS.map((flag) => [flag, from[flag] === true]));
  if (flags.watched && typeof from.uuid !== 'string') throw new TypeError('a job that is watched has a `uuid`');
  return { ...entryOf(job, ''), ...flags, part: from.part === undefined ? null : format.unpack(from.part) };
}

/** What is written down of an entry beside its job, if it is true. */
const FLAGS = /** @type {const} */ (['sent', 'heard', 'accepted', 'cancelling', 'keyed', 'watched', 'idle']);
