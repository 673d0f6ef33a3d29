// When the page holds still: while the pointer or the focus is in a list, or a dialog asks about
// something in one, no row of any list comes, goes or moves, and what changes above it does not push
// it away. Numbers go on all the while.

import { byId, setAttribute, setText } from './dom.js';

/** Where somebody may be about to press something of a row. */
const places = new Set();
/** A finger does not show where it will come down: what is in sight holds still. */
const fingers = matchMedia('(hover: none)');

let anchor = null;

/** Whether the last that was used is the pointer; whether it is down; whether the focus is only where it
 * was left by the pointer, which has gone on: nobody is about to press anything there. */
let [byPointer, pressing, left] = [false, false, false];
addEventListener('pointerdown', () => (byPointer = pressing = true), { capture: true });
for (const end of ['pointerup', 'pointercancel']) addEventListener(end, () => (pressing = false), { capture: true });
addEventListener('keydown', () => (byPointer = left = false), { capture: true });
addEventListener('focusin', () => (left = pressing));

/** The page has moved the focus: a dialog that is closed gives it back to where it was opened. */
export const focusCameBack = () => (left = byPointer);

const asking = () => document.querySelector('dialog[open]') !== null;
const inSight = ({ top, bottom }) => bottom > 0 && top < innerHeight;

/** Whether this list must not move now. */
export function isHeld(list) {
  return asking() || pointedAt() !== null || (fingers.matches && inSight(list.getBoundingClientRect()));
}

function pointedAt() {
  for (const place of places) if (place.matches(':hover')) return place;
  if (document.hasFocus() && !left) for (const place of places) if (place.contains(document.activeElement)) return place;
  return null;
}

/** Changes the page; the row that somebody is in stays where it is on the screen. */
export function steadily(change) {
  if (!asking()) anchor = rowOf(pointedAt());
  const before = anchor?.getBoundingClientRect();
  const steady = before !== undefined && inSight(before);
  // Not twice: browsers do this too, for what they choose.
  document.documentElement.style.overflowAnchor = steady ? 'none' : '';
  change();
  if (!steady || !anchor.isConnected) return;
  const moved = anchor.getBoundingClientRect().top - before.top;
  if (Math.abs(moved) >= 1) scrollBy({ top: moved, behavior: 'instant' });
}

function rowOf(place) {
  if (place === null) return null;
  return place.querySelector(':is(tr, li):hover') ?? (place.contains(document.activeElement) ? document.activeElement.closest('tr, li') : null) ?? place;
}

/**
 * Has the list hold still from now on.
 * @param {string} id of the list; beside its heading, `ID-newer` is a button
 * @param {() => void} show all there is
 * @returns {(held: { newer: number, gone: number }) => void} tells how much is held back
 */
export function holdStill(id, show) {
  const list = byId(id);
  const button = byId(`${id}-newer`);
  places.add(list).add(button);
  button.addEventListener('click', () => {
    show();
    // The button is gone; who came by the keyboard goes on in the list.
    (list.querySelector('[tabindex="0"], button') ?? list).focus({ preventScroll: true });
    focusCameBack();
  });
  return ({ newer, gone }) => {
    button.hidden = newer === 0 && gone === 0;
    if (button.hidden) return;
    const words = [newer > 0 && `${newer} newer`, gone > 0 && `${gone} gone`].filter(Boolean).join(', ');
    setText(button, words);
    setAttribute(button, 'aria-label', `${words}: show`);
  };
}
