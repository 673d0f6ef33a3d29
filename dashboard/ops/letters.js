// Dead letters: jobs that failed. The newest are live, as the stream tells of them; those of one queue
// are asked for again when there are others, and older pages stay as they were.

import * as api from './api.js';
import { confirmed, facts } from './dialog.js';
import { byId, chooseAmong, el, setAttribute, setText } from './dom.js';
import { ago, count, past, plural, shortId } from './format.js';
import { steadily } from './hold.js';
import { openLetter } from './job-dialog.js';
import { act, say } from './say.js';
import { LiveTable, text } from './table.js';

/** As many as the stream tells of. */
const PAGE = 50;

export class Letters {
  #clock;
  #onJob;
  #table;
  #state = null;
  /** Of which queue; null: of all. */
  #queue = null;
  /** Where the page before each began; the newest page has none. */
  #cursors = [];
  /** What was asked for: `{ letters, next, of }`; null where the stream tells. */
  #asked = null;
  #asking = 0;

  /** @param {{ now(): number, onJob(job: string): void }} to */
  constructor({ now, onJob }) {
    this.#clock = { now };
    this.#onJob = onJob;
    this.#table = new LiveTable('letter-table', {
      caption: 'Dead letters',
      unit: 'dead letters',
      keyOf: ({ job }) => job,
      // Of a full page, what is older than its last has only made room.
      isGone: ({ failed_ms: failed }, letters) => letters.length < PAGE || failed > letters.at(-1).failed_ms,
      columns: [
        { title: 'Job', width: '7.5rem', cell: (td, row) => this.#jobCell(td, row) },
        { title: 'Message', width: 'auto', cell: text(({ message }) => message, { long: true }) },
        { title: 'Code', width: '8.5rem', cell: text(({ code }) => code, { long: true }) },
        { title: 'Queue', width: '8.5rem', cell: text(({ queue }) => queue, { long: true }) },
        { title: 'Failed', width: '8.6rem', cell: ageCell(now) },
        { title: 'Runs', width: '4.2rem', number: true, cell: text(({ attempt }) => count(attempt)) },
        { title: 'Actions', width: '11rem', cell: (td, row) => this.#actionCell(td, row) },
      ],
    });
    byId('letter-queue').addEventListener('change', ({ target }) => this.choose(target.value || null));
    const on = (id, work) => byId(id).addEventListener('click', () => act(byId(id), work));
    on('letter-older', () => this.#older());
    on('letter-newest', () => this.choose(this.#queue));
    on('redrive-all', () => this.#redriveAll());
    on('drop-all', () => this.#dropAll());
  }

  /** @param {string | null} queue null: all */
  choose(queue) {
    this.#queue = queue;
    this.#cursors = [];
    this.#asked = null;
    this.#asking += 1;
    if (this.#state) this.show(this.#state, { fresh: true });
  }

  show(state, { fresh = false } = {}) {
    this.#state = state;
    if (state.at === null) return;
    if (this.#queue !== null && this.#cursors.length === 0) this.#follow();
    this.#draw({ fresh });
  }

  /** Of one queue, the newest are asked for when something of it is new or gone. */
  #follow() {
    const { queues, failures } = this.#state;
    const all = queues.find(({ queue }) => queue === this.#queue)?.dead_letters ?? 0;
    const of = `${all} ${failures.find(({ queue }) => queue === this.#queue)?.job ?? ''}`;
    if (this.#asked?.of === of) return;
    this.#asked = { letters: this.#asked?.letters ?? [], next: null, of };
    this.#ask([], of).catch((error) => say(error.message, { bad: true }));
  }

  async #ask(cursors, of, { fresh = false } = {}) {
    const asking = (this.#asking += 1);
    const { dead_letters: letters, next } = await api.deadLetters({ queue: this.#queue, limit: PAGE, after: cursors.at(-1) });
    if (asking !== this.#asking) return; // something else was chosen
    this.#cursors = cursors;
    this.#asked = { letters, next, of };
    steadily(() => this.#draw({ fresh }));
  }

  async #older() {
    // The stream does not say where its page ends.
    const next = this.#asked?.next ?? (await api.deadLetters({ queue: this.#queue, limit: PAGE })).next;
    if (next === null) return say('There are no older ones.');
    await this.#ask([...this.#cursors, next], undefined, { fresh: true });
  }

  /** Again the page that is shown, of which something has changed. */
  async #again() {
    if (this.#cursors.length > 0 || this.#queue !== null) await this.#ask(this.#cursors, this.#asked?.of);
  }

  #draw({ fresh }) {
    const { queues, failures } = this.#state;
    const page = this.#cursors.length;
    const letters = this.#asked?.letters ?? failures;
    const names = queues.filter(({ dead_letters: n }) => n > 0).map(({ queue }) => queue);
    chooseAmong(byId('letter-queue'), names, this.#queue);

    const all = this.#all();
    setText(byId('letters-count'), count(all));
    this.#table.show(letters, { fresh });
    byId('letters-none').hidden = !this.#table.isEmpty;
    setText(byId('letters-none'), page > 0 ? 'There are no more on this page.' : this.#queue === null ? 'No job has failed. One that does stays here until it is redriven or dropped.' : `No dead letters of ${this.#queue}.`);
    const which = this.#queue === null ? 'all' : `all of ${this.#queue}`;
    for (const [id, verb] of [['redrive-all', 'Redrive'], ['drop-all', 'Drop']]) {
      setText(byId(id), `${verb} ${which}`);
      byId(id).hidden = all === 0;
    }
    byId('letter-pages').hidden = page === 0 && all <= PAGE;
    byId('letter-older').hidden = page === 0 ? all <= PAGE : this.#asked?.next == null;
    byId('letter-newest').hidden = page === 0;
    setText(byId('letter-page'), page === 0 ? `The newest ${PAGE}` : `Page ${page + 1}, as it was when you asked`);
  }

  /** How many there are, of the chosen queue or of all. */
  #all() {
    const { server, queues } = this.#state;
    return this.#queue === null ? server.dead_letters : (queues.find(({ queue }) => queue === this.#queue)?.dead_letters ?? 0);
  }

  #jobCell(td, row) {
    const job = el('button', { type: 'button', class: 'link mono', on: { click: () => this.#open(row()) } });
    td.append(job);
    return () => {
      setText(job, shortId(row().job));
      setAttribute(job, 'title', row().job);
    };
  }

  #actionCell(td, row) {
    const redrive = el('button', { type: 'button', class: 'small', on: { click: () => this.#redrive(redrive, row()) } }, 'Redrive');
    const drop = el('button', { type: 'button', class: 'small', on: { click: () => this.#drop(drop, row()) } }, 'Drop');
    td.append(el('span', { class: 'pair' }, redrive, drop));
    return () => {
      setAttribute(redrive, 'aria-label', `Redrive ${shortId(row().job)}`);
      setAttribute(drop, 'aria-label', `Drop ${shortId(row().job)}`);
    };
  }

  #open(letter) {
    openLetter(letter, this.#clock, (close) => {
      const redrive = el('button', { type: 'button', class: 'main', on: { click: async () => (await this.#redrive(redrive, letter)) && close() } }, 'Redrive');
      const drop = el('button', { type: 'button', class: 'bad', on: { click: async () => (await this.#drop(drop, letter)) && close() } }, 'Drop');
      return [redrive, drop];
    });
  }

  async #redrive(button, letter) {
    const sure = await confirmed(`Redrive job ${shortId(letter.job)}?`, [this.#about(letter), 'It runs again from the start, as a new job. What its runs have done so far is done again.'], 'Redrive it', { mild: true });
    if (!sure) return false;
    return this.#act(button, async () => {
      const { job: anew } = await api.redrive(letter.job);
      const look = el('button', { type: 'button', class: 'small', on: { click: () => this.#onJob(anew) } }, 'Look at it');
      say(`Job ${shortId(letter.job)} runs again, as job ${shortId(anew)}.`, { more: look });
    });
  }

  async #drop(button, letter) {
    const sure = await confirmed(`Drop job ${shortId(letter.job)}?`, [this.#about(letter), 'It cannot be redriven after that, and its payload is gone.'], 'Drop it');
    if (!sure) return false;
    return this.#act(button, async () => {
      await api.drop(letter.job);
      say(`Job ${shortId(letter.job)} is dropped.`);
    });
  }

  async #act(button, work) {
    let done = false;
    await act(button, async () => {
      await work();
      done = true;
      await this.#again();
    });
    return done;
  }

  /** What a person is to recognise it by. */
  #about({ job, queue, code, message, failed_ms: failed }) {
    return facts([
      ['Job', el('span', { class: 'mono' }, job)],
      ['Queue', queue],
      ['Failed', past(failed, this.#clock.now())],
      ['Code', code],
      ['Message', el('span', { class: 'few-lines' }, message)],
    ]);
  }

  #whose() {
    return this.#queue === null ? 'of all queues' : `of the queue ${this.#queue}`;
  }

  /** Asks for as many as there are; again, if they have become more while the question stood. */
  async #sureOfAll(verb, then, options) {
    for (;;) {
      const all = this.#all();
      if (!(await confirmed(`${verb} all ${this.#whose()}?`, [`${plural(all, 'dead letter')} ${this.#whose()}: ${then}`], `${verb} ${count(all)}`, options))) return false;
      if (this.#all() <= all) return true;
      say(`There are ${count(this.#all())} by now.`);
    }
  }

  async #redriveAll() {
    if (!(await this.#sureOfAll('Redrive', 'each runs again as a new job, at once.', { mild: true }))) return;
    const { redriven, left } = await api.redriveAll(this.#queue);
    say(`${plural(redriven, 'job')} run again.${left > 0 ? ` ${count(left)} stay: other live jobs have their keys.` : ''}`);
    await this.#again();
  }

  async #dropAll() {
    if (!(await this.#sureOfAll('Drop', 'they are gone after that, with their payloads.'))) return;
    const { dropped } = await api.dropAll(this.#queue);
    say(`${plural(dropped, 'dead letter')} dropped.`);
    await this.#again();
  }
}

const ageCell = (now) => (td, row) => () => {
  setText(td, ago(now() - row().failed_ms));
  setAttribute(td, 'title', past(row().failed_ms, now()));
};
