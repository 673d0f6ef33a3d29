// Slots as little boxes: filled ones are busy, the last of them held by runs that do not count any more.

import { el, setAttribute, setText } from './dom.js';

/** More boxes than that cannot be counted at a glance: a bar then. */
const BOXES_MAX = 8;

/** @returns {{ element: Element, update(busy: number, all: number, held?: number): void }} */
export function slotBoxes() {
  const boxes = el('span', { class: 'boxes', 'aria-hidden': 'true' });
  const words = el('span', { class: 'of' });
  const unseen = el('span', { class: 'unseen' }, ' slots busy');
  let shown = '';
  return {
    element: el('span', { class: 'slots' }, boxes, words, unseen),
    update(busy, all, held = 0) {
      const now = `${busy}/${all} ${held}`;
      if (now === shown) return;
      shown = now;
      setText(words, `${busy}/${all}`);
      setText(unseen, held === 0 ? ' slots busy' : ` slots busy, ${held} of them held`);
      const bar = all > BOXES_MAX;
      boxes.style.setProperty('--all', bar ? BOXES_MAX : all);
      const boxed = (slots) => (bar ? (slots / all) * BOXES_MAX : slots);
      boxes.style.setProperty('--busy', boxed(busy));
      boxes.style.setProperty('--free', boxed(busy - Math.min(held, busy)));
      setAttribute(boxes, 'data-bar', bar ? '' : null);
    },
  };
}
