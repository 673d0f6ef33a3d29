// What came of an action: a line at the bottom that leaves by itself, and is read out once.

import { byId, el, isDisabled, setDisabled } from './dom.js';

const SHOWN_MS = 8000;
const SHOWN_MAX = 4;

/**
 * @param {string} words @param {{ bad?: boolean, more?: Node }} [options] `more`: a button, for instance
 * @returns {Element} the line, to be removed where it is out of date
 */
export function say(words, { bad = false, more } = {}) {
  const close = el('button', { type: 'button', class: 'plain', 'aria-label': 'Close this message' }, '×');
  const line = el('div', { class: bad ? 'said bad' : 'said' }, el('p', {}, words), more, close);
  const place = byId(bad ? 'alarms' : 'news');
  close.addEventListener('click', () => line.remove());
  line.addEventListener('click', (event) => {
    // The second click of a double one was meant for what lay there before.
    if (event.detail > 1) event.stopPropagation();
  }, { capture: true });
  more?.addEventListener('click', () => line.remove());
  place.append(line);
  while (place.childElementCount > SHOWN_MAX) place.firstElementChild.remove();
  // What went wrong stays until it was read.
  if (!bad) setTimeout(() => line.remove(), SHOWN_MS);
  return line;
}

/** Does `work` for a press of `button`, which cannot be pressed again until it is done; says what fails. */
export async function act(button, work) {
  if (isDisabled(button)) return;
  setDisabled(button, true);
  try {
    await work();
  } catch (error) {
    say(error.message, { bad: true });
  } finally {
    setDisabled(button, false);
  }
}
