// Dead letters: jobs that failed. The newest are live, as the stream tells of them; those of one queue
// are asked for again when there are others, and older pages stay as they were.

import * as api from '/assets/ops/api.js';
import { confirmed } from '/assets/ops/dialog.js';
import { byId, chooseAmong, el, setAttribute, setText } from '/assets/ops/dom.js';
import { age, count, moment, plural, shortId } from '/assets/ops/format.js';
import { openLetter } from '/assets/ops/job-dialog.js';
import { act, say } from '/assets/ops/say.js';
import { LiveTable, text } from '/assets/ops/table.js';

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
      columns: [
        { title: 'Job', width: '8rem', cell: (td, row) => this.#jobCell(td, row) },
        { title: 'Failed', width: '8rem', cell: ageCell(now) },
        { title: 'Queue', width: '10rem', cell: text(({ queue }) => queue, { long: true }) },
        { title: 'Code', width: '9rem', cell: text(({ code }) => code, { long: true }) },
        { title: 'Message', width: '24rem', cell: text(({ message }) => message, { long: true }) },
        { title: 'Runs', width: '4.5rem', number: true, cell: text(({ attempt }) => count(attempt)) },
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
    if (this.#state) this.show(this.#state);
  }

  show(state) {
    this.#state = state;
    if (state.at === null) return;
    if (this.#queue !== null && this.#cursors.length === 0) this.#follow();
    this.#draw();
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

  async #ask(cursors, of) {
    const asking = (this.#asking += 1);
    const { dead_letters: letters, next } = await api.deadLetters({ queue: this.#queue, limit: PAGE, after: cursors.at(-1) });
    if (asking !== this.#asking) return; // something else was chosen
    this.#cursors = cursors;
    this.#asked = { letters, next, of };
    this.#draw();
  }

  async #older() {
    // The stream does not say where its page ends.
    const next = this.#asked?.next ?? (await api.deadLetters({ queue: this.#queue, limit: PAGE })).next;
    if (next === null) return say('There are no older ones.');
    await this.#ask([...this.#cursors, next]);
  }

  /** Again the page that is shown, of which something has changed. */
  async #again() {
    if (this.#cursors.length > 0 || this.#queue !== null) await this.#ask(this.#cursors, this.#asked?.of);
  }

  #draw() {
    const { server, queues, failures } = this.#state;
    const page = this.#cursors.length;
    const letters = this.#asked?.letters ?? failures;
    const names = queues.filter(({ dead_letters: n }) => n > 0).map(({ queue }) => queue);
    chooseAmong(byId('letter-queue'), names, this.#queue);

    const all = this.#queue === null ? server.dead_letters : (queues.find(({ queue }) => queue === this.#queue)?.dead_letters ?? 0);
    setText(byId('letters-count'), count(all));
    const none = letters.length === 0;
    byId('letters-none').hidden = !none;
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
    this.#table.show(letters);
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

  async #redrive(button, { job }) {
    let done = false;
    await act(button, async () => {
      const { job: anew } = await api.redrive(job);
      done = true;
      const look = el('button', { type: 'button', class: 'small', on: { click: () => this.#onJob(anew) } }, 'Look at it');
      say(`It runs again, as job ${shortId(anew)}.`, { more: look });
      await this.#again();
    });
    return done;
  }

  async #drop(button, { job }) {
    const sure = await confirmed('Drop this dead letter?', `Job ${job} cannot be redriven after that.`, 'Drop it');
    if (!sure) return false;
    let done = false;
    await act(button, async () => {
      await api.drop(job);
      done = true;
      say('The dead letter is dropped.');
      await this.#again();
    });
    return done;
  }

  #whose() {
    return this.#queue === null ? 'of all queues' : `of the queue ${this.#queue}`;
  }

  async #redriveAll() {
    const words = `All ${byId('letters-count').textContent} dead letters ${this.#whose()} run again, each as a new job, at once.`;
    if (!(await confirmed(`Redrive all ${this.#whose()}?`, words, 'Redrive them'))) return;
    const { redriven, left } = await api.redriveAll(this.#queue);
    say(`${plural(redriven, 'job')} run again.${left > 0 ? ` ${count(left)} stay: other live jobs have their keys.` : ''}`);
    await this.#again();
  }

  async #dropAll() {
    const words = `All ${byId('letters-count').textContent} dead letters ${this.#whose()} are gone after that, with their payloads.`;
    if (!(await confirmed(`Drop all ${this.#whose()}?`, words, 'Drop them'))) return;
    const { dropped } = await api.dropAll(this.#queue);
    say(`${plural(dropped, 'dead letter')} dropped.`);
    await this.#again();
  }
}

const ageCell = (now) => (td, row) => () => {
  setText(td, `${age(now() - row().failed_ms)} ago`);
  setAttribute(td, 'title', moment(row().failed_ms));
};
