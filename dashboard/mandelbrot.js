// The picture section: controls, the rendering that goes on, and what is told about it.

import { wireGestures } from './gestures.js';
import { Picture } from './picture.js';
import { Pool, rate } from './pool.js';
import { Rendering } from './rendering.js';
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

/** @param {import('../client/index.js').Acequia} client a MessagePack session */
export function wireMandelbrot(client) {
  const canvas = byId('mandelbrot');
  const picture = new Picture(canvas, byId('marks'));
  const pool = new Pool(byId('lanes'), byId('lanes-empty'), byId('pool-count'));
  const maxIter = byId('max-iter');
  const tileSize = byId('tile-size');
  const keepGoing = byId('keep-going');

  let view = home(...size(), Number(maxIter.value), Number(tileSize.value));
  let painted; // the view that is on the canvas
  let rendering;
  let [startedAt, done, failed] = [0, 0, 0];
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
    picture.begin(view, painted);
    painted = view;
    pool.begin();
    [done, failed] = [0, 0];
    startedAt = lastSign = performance.now();
    byId('picture-trouble').hidden = true;
    canvas.dataset.state = 'rendering';
    document.body.dataset.busy = '';
    rendering = new Rendering(client, view, on);
    canvas.dataset.tilesTotal = rendering.tiles.length;
    canvas.dataset.tilesDone = 0;
    byId('zoom').textContent = zoomOf(view).toLocaleString('en', { notation: 'compact', maximumSignificantDigits: 3 });
    if (!ticking) tick();
  }

  const on = {
    started(tile, worker) {
      lastSign = performance.now();
      picture.markRunning(tile, pool.started(tile, worker));
    },
    stopped(tile) {
      pool.stopped(tile);
      picture.unmark(tile);
    },
    done(tile, bytes) {
      lastSign = performance.now();
      picture.tile(tile, bytes);
      const colour = pool.done(tile);
      if (colour) picture.markDone(tile, colour);
      done += 1;
      ended();
    },
    failed(tile, error) {
      on.stopped(tile);
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
    pool.rest();
    show();
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(2);
    byId('picture-news').textContent = keepGoing.checked ? '' : `Done: ${done} tiles by ${pool.workers} workers in ${seconds} seconds.`;
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
    const now = performance.now();
    const total = rendering.tiles.length;
    const live = done + failed < total;
    pool.draw();
    byId('tiles-done').textContent = done;
    byId('tiles-total').textContent = total;
    byId('elapsed').textContent = ((now - startedAt) / 1000).toFixed(2);
    byId('rate').textContent = done > 0 ? rate(done, now - startedAt) : '–';
    byId('progress').style.transform = `scaleX(${(done + failed) / total})`;
    if (client.state !== 'open') lastSign = now;
    byId('no-worker').hidden = !live || pool.running > 0 || now - lastSign < PATIENCE_MS;
  }

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

  client.ready.then(() => render());
  return { iterations: () => picture.iterations.slice(), view: () => ({ ...view }) };
}
