// One job: where it is, or what became of it.

import * as api from './api.js';
import { confirmed, facts, openDialog } from './dialog.js';
import { el } from './dom.js';
import { bytes, due, past, shortId } from './format.js';
import { legible } from './json.js';
import { act, say } from './say.js';

const LIVE = new Set(['delayed', 'waiting', 'running']);

const badge = (state) => el('span', { class: 'badge', 'data-state': state }, state);
const pre = (words) => el('pre', { tabIndex: 0 }, words);
const mono = (words) => el('span', { class: 'mono' }, words);

/** A field as it was written: a number with all of its digits, a text as it is. */
const written = ({ source }, name) => (source.has(name) ? legible(source.get(name)) : null);

/**
 * Asks for a job's end, if a person really wants it.
 * @param {object} job as an admin call tells of it
 * @returns {Promise<boolean>}
 */
export async function cancelJob(button, { job, queue, state, worker }) {
  const sure = await confirmed(`Cancel job ${shortId(job)}?`, [
    facts([['Job', mono(job)], ['Queue', queue], ['State', state], ['Worker', worker]]),
    'It ends as cancelled, and its client is told so. That cannot be undone.',
  ], 'Cancel the job');
  if (!sure) return false;
  let done = false;
  await act(button, async () => {
    await api.cancel(job);
    done = true;
    say(`Job ${shortId(job)} is cancelled.`);
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
  const cancel = el('button', { type: 'button', class: 'bad', on: { click: async () => (await cancelJob(cancel, job)) && show() } }, 'Cancel the job');
  return [
    facts([
      ['Job', mono(job.job)],
      ['State', badge(job.state)],
      ['Queue', job.queue],
      ['Client', job.client],
      ['Worker', job.worker],
      ['Submitted', past(job.submitted_ms, now)],
      [job.state === 'running' ? 'Runs since' : 'Waits since', past(job.since_ms, now)],
      ['Delayed until', due(job.until_ms, now)],
      ['Ended', past(job.ended_ms, now)],
      ['Runs begun', job.runs == null ? null : String(job.runs)],
      ['Of these failed', job.failures > 0 ? String(job.failures) : null],
      ['Of these lost', job.losses > 0 ? String(job.losses) : null],
      ["Client's id", written(job, 'id')],
      ['Key', job.key],
      ['Code', job.code],
      ['In run', job.attempt == null ? null : String(job.attempt)],
    ]),
    ...(job.message == null ? [] : [el('h3', {}, 'Message'), pre(job.message)]),
    ...(job.source.has('result') ? [el('h3', {}, 'Result'), pre(written(job, 'result'))] : []),
    ...(live ? [el('div', { class: 'controls' }, again, cancel)] : []),
  ];
}

/**
 * A dead letter, with its payload.
 * @param {object} letter as a list tells of it
 * @param {(close: () => void) => Node[]} buttons what can be done with it
 */
export async function openLetter(letter, clock, buttons) {
  const { body, close } = openDialog('Dead letter', { class: 'wide' });
  const payload = el('div', {}, el('p', { class: 'soft' }, 'Asking the server …'));
  const id = el('span');
  const now = clock.now();
  body.append(
    facts([
      ['Job', mono(letter.job)],
      ['Queue', letter.queue],
      ['Priority', String(letter.priority)],
      ['Code', letter.code],
      ['In run', letter.attempt === 0 ? 'none: it never ran' : String(letter.attempt)],
      ['Runs failed', letter.failures > 0 ? String(letter.failures) : null],
      ['Runs lost', letter.losses > 0 ? String(letter.losses) : null],
      ['Submitted', past(letter.submitted_ms, now)],
      ['Failed', past(letter.failed_ms, now)],
      ["Client's id", letter.id == null ? null : id],
      ['Key', letter.key],
      ['Batch', letter.batch],
    ]),
    el('h3', {}, 'Message'), pre(letter.message),
    el('h3', {}, 'Payload ', el('small', {}, `${letter.type}, ${bytes(letter.payload_bytes)}`)), payload,
    el('div', { class: 'controls' }, ...buttons(close)),
  );
  try {
    const exact = await api.deadLetter(letter.job);
    id.replaceChildren(written(exact, 'id') ?? '');
    payload.replaceChildren(pre(written(exact, 'payload') ?? ''));
  } catch (error) {
    payload.replaceChildren(el('p', { class: 'trouble' }, error.message));
  }
}
