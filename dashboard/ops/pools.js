// Pools: the processes that each `acequia pool` keeps, and how many it may.

import * as api from './api.js';
import { byId, el, keyedList, setAttribute, setDisabled, setText } from './dom.js';
import { age, plural } from './format.js';
import { holdStill, isHeld } from './hold.js';
import { oneLess, oneMore } from './scaling.js';
import { act, say } from './say.js';
import { Still } from './still.js';

/** A pool reports every second; one that has not for so long may be gone. */
const SILENT_MS = 4000;
const NONE_KEPT = 'It keeps none as it is: what there is leaves when it is idle';

/**
 * @param {{ now(): number, onChange(pool: object): void }} to
 * @returns {(pools: object[]) => void}
 */
export function poolList({ now, onChange }) {
  const still = new Still(({ pool }) => pool);
  const place = keyedList(byId('pool-list'), ({ key }) => key, (first) => card(first, { now, onChange }));
  let pools = [];
  const draw = (held) => {
    const { shown, ...back } = still.next(pools, held);
    tellHeld(back);
    place(shown);
    byId('no-pools').hidden = shown.length > 0;
  };
  const tellHeld = holdStill('pool-list', () => draw(false));
  return (next) => {
    pools = next;
    draw(isHeld(byId('pool-list')));
  };
}

function card(first, { now, onChange }) {
  let { row: pool, gone } = first;
  // An older offer to undo would undo what came after it too.
  let offer = null;
  const scale = (button, size, words) => act(button, async () => {
    if (gone) return say('That pool is gone by now: nothing was done.');
    const { pool: name, min, max } = pool;
    onChange(await api.scale(name, size));
    const undo = el('button', { type: 'button', class: 'small', on: { click: () => act(undo, async () => {
      onChange(await api.scale(name, { min, max }));
      say(`Pool ${name} keeps ${min} to ${max} again.`);
    }) } }, 'Undo');
    offer?.remove();
    offer = say(words, { more: undo });
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
      ({ row: pool, gone } = next);
      setAttribute(element, 'aria-disabled', gone ? 'true' : null);
      const { pool: title, queues, min, max, starting, stopping, host, pid } = pool;
      setText(name, title);
      setText(where, `${queues.join(', ')} · ${host}, process ${pid}`);
      setText(processes, plural(pool.processes, 'process', 'processes'));
      setText(range, `of ${min} to ${max}`);
      setText(moves, [starting > 0 && `${starting} starting`, stopping > 0 && `${stopping} stopping`].filter(Boolean).join(', '));
      setText(failing, pool.failing ?? '');
      failing.hidden = !pool.failing;
      const quiet = now() - pool.reported_ms;
      setText(silent, gone ? 'Is gone.' : `Has not reported for ${age(quiet)}.`);
      silent.hidden = !gone && quiet < SILENT_MS;
      setAttribute(more, 'aria-label', `One more process of ${title}`);
      setAttribute(more, 'title', `Keep at least ${oneMore(pool).min}`);
      setAttribute(less, 'aria-label', `One process less of ${title}`);
      setAttribute(less, 'title', min === 0 ? NONE_KEPT : `Keep at least ${min - 1}: what is beyond that leaves when it is idle`);
      setDisabled(less, min === 0);
    },
  };
}
