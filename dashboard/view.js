// Which part of the plane the picture shows, and its tiles. No DOM, no network.

/** What everyone knows: all of the set. */
const HOME = { x: -0.65, y: 0, span: 3.3 };

/** Neighbouring pixels must stay different numbers in f64, also after the worker's additions. */
const STEP_MIN = 1e-15;
const STEP_MAX = 0.02;

/**
 * @typedef {object} View
 * @property {number} x0 real part of the first column
 * @property {number} y0 imaginary part of the first row; it grows downwards
 * @property {number} step between neighbouring pixels
 * @property {number} width in pixels
 * @property {number} height in pixels
 * @property {number} maxIter
 * @property {number} tile edge in pixels
 */

/** @returns {View} */
export function home(width, height, maxIter, tile) {
  return around({ width, height, maxIter, tile }, HOME.x, HOME.y, HOME.span / width);
}

/** How many times closer than home. */
export const zoomOf = ({ step, width }) => HOME.span / width / step;

/** The view with the point (px, py) of this one in its middle, `factor` times closer. */
export function zoomed(view, px, py, factor) {
  const step = Math.min(Math.max(view.step / factor, STEP_MIN), STEP_MAX);
  return around(view, view.x0 + px * view.step, view.y0 + py * view.step, step);
}

/** Moved by a share of its size. */
export function panned(view, dx, dy) {
  return { ...view, x0: view.x0 + dx * view.width * view.step, y0: view.y0 + dy * view.height * view.step };
}

/** The same part of the plane in another number of pixels. */
export function resized(view, width, height) {
  const [px, py] = [view.width / 2, view.height / 2];
  const step = (view.step * view.width) / width;
  return around({ ...view, width, height }, view.x0 + px * view.step, view.y0 + py * view.step, step);
}

function around(rest, x, y, step) {
  return { ...rest, step, x0: x - (rest.width / 2) * step, y0: y - (rest.height / 2) * step };
}

/** The tiles, from the middle outwards, each with its index in that order. @param {View} view */
export function tilesOf({ width, height, tile }) {
  const tiles = [];
  for (let y = 0; y < height; y += tile) {
    for (let x = 0; x < width; x += tile) {
      tiles.push({ x, y, width: Math.min(tile, width - x), height: Math.min(tile, height - y) });
    }
  }
  const distance = (t) => Math.hypot(t.x + t.width / 2 - width / 2, t.y + t.height / 2 - height / 2);
  tiles.sort((a, b) => distance(a) - distance(b));
  return tiles.map((tile, index) => ({ ...tile, index }));
}

/** What the worker of the queue `mandelbrot` is asked. @param {View} view */
export function payloadOf(view, tile) {
  return {
    x0: view.x0 + tile.x * view.step,
    y0: view.y0 + tile.y * view.step,
    step: view.step,
    width: tile.width,
    height: tile.height,
    max_iter: view.maxIter,
  };
}
