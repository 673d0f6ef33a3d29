// The jobs of a queue that wait, run or are delayed, as they are when one asks.

import * as api from './api.js';
import { openDialog } from './dialog.js';
import { el, setAttribute, setText } from './dom.js';
import { due, past, plural } from './format.js';
import { cancelJob } from './job-dialog.js';
import { act } from './say.js';

const STATES = ['waiting', 'running', 'delayed'];
const PAGE = 50;
/** A page may be empty while there is more; so many are asked for at once before a person is. */
const PAGES_EMPTY_MAX = 20;

/** @param {string} queue @param {string} state @param {{ now(): number, onJob(job: string): void }} to */
export function openJobs(queue, state, { now, onJob }) {
  const { body, close } = openDialog(`Jobs of ${queue}`, { class: 'wide' });
  let chosen = state;
  let next = null;
  const tabs = STATES.map((each) => el('button', { type: 'button', on: { click: () => act(again, () => choose(each)) } }, each));
  const again = el('button', { type: 'button', on: { click: () => act(again, () => choose(chosen)) } }, 'Look again');
  const rows = el('tbody');
  const table = el('table', { class: 'plain-table', role: 'table' },
    el('caption', { class: 'unseen' }, `Jobs of ${queue}`),
    el('thead', {}, el('tr', {}, ...['Job', 'When', 'Runs', 'Worker'].map((title) => el('th', { scope: 'col' }, title)), el('th', { scope: 'col' }, el('span', { class: 'unseen' }, 'Actions')))),
    rows);
  const words = el('p', { class: 'soft', role: 'status' });
  const more = el('button', { type: 'button', hidden: true, on: { click: () => act(more, read) } }, 'More');
  const tools = el('div', { class: 'controls' }, el('span', { class: 'group', role: 'group', 'aria-label': 'State' }, ...tabs), again);
  body.append(tools, el('div', { class: 'scroller-plain', tabIndex: 0, role: 'region', 'aria-label': 'Jobs' }, table), words, more);

  async function choose(which) {
    chosen = which;
    next = null;
    tabs.forEach((tab, n) => setAttribute(tab, 'aria-pressed', String(STATES[n] === which)));
    rows.replaceChildren();
    setText(words, 'Asking the server …');
    await read();
  }

  async function read() {
    const asked = chosen;
    let found = [];
    for (let page = 0; found.length === 0 && page < PAGES_EMPTY_MAX; page++) {
      const answer = await api.jobs({ queue, state: asked, limit: PAGE, after: next });
      if (asked !== chosen) return;
      found = answer.jobs;
      next = answer.next;
      if (next === null) break;
    }
    rows.append(...found.map(row));
    more.hidden = next === null;
    count();
  }

  function count() {
    const n = rows.childElementCount;
    table.hidden = n === 0;
    setText(words, n === 0 ? `No job of this queue is ${chosen}.` : `${plural(n, 'job')}${next === null ? '' : ', and more'}.`);
  }

  function row(job) {
    const look = el('button', { type: 'button', class: 'link mono', on: { click: () => {
      close();
      onJob(job.job);
    } } }, job.job);
    const cancel = el('button', { type: 'button', class: 'small', 'aria-label': `Cancel ${job.job}`, on: { click: async () => {
      // It keeps its row: the next one is not to come under the pointer.
      if (!(await cancelJob(cancel, job))) return;
      cancel.replaceWith(el('span', { class: 'badge', 'data-state': 'cancelled' }, 'cancelled'));
      look.focus();
    } } }, 'Cancel');
    const cells = [['When', when(job, now())], ['Runs', String(job.runs ?? 0)], ['Worker', job.worker ?? '–'], ['Actions', cancel]];
    return el('tr', { role: 'row' }, el('th', { scope: 'row', role: 'rowheader' }, look),
      ...cells.map(([title, cell]) => el('td', { role: 'cell', 'data-column': title }, cell)));
  }

  act(again, () => choose(state));
}

function when({ since_ms: since, until_ms: until, submitted_ms: submitted }, now) {
  return until == null ? `since ${past(since ?? submitted, now)}` : `until ${due(until, now)}`;
}
