// The jobs of a queue that wait, run or are delayed, as they are when one asks.

import * as api from '/assets/ops/api.js';
import { openDialog } from '/assets/ops/dialog.js';
import { el, setAttribute, setText } from '/assets/ops/dom.js';
import { age, moment, plural } from '/assets/ops/format.js';
import { cancelJob } from '/assets/ops/job-dialog.js';
import { act } from '/assets/ops/say.js';

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
  const table = el('table', { class: 'plain-table' },
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
      if (!(await cancelJob(cancel, job.job))) return;
      element.remove();
      count();
      again.focus();
    } } }, 'Cancel');
    const element = el('tr', {},
      el('th', { scope: 'row' }, look), el('td', {}, when(job, now())), el('td', {}, String(job.runs ?? 0)), el('td', {}, job.worker ?? '–'), el('td', {}, cancel));
    return element;
  }

  act(again, () => choose(state));
}

function when({ since_ms: since, until_ms: until, submitted_ms: submitted }, now) {
  if (until != null) return `until ${moment(until)} (in ${age(until - now)})`;
  const from = since ?? submitted;
  return `since ${moment(from)} (${age(now - from)})`;
}
