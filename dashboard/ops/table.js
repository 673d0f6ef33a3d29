// A table of many rows that change every two seconds: only those in sight are in the document, and of
// those only what differs is touched. While somebody is in it, its rows stay where they are. On a phone
// each row is a card, by the style sheet.

import { byId, el, keyedList, setAttribute, setText } from './dom.js';
import { holdStill, isHeld } from './hold.js';
import { say } from './say.js';
import { Still } from './still.js';

/** Rows above and below those in sight, so that a scroll and the Tab key find some. */
const BEYOND = 8;
/** A filter is of no use to fewer. */
const FILTERED_FROM = 9;
/** worker-2 before worker-10. */
const NAMES = new Intl.Collator('en', { numeric: true });

/**
 * A column: `title`; `width` (CSS); `cell(td, row)`, called once for each row element, which fills it
 * and returns what brings it up to date: `row()` is what the row then shows; `by(row)`, if it can be
 * sorted by; `number`, if it stands on the right.
 * @typedef {{ title: string, width: string, number?: boolean, by?: Function, cell: Function }} Column
 */
export class LiveTable {
  #list;
  #still;
  #tellHeld;
  #words;
  #columns;
  #scroller;
  #table;
  #body = el('tbody');
  #above = spacer();
  #below = spacer();
  #filter;
  #rows = [];
  /** @type {import('./still.js').Shown[]} */
  #shown = [];
  #from = 0;
  #place;
  #sorted = { column: null, down: false };
  #rowHeight = 0;

  /**
   * @param {string} id of the element that it fills
   * @param {{ caption: string, keyOf: Function, isGone?: Function, columns: Column[], words?: Function, unit: string }} options
   *   `words(row)`: what a filter looks into; no filter without. `isGone`: as of `Still`
   */
  constructor(id, { caption, keyOf, isGone, columns, words, unit }) {
    this.#still = new Still(keyOf, isGone);
    this.#columns = columns;
    this.#words = words;
    // Roles, since a table that is laid out as cards is none any more to some.
    const head = el('tr', { role: 'row' }, ...columns.map((column) => this.#header(column)));
    this.#table = el('table', { role: 'table' }, el('caption', { class: 'unseen' }, caption),
      el('colgroup', {}, ...columns.map(({ width }) => sized(width))), el('thead', { role: 'rowgroup' }, head), this.#above, this.#body, this.#below);
    this.#scroller = el('div', { class: 'scroller', tabIndex: 0, role: 'region', 'aria-label': caption }, this.#table);
    this.#filter = el('input', { type: 'search', 'aria-label': `Filter ${unit}`, placeholder: `Filter ${unit}`, autocomplete: 'off', spellcheck: false });
    this.#filter.hidden = true;
    this.none = el('p', { class: 'empty', hidden: true }, `No ${unit} match the filter.`);
    this.#list = byId(id);
    this.#list.append(this.#filter, this.#scroller, this.none);
    this.#tellHeld = holdStill(id, () => this.#arrange({ fresh: true }));
    this.#place = keyedList(this.#body, ({ key }) => key, (shown) => this.#part(shown));
    let asked = false;
    this.#scroller.addEventListener('scroll', () => {
      if (asked) return;
      asked = true;
      requestAnimationFrame(() => {
        asked = false;
        this.#draw();
      });
    }, { passive: true });
    this.#filter.addEventListener('input', () => this.#arrange({ fresh: true }));
    new ResizeObserver(() => this.#draw()).observe(this.#scroller);
  }

  /** @param {{ fresh?: boolean }} [options] `fresh`: at once, since somebody asked for other rows */
  show(rows, { fresh = false } = {}) {
    this.#rows = rows;
    const filtering = this.#filter.value !== '' || this.#filter === document.activeElement;
    if (this.#words) this.#filter.hidden = rows.length < FILTERED_FROM && !filtering;
    this.#arrange({ fresh });
  }

  /** Whether no row is shown: also those that have gone may still be there. */
  get isEmpty() {
    return this.#shown.length === 0;
  }

  #header(column) {
    const cell = el('th', { scope: 'col', role: 'columnheader', class: column.number ? 'number' : null, 'data-sorts': column.by ? '' : null });
    if (!column.by) cell.append(el('span', { class: column.title === 'Actions' ? 'unseen' : null }, column.title));
    else {
      cell.append(el('button', { type: 'button', class: 'sort', on: { click: () => this.#sort(column, cell) } }, column.title));
    }
    return cell;
  }

  /** Numbers begin with the largest, names with the first; the third press is as it was. */
  #sort(column, cell) {
    const first = Boolean(column.number);
    if (this.#sorted.column !== column) this.#sorted = { column, down: first };
    else if (this.#sorted.down === first) this.#sorted = { column, down: !first };
    else this.#sorted = { column: null, down: false };
    for (const other of cell.parentElement.children) setAttribute(other, 'aria-sort', null);
    if (this.#sorted.column) setAttribute(cell, 'aria-sort', this.#sorted.down ? 'descending' : 'ascending');
    this.#arrange({ fresh: true });
  }

  #arrange({ fresh }) {
    const wanted = this.#filter.value.trim().toLowerCase();
    const rows = wanted === '' ? this.#rows : this.#rows.filter((row) => this.#words(row).toLowerCase().includes(wanted));
    const { shown, ...back } = this.#still.next(this.#inOrder(rows), !fresh && isHeld(this.#list));
    this.#shown = shown;
    this.#tellHeld(back);
    this.#scroller.hidden = shown.length === 0 && this.#rows.length === 0;
    this.none.hidden = shown.length > 0 || this.#rows.length === 0;
    setAttribute(this.#table, 'aria-rowcount', shown.length + 1);
    this.#draw();
  }

  #inOrder(rows) {
    const { column, down } = this.#sorted;
    return column ? rows.toSorted((a, b) => compare(column.by(a), column.by(b), down)) : rows;
  }

  #draw({ measured = false } = {}) {
    const rows = this.#shown;
    const { scrollTop, clientHeight } = this.#scroller;
    const height = this.#rowHeight || 44;
    const from = Math.max(0, Math.min(Math.floor(scrollTop / height), rows.length) - BEYOND);
    const to = Math.min(rows.length, Math.ceil((scrollTop + clientHeight) / height) + BEYOND);

    const focused = this.#body.contains(document.activeElement);
    this.#from = from;
    this.#place(rows.slice(from, to));
    // Who scrolled away from the row they were in goes on from here, not from the top of the page.
    if (focused && !this.#body.contains(document.activeElement)) this.#scroller.focus({ preventScroll: true });

    tall(this.#above, from * height);
    tall(this.#below, (rows.length - to) * height);
    const real = this.#body.firstElementChild?.getBoundingClientRect().height ?? 0;
    if (!measured && real > 0 && Math.abs(real - height) > 0.1) {
      this.#rowHeight = real;
      this.#draw({ measured: true });
    }
  }

  #part(first) {
    let shown = first;
    const row = () => shown.row;
    const cells = this.#columns.map(({ title, number, cell }, n) => {
      const about = { class: number ? 'number' : null, 'data-column': title };
      const td = n === 0 ? el('th', { scope: 'row', role: 'rowheader', ...about }) : el('td', { role: 'cell', ...about });
      return [td, cell(td, row)];
    });
    const element = el('tr', { role: 'row' }, ...cells.map(([td]) => td));
    element.addEventListener('click', (event) => {
      if (!shown.gone || event.target.closest('button') === null) return;
      event.stopPropagation();
      say('That is gone by now: nothing was done.');
    }, { capture: true });
    const update = (next, n) => {
      shown = next;
      setAttribute(element, 'aria-rowindex', this.#from + n + 2);
      setAttribute(element, 'aria-disabled', shown.gone ? 'true' : null);
      for (const [, bring] of cells) bring();
    };
    return { element, update };
  }
}

/** A cell of a text, which is shown in full where the mouse rests if it may be long. */
export const text = (of, { long = false } = {}) => (td, row) => () => {
  const words = of(row());
  setText(td, words);
  if (long) setAttribute(td, 'title', words);
};

function spacer() {
  return el('tbody', { class: 'spacer', 'aria-hidden': 'true' }, el('tr', {}, el('td')));
}

function tall(element, height) {
  const px = `${height}px`;
  element.hidden = height === 0;
  const { style } = element.firstElementChild.firstElementChild;
  if (style.height !== px) style.height = px;
}

function sized(width) {
  const col = el('col');
  col.style.width = width;
  return col;
}

/** What is not known comes last either way. */
function compare(a, b, down) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === 'string' ? NAMES.compare(a, b) : a - b;
  return down ? -order : order;
}
