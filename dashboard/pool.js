// The picture of the pool: a lane a worker, filled while the worker works.

import { workerColour } from './palette.js';

/** How much time a lane shows: as much as there was, within these. */
const WINDOW_MIN_MS = 1500;
const WINDOW_MAX_MS = 10_000;

export class Pool {
  #list;
  #empty;
  #count;
  /** By name, in the order of appearance. @type {Map<string, Lane>} */
  #lanes = new Map();
  /** The run of each tile that is running. */
  #runs = new Map();
  /** Whether the last rendering came to its end. */
  #rested = false;
  /** Time passes only while a picture is rendered, so that idle hours leave no gap. */
  #clock = new Clock();

  constructor(list, empty, count) {
    this.#list = list;
    this.#empty = empty;
    this.#count = count;
  }

  get running() {
    return this.#runs.size;
  }

  get workers() {
    return [...this.#lanes.values()].filter(({ done }) => done > 0).length;
  }

  /**
   * A rendering begins: counts from 0. Who had no part in all of the last one has left.
   * @param {number} [passed] ms since it began, of one from before a reload
   */
  begin(passed) {
    for (const tile of [...this.#runs.keys()]) this.#end(tile);
    for (const [name, lane] of this.#lanes) {
      if (this.#rested && lane.since === null) {
        lane.element.remove();
        this.#lanes.delete(name);
      }
      lane.reset();
    }
    this.#count.textContent = this.#lanes.size || '';
    this.#rested = false;
    this.#clock.start(passed);
  }

  /** The rendering ended: time stands still. */
  rest() {
    this.#rested = true;
    this.#clock.stop();
    this.draw();
  }

  /** @returns {string} the worker's colour */
  started(tile, name, at = this.#clock.now()) {
    this.#end(tile, at); // a second run of it: the first came to nothing
    const lane = this.#lanes.get(name) ?? this.#add(name);
    this.#runs.set(tile, { lane, run: lane.start(at) });
    return lane.colour;
  }

  /** @returns {string | undefined} the worker's colour, if its start was heard of */
  done(tile, at = this.#clock.now()) {
    const lane = this.#end(tile, at);
    if (lane) lane.done += 1;
    return lane?.colour;
  }

  /** @returns {string | undefined} the worker that had it */
  stopped(tile) {
    return this.#end(tile)?.name;
  }

  /** A run from before a reload. @param {import('./kept.js').Run} run @returns {string} the worker's colour */
  restored(tile, { worker, from, to }) {
    const colour = this.started(tile, worker, from);
    if (to !== null) this.done(tile, to);
    return colour;
  }

  draw() {
    const now = this.#clock.now();
    const span = Math.min(Math.max(now, WINDOW_MIN_MS), WINDOW_MAX_MS);
    const from = Math.max(0, now - span);
    for (const lane of this.#lanes.values()) lane.draw(from, span, now);
  }

  #add(name) {
    const taken = new Set(Array.from(this.#lanes.values(), ({ colour }) => colour));
    let index = 0;
    while (taken.has(workerColour(index))) index += 1;
    const lane = new Lane(name, workerColour(index));
    this.#lanes.set(name, lane);
    this.#list.append(lane.element);
    this.#empty.hidden = true;
    this.#count.textContent = this.#lanes.size;
    return lane;
  }

  #end(tile, at = this.#clock.now()) {
    const running = this.#runs.get(tile);
    if (!running) return undefined;
    this.#runs.delete(tile);
    running.lane.end(running.run, at);
    return running.lane;
  }
}

class Lane {
  done = 0;
  /** When its first run of this rendering started. @type {number | null} */
  since = null;
  #running = 0;
  /** Those that the window still shows. @type {{ from: number, to: number | null }[]} */
  #runs = [];
  #speed;
  #total;
  #flow;

  constructor(name, colour) {
    this.name = name;
    this.colour = colour;
    this.element = make('li', 'lane new');
    this.element.dataset.worker = name;
    this.element.style.setProperty('--worker', colour);
    const who = make('span', 'who', name);
    who.title = name;
    this.#speed = make('span', 'speed');
    this.#total = make('span', 'count', '0');
    const canvas = document.createElement('canvas');
    canvas.setAttribute('aria-hidden', 'true');
    this.#flow = canvas.getContext('2d');
    this.element.append(make('span', 'gate'), who, this.#speed, this.#total, canvas);
  }

  reset() {
    this.done = 0;
    this.since = null;
  }

  start(now) {
    this.since = Math.min(this.since ?? now, now); // after a reload, in any order
    this.#running += 1;
    const run = { from: now, to: null };
    this.#runs.push(run);
    return run;
  }

  end(run, now) {
    this.#running -= 1;
    run.to = now;
  }

  draw(from, span, now) {
    this.element.toggleAttribute('data-busy', this.#running > 0);
    this.element.toggleAttribute('data-away', this.since === null);
    this.#total.textContent = this.done;
    const ms = now - (this.since ?? now);
    this.#speed.textContent = ms > 100 && this.done > 0 ? `${rate(this.done, ms)}/s` : '';

    const { canvas } = this.#flow;
    const width = Math.round(canvas.clientWidth * devicePixelRatio);
    const height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    this.#flow.clearRect(0, 0, width, height);
    this.#flow.fillStyle = this.colour;
    this.#runs = this.#runs.filter(({ to }) => to === null || to > from);
    for (const run of this.#runs) {
      const left = ((Math.max(run.from, from) - from) / span) * width;
      const right = (((run.to ?? now) - from) / span) * width;
      this.#flow.globalAlpha = run.to === null ? 1 : 0.75;
      // A hair of bed between two runs, where there is room for it.
      this.#flow.fillRect(left, 0, Math.max(right - left - (right - left > 4 ? 1 : 0), 0.5), height);
    }
  }
}

class Clock {
  #passed = 0;
  #startedAt = null;

  now() {
    return this.#passed + (this.#startedAt === null ? 0 : performance.now() - this.#startedAt);
  }

  start(passed = this.now()) {
    this.#passed = passed;
    this.#startedAt = performance.now();
  }

  stop() {
    this.#passed = this.now();
    this.#startedAt = null;
  }
}

/** Events a second, with no more digits than can be read. */
export function rate(count, ms) {
  const perSecond = (count * 1000) / ms;
  return perSecond.toFixed(perSecond < 10 ? 1 : 0);
}

function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}
