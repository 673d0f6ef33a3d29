// Slots as little boxes: filled ones are busy.

import { el, setAttribute, setText } from '/assets/ops/dom.js';

/** More boxes than that cannot be counted at a glance: a bar then. */
const BOXES_MAX = 8;

/** @returns {{ element: Element, update(busy: number, all: number): void }} */
export function slotBoxes() {
  const boxes = el('span', { class: 'boxes', 'aria-hidden': 'true' });
  const words = el('span', { class: 'of' });
  const unseen = el('span', { class: 'unseen' }, ' slots busy');
  let shown = '';
  return {
    element: el('span', { class: 'slots' }, boxes, words, unseen),
    update(busy, all) {
      const now = `${busy}/${all}`;
      if (now === shown) return;
      shown = now;
      setText(words, now);
      const bar = all > BOXES_MAX;
      boxes.style.setProperty('--all', bar ? BOXES_MAX : all);
      boxes.style.setProperty('--busy', bar ? (busy / all) * BOXES_MAX : busy);
      setAttribute(boxes, 'data-bar', bar ? '' : null);
    },
  };
}
