// Pools: the processes that each `acequia pool` keeps, and how many it may.

import * as api from '/assets/ops/api.js';
import { byId, el, keyedList, setAttribute, setDisabled, setText } from '/assets/ops/dom.js';
import { age, plural } from '/assets/ops/format.js';
import { oneLess, oneMore } from '/assets/ops/scaling.js';
import { act, say } from '/assets/ops/say.js';

/** A pool reports every second; one that has not for so long may be gone. */
const SILENT_MS = 4000;
const NONE_KEPT = 'It keeps none as it is: what there is leaves when it is idle';

/** @param {{ now(): number, onChange(pool: object): void }} to */
export function poolList({ now, onChange }) {
  return keyedList(byId('pool-list'), ({ pool }) => pool, (first) => card(first, { now, onChange }));
}

function card(first, { now, onChange }) {
  let pool = first;
  const scale = (button, size, words) => act(button, async () => {
    onChange(await api.scale(pool.pool, size));
    say(words);
  });
  const less = el('button', { type: 'button', on: { click: () => scale(less, oneLess(pool), `Pool ${pool.pool} keeps one process less.`) } }, '−');
  const more = el('button', { type: 'button', on: { click: () => scale(more, oneMore(pool), `Pool ${pool.pool} starts one more process.`) } }, '+');
  const [name, where, processes] = [el('h3'), el('p', { class: 'soft' }), el('strong')];
  const [range, moves] = [el('span', { class: 'soft' }), el('span', { class: 'warn' })];
  const [failing, silent] = [el('p', { class: 'trouble' }), el('p', { class: 'warn' })];
  const element = el('li', { class: 'pool' },
    el('div', { class: 'pool-head' }, el('div', {}, name, where), el('div', { class: 'group' }, less, more)),
    el('p', { class: 'pool-now' }, processes, range, moves), failing, silent);
  return {
    element,
    update(next) {
      pool = next;
      const { pool: title, queues, min, max, starting, stopping, host, pid } = pool;
      setText(name, title);
      setText(where, `${queues.join(', ')} · ${host}, process ${pid}`);
      setText(processes, plural(pool.processes, 'process', 'processes'));
      setText(range, `of ${min} to ${max}`);
      setText(moves, [starting > 0 && `${starting} starting`, stopping > 0 && `${stopping} stopping`].filter(Boolean).join(', '));
      setText(failing, pool.failing ?? '');
      failing.hidden = !pool.failing;
      const quiet = now() - pool.reported_ms;
      setText(silent, `Has not reported for ${age(quiet)}.`);
      silent.hidden = quiet < SILENT_MS;
      setAttribute(more, 'aria-label', `One more process of ${title}`);
      setAttribute(more, 'title', `Keep at least ${oneMore(pool).min}`);
      setAttribute(less, 'aria-label', `One process less of ${title}`);
      setAttribute(less, 'title', min === 0 ? NONE_KEPT : `Keep at least ${min - 1}: what is beyond that leaves when it is idle`);
      setDisabled(less, min === 0);
    },
  };
}
