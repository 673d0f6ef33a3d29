// The picture section: controls, the rendering that goes on, and what is told about it.

import { wireGestures } from './gestures.js';
import { Kept } from './kept.js';
import { wireKill } from './kill.js';
import { Losses } from './losses.js';
import { Picture } from './picture.js';
import { Pool, rate } from './pool.js';
import { Rendering } from './rendering.js';
import { now, spell } from './times.js';
import { Trips } from './trips.js';
import { home, panned, resized, zoomed, zoomOf } from './view.js';

const WIDTH_MAX = 1600;
/** Without any sign of a worker for so long, say so. */
const PATIENCE_MS = 3000;
/** Between two renderings of `Keep rendering`. */
const REST_MS = 400;
/** A screen that should be still is not redrawn at each frame. */
const CALM_MS = 500;

const byId = (id) => document.getElementById(id);
const calm = matchMedia('(prefers-reduced-motion: reduce)');

/** @param {import('../client/index.js').Acequia} client a MessagePack session with a storage, just made */
export function wireMandelbrot(client) {
  const canvas = byId('mandelbrot');
  const picture = new Picture(canvas, byId('marks'));
  const pool = new Pool(byId('lanes'), byId('lanes-empty'), byId('pool-count'));
  const maxIter = byId('max-iter');
  const tileSize = byId('tile-size');
  const keepGoing = byId('keep-going');

  const losses = new Losses(byId('frame'), byId('losses'));
  const kept = new Kept();

  let view = home(...size(), Number(maxIter.value), Number(tileSize.value));
  let painted; // the view that is on the canvas
  let rendering;
  let trips = new Trips();
  /** What became of each tile, by its index. @type {Map<number, import('./kept.js').Run>} */
  const runs = new Map();
  let [startedAt, done, failed] = [0, 0, 0];
  const passed = () => now() - startedAt;
  let lastSign = 0; // of life: of a worker, or of the connection
  let next; // timer of `Keep rendering`
  let ticking = false;

  /** As many pixels as the frame has on this screen. */
  function size() {
    const width = Math.min(WIDTH_MAX, Math.round(canvas.clientWidth * Math.min(devicePixelRatio, 2)) || 900);
    return [width, Math.round((width * 2) / 3)];
  }

  function render(wanted = view) {
    clearTimeout(next);
    rendering?.stop();
    view = { ...resized(wanted, ...size()), maxIter: Number(maxIter.value), tile: Number(tileSize.value) };
    begin({ view, startedAt: now(), id: crypto.getRandomValues(new Uint32Array(2)).join('-') });
    kept.begin({ view, startedAt, id: rendering.id });
    rendering.begin();
    canvas.dataset.tilesDone = 0;
    news('');
  }

  /** Goes on with a picture from before a reload: what is done is painted, what is under way is waited for. */
  function resume({ tiles, ...left }) {
    view = left.view;
    [maxIter.value, tileSize.value] = [view.maxIter, view.tile];
    begin(left);
    for (const tile of rendering.tiles) {
      const { counts, ...run } = tiles.get(tile.index) ?? {};
      if (!run.worker && !counts) continue;
      runs.set(tile.index, run);
      const colour = run.worker && pool.restored(tile, run);
      if (counts) {
        picture.tile(tile, counts);
        trips.add(run.trip);
        done += 1;
        if (colour) picture.markDone(tile, colour);
      } else {
        picture.markRunning(tile, colour);
      }
    }
    const { submitted, followed } = rendering.begin((index) => Boolean(tiles.get(index)?.counts));
    const anew = submitted === 0 ? 'Nothing was submitted again.' : `${submitted} had to be submitted again.`;
    news(`Loaded again: of ${rendering.tiles.length} tiles ${done} are there, ${followed} go on. ${anew}`);
    canvas.dataset.tilesFollowed = followed;
    ended();
  }

  function begin(its) {
    picture.begin(view, painted);
    painted = view;
    startedAt = its.startedAt;
    pool.begin(passed());
    losses.begin();
    runs.clear();
    trips = new Trips();
    [done, failed] = [0, 0];
    lastSign = performance.now();
    byId('picture-trouble').hidden = true;
    canvas.dataset.state = 'rendering';
    document.body.dataset.busy = '';
    rendering = new Rendering(client, view, its.id, on);
    canvas.dataset.tilesTotal = rendering.tiles.length;
    byId('zoom').textContent = zoomOf(view).toLocaleString('en', { notation: 'compact', maximumSignificantDigits: 3 });
    if (!ticking) tick();
  }

  const on = {
    started(tile, worker) {
      lastSign = performance.now();
      const run = { worker, from: passed(), to: null, trip: null };
      runs.set(tile.index, run);
      kept.tile(tile.index, run);
      picture.markRunning(tile, pool.started(tile, worker));
      losses.started(tile, worker);
      for (const hear of starts.splice(0)) hear();
    },
    stopped(tile, isLost) {
      const worker = pool.stopped(tile);
      runs.delete(tile.index);
      kept.drop(tile.index);
      if (isLost) {
        picture.markLost(tile);
        losses.lost(tile, worker, view);
      } else {
        picture.unmark(tile);
      }
    },
    ended(tile, trip) {
      const run = runs.get(tile.index) ?? { worker: null, from: passed() };
      runs.set(tile.index, { ...run, to: passed(), trip });
      trips.add(trip);
    },
    done(tile, counts) {
      lastSign = performance.now();
      picture.tile(tile, counts);
      kept.tile(tile.index, runs.get(tile.index), counts);
      const colour = pool.done(tile);
      if (colour) picture.markDone(tile, colour);
      done += 1;
      ended();
    },
    failed(tile, error) {
      on.stopped(tile, false);
      failed += 1;
      const trouble = byId('picture-trouble');
      trouble.hidden = false;
      trouble.textContent = `${failed} of the tiles failed, the last one with “${error.code ?? 'bad_result'}: ${error.message}”.`;
      ended();
    },
  };

  function ended() {
    canvas.dataset.tilesDone = done;
    if (done + failed < rendering.tiles.length) return;
    canvas.dataset.state = 'done';
    delete document.body.dataset.busy;
    kept.clear();
    pool.rest();
    losses.ended(failed);
    show();
    byId('picture-done').textContent = keepGoing.checked ? '' : `Done: ${done} tiles by ${pool.workers} workers in ${(passed() / 1000).toFixed(2)} seconds.`;
    if (keepGoing.checked) next = setTimeout(render, REST_MS);
  }

  /** While a rendering goes on, at each frame. */
  function tick() {
    ticking = canvas.dataset.state === 'rendering';
    if (!ticking) return;
    show();
    if (calm.matches) setTimeout(tick, CALM_MS);
    else requestAnimationFrame(tick);
  }

  function show() {
    const total = rendering.tiles.length;
    const live = done + failed < total;
    pool.draw();
    byId('tiles-done').textContent = done;
    byId('tiles-total').textContent = total;
    byId('elapsed').textContent = (passed() / 1000).toFixed(2);
    byId('rate').textContent = done > 0 ? rate(done, passed()) : '–';
    const told = trips.told;
    byId('trip').textContent = told ? spell(told.median) : '–';
    byId('trip-range').textContent = told ? `${spell(told.min)} to ${spell(told.max)}` : '';
    byId('progress').style.transform = `scaleX(${(done + failed) / total})`;
    if (client.state !== 'open') lastSign = performance.now();
    byId('no-worker').hidden = !live || pool.running > 0 || performance.now() - lastSign < PATIENCE_MS;
  }

  function news(words) {
    byId('picture-news').textContent = words;
    byId('picture-news').hidden = words === '';
  }

  /** Those who wait for a tile to start. */
  const starts = [];
  function busy() {
    if (pool.running > 0) return Promise.resolve();
    if (canvas.dataset.state !== 'rendering') render();
    return new Promise((resolve) => starts.push(resolve));
  }
  wireKill(byId('kill'), byId('kill-news'), busy);
  byId('reload').addEventListener('click', () => location.reload());

  wireGestures(canvas, byId('selection'), {
    zoom: (px, py, factor) => render(zoomed(view, px, py, factor)),
    pan: (dx, dy) => render(panned(view, dx, dy)),
    reset: goHome,
  });
  function goHome() {
    render(home(view.width, view.height, view.maxIter, view.tile));
  }
  const zoomMiddle = (factor) => render(zoomed(view, view.width / 2, view.height / 2, factor));
  byId('render').addEventListener('click', () => render());
  byId('zoom-in').addEventListener('click', () => zoomMiddle(2));
  byId('zoom-out').addEventListener('click', () => zoomMiddle(1 / 2));
  byId('zoom-reset').addEventListener('click', goHome);
  maxIter.addEventListener('change', () => render());
  tileSize.addEventListener('change', () => render());
  byId('mark-tiles').addEventListener('change', ({ target }) => picture.setShowMarks(target.checked));
  keepGoing.addEventListener('change', () => {
    if (!keepGoing.checked) clearTimeout(next);
    else if (canvas.dataset.state !== 'rendering') render();
  });

  const left = kept.load();
  if (left) resume(left);
  else client.ready.then(() => render());
  return { iterations: () => picture.iterations.slice(), view: () => ({ ...view }) };
}
