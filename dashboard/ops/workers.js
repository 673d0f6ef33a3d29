// The workers: what each holds, and a button that sends one home.

import * as api from '/assets/ops/api.js';
import { confirmed, facts, openDialog } from '/assets/ops/dialog.js';
import { el, setAttribute, setText } from '/assets/ops/dom.js';
import { age, count, moment, plural, shortId } from '/assets/ops/format.js';
import { act, say } from '/assets/ops/say.js';
import { slotBoxes } from '/assets/ops/slots.js';
import { LiveTable, text } from '/assets/ops/table.js';

/** Jobs in a row; its name leads to all of them. */
const JOBS_SHOWN = 2;

/**
 * @param {{ now(): number, onJob(job: string): void, onChange(worker: object): void }} to
 *   the server's time; a job; the worker as it then is
 */
export function workerTable({ now, onJob, onChange }) {
  return new LiveTable('worker-table', {
    caption: 'Workers',
    unit: 'workers',
    keyOf: ({ worker }) => worker,
    words: ({ worker, name, queues, state, address, pid }) => `${name} #${worker} ${queues.join(' ')} ${state} ${address ?? ''} ${pid ?? ''}`,
    columns: [
      { title: 'Worker', width: '12rem', by: ({ name }) => name, cell: nameCell({ now, onJob }) },
      { title: 'State', width: '6.5rem', by: ({ state }) => state, cell: stateCell },
      { title: 'Queues', width: '8.5rem', by: ({ queues }) => queues.join(', '), cell: text(({ queues }) => queues.join(', '), { long: true }) },
      { title: 'Slots', width: '9.5rem', by: ({ busy, slots }) => busy / slots, cell: slotsCell },
      { title: 'Jobs now', width: '23rem', cell: jobsCell({ now, onJob }) },
      { title: 'Done', width: '5.5rem', number: true, by: ({ done }) => done, cell: text(({ done }) => count(done)) },
      { title: 'Failed', width: '5rem', number: true, by: ({ failed }) => failed, cell: text(({ failed }) => count(failed)) },
      { title: 'Where', width: '9.5rem', by: place, cell: text(place, { long: true }) },
      { title: 'Actions', width: '5.5rem', cell: drainCell(onChange) },
    ],
  });
}

const place = ({ address, pid }) => address ?? (pid == null ? '–' : `process ${pid}`);

function nameCell({ now, onJob }) {
  return (td, row) => {
    const name = el('button', { type: 'button', class: 'link', on: { click: () => openWorker(row(), { now, onJob }) } });
    td.append(name);
    return () => {
      setText(name, row().name);
      setAttribute(name, 'title', `${row().name}, number ${row().worker}: all of its jobs`);
    };
  };
}

function stateCell(td, row) {
  const badge = el('span', { class: 'badge' });
  td.append(badge);
  return () => {
    setText(badge, row().state);
    setAttribute(badge, 'data-state', row().state);
  };
}

function slotsCell(td, row) {
  const slots = slotBoxes();
  td.append(slots.element);
  return () => slots.update(row().busy, row().slots);
}

function jobsCell({ now, onJob }) {
  return (td, row) => {
    const chips = Array.from({ length: JOBS_SHOWN }, (_, n) => {
      const job = el('button', { type: 'button', class: 'link mono', on: { click: () => onJob(row().jobs[n].job) } });
      const rest = el('span', { class: 'soft' });
      return { job, rest, element: el('span', { class: 'chip' }, job, rest) };
    });
    const more = el('span', { class: 'soft' });
    td.append(el('span', { class: 'chips' }, ...chips.map(({ element }) => element), more));
    return () => {
      const { jobs, busy } = row();
      chips.forEach(({ job, rest, element }, n) => {
        element.hidden = n >= jobs.length;
        if (element.hidden) return;
        setText(job, shortId(jobs[n].job));
        setAttribute(job, 'title', jobs[n].job);
        setText(rest, `${age(now() - jobs[n].since_ms)} ${jobs[n].queue}`);
      });
      const others = Math.max(busy, jobs.length) - JOBS_SHOWN;
      setText(more, others > 0 ? `+${count(others)}` : '');
    };
  };
}

function drainCell(onChange) {
  return (td, row) => {
    const press = async () => {
      const { worker, name } = row();
      const sure = await confirmed(`Drain ${name}?`, 'It finishes what it holds and gets no more jobs; it is told to go. Start it anew to have it back.', 'Drain');
      if (!sure) return;
      await act(button, async () => {
        onChange(await api.drain(worker));
        say(`${name} drains: it gets no more jobs.`);
      });
    };
    const button = el('button', { type: 'button', class: 'small', on: { click: press } }, 'Drain');
    td.append(button);
    return () => {
      button.hidden = row().state === 'draining';
      setAttribute(button, 'aria-label', `Drain ${row().name}`);
    };
  };
}

/** As it is now; it changes faster than one could read. */
function openWorker(worker, { now, onJob }) {
  const { body, close } = openDialog(worker.name, { class: 'wide' });
  body.append(facts([
    ['Number', String(worker.worker)],
    ['State', worker.state],
    ['Queues', worker.queues.join(', ')],
    ['Slots busy', `${worker.busy} of ${worker.slots}`],
    ['Where', place(worker)],
    ['Here since', `${moment(worker.since_ms)} (${age(now() - worker.since_ms)})`],
    ['Jobs done', count(worker.done)],
    ['Jobs failed', count(worker.failed)],
  ]));
  const show = (job) => {
    close();
    onJob(job);
  };
  const items = worker.jobs.map(({ job, queue, since_ms: since, attempt }) => el('li', {},
    el('button', { type: 'button', class: 'link mono', on: { click: () => show(job) } }, job),
    el('span', { class: 'soft' }, ` ${queue}, for ${age(now() - since)}${attempt > 1 ? `, run ${attempt}` : ''}`)));
  const title = worker.jobs.length < worker.busy ? `The first ${worker.jobs.length} of ${plural(worker.busy, 'job')}` : `It holds ${plural(worker.jobs.length, 'job')}`;
  body.append(el('h3', {}, title), el('ul', { class: 'jobs-held' }, ...items));
}
