// Colours: of iteration counts, and of workers.

/** From deep water over the glazes of a tile and back, so that it can go round. */
const STOPS = [
  [0.0, 9, 28, 66], [0.17, 24, 92, 176], [0.34, 62, 178, 196], [0.5, 244, 247, 238],
  [0.66, 244, 192, 67], [0.83, 168, 74, 40], [1.0, 9, 28, 66],
];
const INSIDE = [8, 19, 38];

/** Octaves of iterations in one round of the palette. */
const OCTAVES = 7;

/**
 * The colour of each iteration count from 0 to `maxIter`, as ImageData has it (RGBA, little endian).
 * By the logarithm: each doubling, deeper and finer, gets as much colour as the one before.
 */
export function pictureColours(maxIter) {
  const colours = new Uint32Array(maxIter + 1);
  for (let n = 0; n < maxIter; n++) colours[n] = rgba(blend((Math.log2(n + 1) / OCTAVES + 0.9) % 1));
  colours[maxIter] = rgba(INSIDE);
  return colours;
}

function blend(at) {
  const i = STOPS.findIndex(([stop]) => stop > at);
  const [from, ...a] = STOPS[i - 1];
  const [to, ...b] = STOPS[i];
  const share = (at - from) / (to - from);
  return a.map((value, channel) => value + (b[channel] - value) * share);
}

const rgba = ([r, g, b]) => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** Far apart from each other, and readable on light, on dark and on the picture. */
const WORKERS = ['#e8a317', '#18a999', '#e4572e', '#8367c7', '#5aa02c', '#d84797', '#2e86de', '#b07d4f'];

/** One colour for each `index` from 0; the first few are chosen by hand. */
export function workerColour(index) {
  return WORKERS[index] ?? `hsl(${((index * 137.508) % 360).toFixed(2)} 62% 52%)`;
}
