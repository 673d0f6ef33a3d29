// The last ten minutes as lines. Their colours and dashes are those of their keys, in style.css.

import uPlot from '../vendor/uplot.mjs';
import { COUNTS, DURATIONS, RATES, TIMES } from './axes.js';
import { byId, el, setAttribute, setText } from './dom.js';
import { compact, count, duration, moment, rate } from './format.js';
import { pointsOf, WINDOW_MS } from './store.js';

const HEIGHT = 168;
const FONT = '12px system-ui, sans-serif';
/** Between a label and the plot, and the least that an axis is wide, so that those of all charts mostly are the same. */
const GAP = 6;
const AXIS_MIN = 44;

/** What a counter of an interval is in a second. */
const perSecond = (name) => (point, seconds) => point[name] / seconds;
const asIs = (name) => (point) => point[name];

const isAny = (value) => value > 0;
const isKnown = (value) => value !== null;

/** `axis` writes the numbers on the left, at `steps` of these; `value` those of the key; `isSomething`: a
 * value that makes a chart more than empty. */
const CHARTS = [
  {
    id: 'throughput', title: 'Throughput', unit: 'jobs a second', axis: compact, steps: RATES, value: rate, isSomething: isAny,
    lines: [['done', 'done'], ['submitted', 'submitted'], ['failed', 'failed'], ['cancelled', 'cancelled']]
      .map(([name, label]) => ({ name, label, of: perSecond(name) })),
  },
  {
    id: 'jobs', title: 'Waiting and running', unit: 'jobs', axis: compact, steps: COUNTS, value: count, isSomething: isAny,
    lines: [['waiting', 'waiting'], ['running', 'running']].map(([name, label]) => ({ name, label, of: asIs(name) })),
  },
  {
    id: 'waited', title: 'Time waited', unit: 'until a run began', axis: duration, steps: DURATIONS, value: duration, isSomething: isKnown,
    lines: [['waiting_p50_ms', 'half under (p50)', 'p50'], ['waiting_p99_ms', '99 % under (p99)', 'p99']]
      .map(([name, label, key]) => ({ name: key, label, of: asIs(name) })),
  },
  {
    id: 'ran', title: 'Time run', unit: 'from a start to its end', axis: duration, steps: DURATIONS, value: duration, isSomething: isKnown,
    lines: [['running_p50_ms', 'half under (p50)', 'p50'], ['running_p99_ms', '99 % under (p99)', 'p99']]
      .map(([name, label, key]) => ({ name: key, label, of: asIs(name) })),
  },
];

export class Charts {
  #charts;

  constructor() {
    const cursors = uPlot.sync('charts');
    this.#charts = CHARTS.map((chart) => new Chart(byId('charts'), chart, cursors.key));
    // Canvases do not follow a change of colours by themselves.
    const repaint = () => this.#charts.forEach((chart) => chart.repaint());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ['data-theme'] });
  }

  /** @param {string | null} queue null: all of them */
  show(state, queue) {
    const points = pointsOf(state, queue);
    const followed = queue === null || points.some(({ point }) => point !== null);
    for (const chart of this.#charts) chart.show(points, state.intervalMs / 1000, followed);
  }
}

class Chart {
  #chart;
  #plot;
  #canvas;
  #empty;
  #words;
  #time;
  #values;
  #keys;
  #data;

  constructor(parent, chart, syncKey) {
    this.#chart = chart;
    this.#time = el('span', { class: 'time' });
    this.#values = chart.lines.map(() => el('dd', {}, '–'));
    this.#keys = chart.lines.map(({ name }) => el('i', { class: 'key', 'data-line': name }));
    const legend = el('dl', { class: 'legend' },
      ...chart.lines.map(({ label }, n) => el('div', {}, el('dt', {}, this.#keys[n], label), this.#values[n])));
    this.#canvas = el('div', { class: 'plot', tabIndex: 0, role: 'img' });
    this.#words = el('span');
    this.#empty = el('p', { class: 'nothing', hidden: true }, this.#words);
    const frame = el('div', { class: 'plot-frame' }, this.#canvas, this.#empty);
    parent.append(el('figure', { id: `chart-${chart.id}` },
      el('figcaption', {}, el('h3', {}, chart.title, ' ', el('small', {}, chart.unit)), this.#time), frame, legend));
    this.#data = [[], ...chart.lines.map(() => [])];
    this.#plot = new uPlot(this.#options(syncKey), this.#data, this.#canvas);
    new ResizeObserver(([{ contentRect }]) => {
      if (contentRect.width > 0) this.#plot.setSize({ width: Math.floor(contentRect.width), height: HEIGHT });
    }).observe(this.#canvas);
    this.#canvas.addEventListener('keydown', (event) => this.#key(event));
    this.#canvas.addEventListener('blur', () => this.#leave());
  }

  show(points, seconds, followed) {
    const { lines, isSomething } = this.#chart;
    const value = (point, of) => (point === null ? null : of(point, seconds));
    this.#data = [points.map(({ at }) => at / 1000), ...lines.map(({ of }) => points.map(({ point }) => value(point, of)))];
    this.#plot.setData(this.#data);
    const something = this.#data.slice(1).some((line) => line.some(isSomething));
    this.#empty.hidden = something;
    setText(this.#words, followed ? 'No jobs in the last ten minutes' : 'This queue is not among the hundred that are followed');
    this.#legend();
  }

  repaint() {
    this.#plot.redraw(false, true);
  }

  /** The values under the cursor, or the newest. */
  #legend() {
    const { value, lines, title } = this.#chart;
    const at = this.#plot.cursor.idx;
    const pointed = this.#plot.cursor.left >= 0 && at != null;
    const n = pointed ? at : this.#data[0].length - 1;
    lines.forEach((_, line) => setText(this.#values[line], value(this.#data[line + 1][n])));
    const seconds = this.#data[0][n];
    setText(this.#time, pointed && seconds !== undefined ? moment(seconds * 1000) : '');
    const newest = lines.map(({ label }, line) => `${label} ${value(this.#data[line + 1].at(-1))}`).join(', ');
    setAttribute(this.#canvas, 'aria-label', `${title}, the last ten minutes. Now: ${newest}. Arrow keys tell of other times.`);
  }

  /** With the arrow keys, from point to point. */
  #key(event) {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -15, PageDown: 15 }[event.key];
    if (event.key === 'Escape') this.#leave();
    if (step === undefined || this.#data[0].length === 0) return;
    event.preventDefault();
    const last = this.#data[0].length - 1;
    const from = this.#plot.cursor.left >= 0 ? this.#plot.cursor.idx : last;
    const to = Math.max(0, Math.min(last, from + step));
    this.#point(this.#plot.valToPos(this.#data[0][to], 'x'), 1);
  }

  #leave() {
    this.#point(-10, -10);
  }

  /** Here and, by the last argument, in the charts beside it. */
  #point(left, top) {
    this.#plot.setCursor({ left, top }, true, true);
  }

  #options(syncKey) {
    const { axis, lines, steps } = this.#chart;
    const own = (element, property) => () => getComputedStyle(element)[property];
    const soft = own(this.#time, 'color');
    const grid = own(this.#time, 'borderBottomColor');
    const font = FONT;
    return {
      width: 400,
      height: HEIGHT,
      padding: [10, 20, 0, 0], // half of the last time stands beyond the plot
      legend: { show: false },
      cursor: {
        sync: { key: syncKey, setSeries: false },
        drag: { x: false, y: false },
        y: false,
        points: { size: 7 },
      },
      scales: {
        x: { time: true, range: (_, __, newest) => [(newest ?? 0) - WINDOW_MS / 1000, newest ?? 0] },
        y: { range: (_, __, most) => uPlot.rangeNum(0, Math.max(most ?? 0, 1), 0.1, true) },
      },
      axes: [
        { stroke: soft, font, size: 26, gap: 4, ticks: { show: false }, grid: { stroke: grid, width: 1 }, space: 60, incrs: TIMES, values: (_, times) => times.map(minute) },
        { stroke: soft, font, size: widest, gap: GAP, ticks: { show: false }, grid: { stroke: grid, width: 1 }, space: 34, incrs: steps, values: (_, numbers) => numbers.map((n) => axis(n)) },
      ],
      series: [{}, ...lines.map((_, n) => ({
        stroke: own(this.#keys[n], 'borderTopColor'),
        width: 1.75,
        dash: getComputedStyle(this.#keys[n]).borderTopStyle === 'dashed' ? [5, 4] : undefined,
        points: { show: false, filter: alone },
      }))],
      hooks: { setCursor: [() => this.#legend()] },
    };
  }
}

/** An axis as wide as its longest label, so that none is cut. */
function widest({ ctx }, labels) {
  if (!labels) return AXIS_MIN;
  ctx.save();
  ctx.font = FONT;
  const width = Math.max(...labels.map((label) => ctx.measureText(label).width));
  ctx.restore();
  return Math.max(AXIS_MIN, Math.ceil(width) + GAP + 4);
}

const minute = (seconds) => new Date(seconds * 1000).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

/** Points are drawn only where a line would show nothing: between two gaps. */
function alone(plot, series) {
  const values = plot.data[series];
  const is = (value, n) => value != null && values[n - 1] == null && values[n + 1] == null;
  return values.flatMap((value, n) => (is(value, n) ? [n] : []));
}
