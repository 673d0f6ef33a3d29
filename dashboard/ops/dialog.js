// Dialogs: the browser's own, which hold the focus, close on Escape and give the focus back.

import { el } from './dom.js';
import { focusCameBack } from './hold.js';

let titles = 0;

/**
 * Opens a dialog that is gone once it is closed.
 * @param {string} title
 * @param {{ class?: string }} [options]
 */
export function openDialog(title, { class: kind = '' } = {}) {
  const id = `dialog-${(titles += 1)}`;
  const body = el('div', { class: 'body' });
  const heading = el('h2', { id }, title);
  const close = el('button', { type: 'button', class: 'plain', 'aria-label': 'Close' }, '×');
  const dialog = el('dialog', { class: kind, 'aria-labelledby': id }, el('header', {}, heading, close), body);
  close.addEventListener('click', () => dialog.close());
  // A press beside it; one that began inside, such as to select text, is none. Its scrollbar is inside.
  dialog.addEventListener('pointerdown', ({ clientX: x, clientY: y }) => {
    const { left, right, top, bottom } = dialog.getBoundingClientRect();
    if (x < left || x > right || y < top || y > bottom) dialog.close();
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    focusCameBack();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body, close: () => dialog.close() };
}

/**
 * Whether a person really wants it.
 * @param {string} title with the name of what it happens to
 * @param {(Node | string)[]} words
 * @param {string} yes on the button that does it
 * @param {{ mild?: boolean }} [options] `mild`: nothing is destroyed
 * @returns {Promise<boolean>}
 */
export function confirmed(title, words, yes, { mild = false } = {}) {
  return new Promise((resolve) => {
    const { dialog, body, close } = openDialog(title, { class: 'question' });
    let sure = false;
    const answer = (value) => ({ detail }) => {
      // The second click of a double one was meant for what lay there before.
      if (value && detail > 1) return;
      sure = value;
      close();
    };
    const no = el('button', { type: 'button', on: { click: answer(false) } }, 'Keep it as it is');
    body.append(
      ...words.map((part) => (typeof part === 'string' ? el('p', {}, part) : part)),
      el('div', { class: 'controls' }, el('button', { type: 'button', class: mild ? 'main' : 'main bad', on: { click: answer(true) } }, yes), no),
    );
    dialog.addEventListener('close', () => resolve(sure));
    no.focus(); // what cannot be undone is not a key away
  });
}

/** Terms and what they are: pairs of text, or of a text and an element. Those without a value are left out. */
export function facts(pairs) {
  const shown = pairs.filter(([, value]) => value != null && value !== '');
  return el('dl', { class: 'facts' }, ...shown.map(([term, value]) => el('div', {}, el('dt', {}, term), el('dd', {}, value))));
}
