// The workers: what each holds, and a button that sends one home.

import * as api from './api.js';
import { confirmed, facts, openDialog } from './dialog.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { brief, count, past, plural, shortId } from './format.js';
import { isHeld } from './hold.js';
import { heldBy, runsOf, stateOf, unexplained, unexplainedWords, wordsOf } from './runs.js';
import { act, say } from './say.js';
import { slotBoxes } from './slots.js';
import { LiveTable, text } from './table.js';

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
    words: (row) => `${row.name} #${row.worker} ${row.queues.join(' ')} ${stateOf(row)} ${row.address ?? ''} ${row.pid ?? ''}`,
    columns: [
      { title: 'Worker', width: '12rem', by: ({ name }) => name, cell: nameCell({ now, onJob }) },
      { title: 'State', width: '6rem', by: stateOf, cell: stateCell },
      { title: 'Slots', width: '10rem', by: ({ busy, slots }) => busy / slots, cell: slotsCell },
      { title: 'Jobs now', width: '20rem', cell: jobsCell({ now, onJob }) },
      { title: 'Failed', width: '6.5rem', number: true, by: ({ failed }) => failed, cell: text(({ failed }) => count(failed)) },
      { title: 'Done', width: '7.5rem', number: true, by: ({ done }) => done, cell: text(({ done }) => count(done)) },
      { title: 'Queues', width: '8rem', by: ({ queues }) => queues.join(', '), cell: text(({ queues }) => queues.join(', '), { long: true }) },
      { title: 'Where', width: '8.5rem', by: place, cell: text(place, { long: true }) },
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
    const state = stateOf(row());
    setText(badge, state);
    setAttribute(badge, 'data-state', state);
  };
}

function slotsCell(td, row) {
  const slots = slotBoxes();
  td.append(slots.element);
  return () => slots.update(row().busy, row().slots, heldBy(row()).length + unexplained(row()));
}

function jobsCell({ now, onJob }) {
  return (td, row) => {
    let runs = [];
    const chips = Array.from({ length: JOBS_SHOWN }, (_, n) => {
      const job = el('button', { type: 'button', class: 'link mono', on: { click: () => onJob(runs[n].job) } });
      const rest = el('span', { class: 'soft' });
      return { job, rest, element: el('span', { class: 'chip' }, job, rest) };
    });
    const more = el('span', { class: 'soft' });
    const odd = el('span', { class: 'warn' });
    td.append(el('span', { class: 'chips' }, ...chips.map(({ element }) => element), more, odd));
    return () => {
      const all = runsOf(row());
      runs = isHeld(byId('worker-table')) ? inPlace(runs, all) : all.slice(0, JOBS_SHOWN);
      chips.forEach(({ job, rest, element }, n) => {
        element.hidden = n >= runs.length;
        if (element.hidden) return;
        const run = runs[n];
        setText(job, shortId(run.job));
        setAttribute(job, 'title', run.job);
        setText(rest, run.over ? 'over' : wordsOf(run, now(), { several: row().queues.length > 1, words: brief }));
        setAttribute(rest, 'class', run.why === undefined ? 'soft' : 'warn');
        setAttribute(element, 'title', run.over ? null : wordsOf(run, now()));
      });
      const unknown = unexplained(row());
      const others = Math.max(row().busy - unknown, all.length) - JOBS_SHOWN;
      const idle = all.length === 0 && unknown === 0;
      setText(more, idle ? 'idle' : `+${count(others)}`);
      more.hidden = !idle && others <= 0;
      setText(odd, unexplainedWords(unknown));
    };
  };
}

/** The jobs that are pointed at stay where they are, also when they are over; others come after them. */
function inPlace(shown, all) {
  const kept = shown.map((run) => all.find(({ job }) => job === run.job) ?? { ...run, over: true });
  const others = all.filter(({ job }) => !kept.some((run) => run.job === job));
  return [...kept, ...others].slice(0, JOBS_SHOWN);
}

function drainCell(onChange) {
  return (td, row) => {
    const press = async () => {
      const { worker, name, queues, busy } = row();
      const sure = await confirmed(`Drain ${name}?`, [
        facts([['Worker', name], ['Number', String(worker)], ['Where', place(row())], ['Queues', queues.join(', ')], ['Holds', plural(busy, 'job')]]),
        'It finishes what it holds and gets no more jobs; it is told to go. Start it anew to have it back.',
      ], 'Drain');
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
    ['State', stateOf(worker)],
    ['Queues', worker.queues.join(', ')],
    ['Slots busy', `${worker.busy} of ${worker.slots}`],
    ['Where', place(worker)],
    ['Here since', past(worker.since_ms, now())],
    ['Jobs done', count(worker.done)],
    ['Jobs failed', count(worker.failed)],
  ]));
  const show = (job) => {
    close();
    onJob(job);
  };
  const item = (run) => el('li', {},
    el('button', { type: 'button', class: 'link mono', on: { click: () => show(run.job) } }, run.job),
    el('span', { class: run.why === undefined ? 'soft' : 'warn' }, ` ${wordsOf(run, now())}`));
  const list = (runs) => el('ul', { class: 'jobs-held' }, ...runs.map(item));
  const [held, unknown] = [heldBy(worker), unexplained(worker)];
  if (held.length > 0) {
    body.append(el('h3', {}, `Slots held by ${held.length === 1 ? 'a run that is' : 'runs that are'} over: the worker has not answered`), list(held));
  }
  if (unknown > 0) body.append(el('p', { class: 'warn' }, unexplainedWords(unknown)));
  const running = worker.busy - held.length - unknown;
  const title = worker.jobs.length < running ? `The first ${worker.jobs.length} of ${plural(running, 'job')}` : `It runs ${plural(worker.jobs.length, 'job')}`;
  body.append(el('h3', {}, title), list(worker.jobs));
}
