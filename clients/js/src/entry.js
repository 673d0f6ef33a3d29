// A live job as its client keeps it, and as a storage does.

/**
 * @typedef {import('./recovery.js').Progress & {
 *   job: import('./job.js').Job,
 *   repeated: boolean,
 *   saved: string | null,
 * }} Entry
 * - `repeated`: sent again under its id, so that the server may know it already;
 * - `saved`: what was written of it last, while that still holds.
 */

/**
 * @param {import('./job.js').Job} job @param {import('./format.js').Part} part @param {boolean} keyed
 * @returns {Entry}
 */
export function entryOf(job, part, keyed) {
  return { job, part, keyed, sent: false, heard: false, cancelling: false, repeated: false, saved: null };
}

/** @param {Entry} entry @param {import('./format.js').Format} format @returns {string} JSON of a `SavedJob` */
export function saved(entry, format) {
  entry.saved ??= JSON.stringify({ ...savedLean(entry), part: entry.part === null ? undefined : format.pack(entry.part) });
  return entry.saved;
}

/**
 * Without the payload: after a reload, such a job can be waited for, and not be sent again.
 * @param {Entry} entry @returns {import('./store.js').SavedJob}
 */
export function savedLean({ job, sent, heard, cancelling, keyed }) {
  const flags = { sent: sent || undefined, heard: heard || undefined, cancelling: cancelling || undefined, keyed: keyed || undefined };
  return { id: job.id, uuid: job.uuid, ...flags, label: job.label };
}

/**
 * @param {import('./job.js').Job} job @param {import('./store.js').SavedJob} from
 * @param {import('./format.js').Format} format
 * @returns {Entry}
 */
export function restored(job, { sent, heard, cancelling, keyed, part }, format) {
  return {
    ...entryOf(job, '', keyed ?? false),
    part: part === undefined ? null : format.unpack(part),
    sent: sent ?? false,
    heard: heard ?? false,
    cancelling: cancelling ?? false,
  };
}
