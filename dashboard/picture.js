// The two canvases: the picture, and on top of it the marks of who works or worked where.

import { pictureColours } from './palette.js';

const PREVIEW_ALPHA = 0.4;
/** Of a tile's owner, in a corner; in pixels of the picture. */
const CORNER_MIN = 7;
const CORNER_SHARE = 0.16;
/** On the picture, in light and dark alike. */
const LOST = '#ff6b5e';

export class Picture {
  /** @param {HTMLCanvasElement} canvas @param {HTMLCanvasElement} marks */
  constructor(canvas, marks) {
    this.canvas = canvas;
    this.showMarks = true;
    this.#paint = canvas.getContext('2d');
    this.#mark = marks.getContext('2d');
  }

  #paint;
  #mark;
  #colours = new Uint32Array(1);
  #maxIter = 0;
  /** Tiles that have an owner: drawn again when marks are switched on. */
  #owned = new Map();
  iterations = new Uint16Array(0);

  /** A new view: the old picture stays below, faint and moved to where it belongs, until painted over. */
  begin(view, before) {
    const { canvas } = this;
    const old = before && document.createElement('canvas');
    if (old) {
      [old.width, old.height] = [canvas.width, canvas.height];
      old.getContext('2d').drawImage(canvas, 0, 0);
    }
    for (const { canvas: each } of [this.#paint, this.#mark]) {
      [each.width, each.height] = [view.width, view.height]; // also clears
    }
    if (old) {
      const scale = before.step / view.step;
      this.#paint.globalAlpha = PREVIEW_ALPHA;
      this.#paint.drawImage(old, (before.x0 - view.x0) / view.step, (before.y0 - view.y0) / view.step, old.width * scale, old.height * scale);
      this.#paint.globalAlpha = 1;
    }
    this.iterations = new Uint16Array(view.width * view.height);
    this.#owned.clear();
    if (this.#maxIter !== view.maxIter) {
      this.#maxIter = view.maxIter;
      this.#colours = pictureColours(view.maxIter);
    }
  }

  /** Paints a tile. @param {Uint16Array} counts row by row */
  tile({ x, y, width, height }, counts) {
    const image = new ImageData(width, height);
    const pixels = new Uint32Array(image.data.buffer);
    const rowLength = this.canvas.width;
    for (let i = 0; i < pixels.length; i++) {
      const n = Math.min(counts[i], this.#maxIter);
      pixels[i] = this.#colours[n];
      this.iterations[(y + Math.floor(i / width)) * rowLength + x + (i % width)] = n;
    }
    this.#paint.putImageData(image, x, y);
  }

  /** A worker has the tile: shown whether or not marks are. */
  markRunning(tile, colour) {
    const { x, y, width, height } = tile;
    const mark = this.#clear(tile);
    mark.fillStyle = mark.strokeStyle = colour;
    mark.globalAlpha = 0.3;
    mark.fillRect(x, y, width, height);
    mark.globalAlpha = 1;
    mark.lineWidth = 3;
    mark.strokeRect(x + 2, y + 2, width - 4, height - 4);
  }

  markDone(tile, colour) {
    this.#clear(tile);
    this.#owned.set(tile, colour);
    if (this.showMarks) this.#markOwner(tile, colour);
  }

  /** Whoever had it is gone, and it waits for another: shown whether or not marks are. */
  markLost(tile) {
    const { x, y, width, height } = tile;
    const mark = this.#clear(tile);
    mark.strokeStyle = LOST;
    mark.lineWidth = 3;
    mark.setLineDash([6, 5]);
    mark.strokeRect(x + 2, y + 2, width - 4, height - 4);
    mark.setLineDash([]);
  }

  /** Nobody has it any more. */
  unmark(tile) {
    this.#clear(tile);
  }

  setShowMarks(show) {
    this.showMarks = show;
    for (const [tile, colour] of this.#owned) {
      this.#clear(tile);
      if (show) this.#markOwner(tile, colour);
    }
  }

  #markOwner({ x, y, width, height }, colour) {
    const mark = this.#mark;
    const edge = Math.max(CORNER_MIN, Math.min(width, height) * CORNER_SHARE);
    mark.fillStyle = colour;
    mark.beginPath();
    mark.moveTo(x + 1, y + 1);
    mark.lineTo(x + 1 + edge, y + 1);
    mark.lineTo(x + 1, y + 1 + edge);
    mark.fill();
  }

  #clear({ x, y, width, height }) {
    this.#mark.clearRect(x, y, width, height);
    return this.#mark;
  }
}
