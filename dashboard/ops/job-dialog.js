// One job: where it is, or what became of it.

import * as api from '/assets/ops/api.js';
import { readable } from '/assets/readable.js';
import { confirmed, facts, openDialog } from '/assets/ops/dialog.js';
import { el } from '/assets/ops/dom.js';
import { age, bytes, moment } from '/assets/ops/format.js';
import { act, say } from '/assets/ops/say.js';

const LIVE = new Set(['delayed', 'waiting', 'running']);

/** A moment and how long ago it was, or in how long it will be. */
function time(ms, now) {
  if (ms == null) return null;
  return ms > now ? `${moment(ms)} (in ${age(ms - now)})` : `${moment(ms)} (${age(now - ms)} ago)`;
}

const badge = (state) => el('span', { class: 'badge', 'data-state': state }, state);
const pre = (value) => el('pre', { tabIndex: 0 }, readable(value));

/** Asks for a job's end, if a person really wants it. @returns {Promise<boolean>} */
export async function cancelJob(button, id) {
  const sure = await confirmed('Cancel this job?', `Job ${id} ends as cancelled, and its client is told so. That cannot be undone.`, 'Cancel the job');
  if (!sure) return false;
  let done = false;
  await act(button, async () => {
    await api.cancel(id);
    done = true;
    say('The job is cancelled.');
  });
  return done;
}

/** @param {string} id @param {{ now(): number }} clock the server's */
export async function openJob(id, clock) {
  const { body } = openDialog('Job', { class: 'wide' });
  const show = async () => {
    try {
      body.replaceChildren(...parts(await api.job(id), clock.now(), show));
    } catch (error) {
      body.replaceChildren(el('p', { class: 'trouble' }, error.message), el('p', { class: 'mono soft' }, id));
    }
  };
  body.append(el('p', { class: 'soft' }, 'Asking the server …'));
  await show();
}

function parts(job, now, show) {
  const live = LIVE.has(job.state);
  const again = el('button', { type: 'button', on: { click: () => act(again, show) } }, 'Look again');
  const cancel = el('button', { type: 'button', class: 'bad', on: { click: async () => (await cancelJob(cancel, job.job)) && show() } }, 'Cancel the job');
  return [
    facts([
      ['Job', el('span', { class: 'mono' }, job.job)],
      ['State', badge(job.state)],
      ['Queue', job.queue],
      ['Client', job.client],
      ['Worker', job.worker],
      ['Submitted', time(job.submitted_ms, now)],
      [job.state === 'running' ? 'Runs since' : 'Waits since', time(job.since_ms, now)],
      ['Delayed until', time(job.until_ms, now)],
      ['Ended', time(job.ended_ms, now)],
      ['Runs begun', job.runs == null ? null : String(job.runs)],
      ['Of these failed', job.failures > 0 ? String(job.failures) : null],
      ['Of these lost', job.losses > 0 ? String(job.losses) : null],
      ["Client's id", job.id == null ? null : String(job.id)],
      ['Key', job.key],
      ['Code', job.code],
      ['In run', job.attempt == null ? null : String(job.attempt)],
    ]),
    ...(job.message == null ? [] : [el('h3', {}, 'Message'), pre(job.message)]),
    ...('result' in job ? [el('h3', {}, 'Result'), pre(job.result)] : []),
    ...(live ? [el('div', { class: 'controls' }, again, cancel)] : []),
  ];
}

/**
 * A dead letter, with its payload.
 * @param {(letter: object) => Node[]} buttons what can be done with it
 */
export async function openLetter(letter, clock, buttons) {
  const { body, close } = openDialog('Dead letter', { class: 'wide' });
  const now = clock.now();
  const payload = el('div', {}, el('p', { class: 'soft' }, 'Asking the server …'));
  body.append(
    facts([
      ['Job', el('span', { class: 'mono' }, letter.job)],
      ['Queue', letter.queue],
      ['Priority', String(letter.priority)],
      ['Code', letter.code],
      ['In run', letter.attempt === 0 ? 'none: it never ran' : String(letter.attempt)],
      ['Runs failed', letter.failures > 0 ? String(letter.failures) : null],
      ['Runs lost', letter.losses > 0 ? String(letter.losses) : null],
      ['Submitted', time(letter.submitted_ms, now)],
      ['Failed', time(letter.failed_ms, now)],
      ["Client's id", letter.id == null ? null : String(letter.id)],
      ['Key', letter.key],
      ['Batch', letter.batch],
    ]),
    el('h3', {}, 'Message'), pre(letter.message),
    el('h3', {}, 'Payload ', el('small', {}, `${letter.type}, ${bytes(letter.payload_bytes)}`)), payload,
    el('div', { class: 'controls' }, ...buttons(close)),
  );
  try {
    payload.replaceChildren(pre((await api.deadLetter(letter.job)).payload));
  } catch (error) {
    payload.replaceChildren(el('p', { class: 'trouble' }, error.message));
  }
}
