// The queues: how much waits, how fast it goes, and a button that holds a queue.

import * as api from './api.js';
import { confirmed } from './dialog.js';
import { el, setAttribute, setText } from './dom.js';
import { age, count, duration, plural, rate } from './format.js';
import { act, say } from './say.js';
import { slotBoxes } from './slots.js';
import { LiveTable, text } from './table.js';

/**
 * @param {{ onChoose(queue: string): void, onJobs(queue: string, state: string): void,
 *   onLetters(queue: string): void, onChange(queue: object): void }} to
 *   its charts, its jobs, its dead letters; the queue as it then is
 */
export function queueTable({ onChoose, onJobs, onLetters, onChange }) {
  const jobs = (state) => pressable((row) => row[state], (row) => `${count(row[state])} ${state} in ${row.queue}`, (row) => onJobs(row.queue, state));
  const recent = (name) => ({ number: true, by: ({ recent }) => recent?.[name], cell: text(({ recent }) => duration(recent?.[name])) });
  return new LiveTable('queue-table', {
    caption: 'Queues',
    unit: 'queues',
    keyOf: ({ queue }) => queue,
    words: ({ queue, paused }) => (paused ? `${queue} paused` : queue),
    columns: [
      { title: 'Queue', width: '9.6rem', by: ({ queue }) => queue, cell: nameCell(onChoose) },
      { title: 'Waiting', width: '5.8rem', number: true, by: ({ waiting }) => waiting, cell: jobs('waiting') },
      { title: 'Oldest', width: '6.6rem', number: true, by: ({ oldest_ms: ms }) => ms, cell: text(({ oldest_ms: ms }) => age(ms)) },
      {
        title: 'Dead', width: '5.2rem', number: true, by: (row) => row.dead_letters,
        cell: pressable((row) => row.dead_letters, (row) => `${count(row.dead_letters)} dead letters of ${row.queue}`, (row) => onLetters(row.queue)),
      },
      { title: 'Slots', width: '9rem', by: ({ slots }) => slots, cell: slotsCell },
      { title: 'Running', width: '5.8rem', number: true, by: ({ running }) => running, cell: jobs('running') },
      { title: 'Delayed', width: '5.8rem', number: true, by: ({ delayed }) => delayed, cell: jobs('delayed') },
      { title: 'Done/s', width: '5.8rem', number: true, by: done, cell: text((row) => rate(done(row))) },
      { title: 'Waited p50', width: '7.4rem', ...recent('waiting_p50_ms') },
      { title: 'p99', width: '6.6rem', ...recent('waiting_p99_ms') },
      { title: 'Actions', width: '6.4rem', cell: pauseCell(onChange) },
    ],
  });
}

const done = ({ recent }) => recent && recent.done / recent.seconds;

/** A number that leads to what it counts; nought leads nowhere. */
function pressable(of, label, press) {
  return (td, row) => {
    const button = el('button', { type: 'button', class: 'count', on: { click: () => press(row()) } });
    const nought = el('span', { class: 'nought' }, '0');
    td.append(button, nought);
    return () => {
      const n = of(row());
      button.hidden = n === 0;
      nought.hidden = n !== 0;
      setText(button, count(n));
      setAttribute(button, 'aria-label', label(row()));
    };
  };
}

function nameCell(onChoose) {
  return (td, row) => {
    const name = el('button', { type: 'button', class: 'link', on: { click: () => onChoose(row().queue) } });
    const paused = el('span', { class: 'badge', 'data-state': 'paused' }, 'paused');
    td.append(el('span', { class: 'name-cell' }, name, paused));
    return () => {
      setText(name, row().queue);
      setAttribute(name, 'title', `${row().queue}: show its charts`);
      paused.hidden = !row().paused;
    };
  };
}

function slotsCell(td, row) {
  const slots = slotBoxes();
  const nobody = el('span', { class: 'warn' }, 'no worker');
  td.append(slots.element, nobody);
  return () => {
    const { slots: all, slots_busy: busy } = row();
    slots.element.hidden = all === 0;
    nobody.hidden = all !== 0;
    slots.update(busy, all);
  };
}

/** To pause can be undone; to resume cannot, since jobs begin at once. */
function pauseCell(onChange) {
  return (td, row) => {
    // An offer to undo a pause that is over would resume the next one.
    let offer = null;
    const resume = async (pressed, queue) => act(pressed, async () => {
      onChange(await api.resume(queue));
      offer?.remove();
      say(`Queue ${queue} goes on.`);
    });
    const press = async () => {
      const { queue, paused, waiting } = row();
      if (paused) {
        const sure = await confirmed(`Resume ${queue}?`, [`Its jobs begin again: ${plural(waiting, 'job')} ${waiting === 1 ? 'waits' : 'wait'}.`], 'Resume', { mild: true });
        if (sure) await resume(button, queue);
        return;
      }
      await act(button, async () => {
        onChange(await api.pause(queue));
        const undo = el('button', { type: 'button', class: 'small', on: { click: () => resume(undo, queue) } }, 'Undo');
        offer?.remove();
        offer = say(`Queue ${queue} is paused: what runs goes on, nothing new starts.`, { more: undo });
      });
    };
    const button = el('button', { type: 'button', class: 'small', on: { click: press } });
    td.append(button);
    return () => {
      const { queue, paused } = row();
      setText(button, paused ? 'Resume' : 'Pause');
      setAttribute(button, 'aria-label', `${paused ? 'Resume' : 'Pause'} ${queue}`);
    };
  };
}
