// Tiles whose worker was lost: they flash, and it is told what becomes of them.

/** How long one flashes. */
const FLASH_MS = 1500;

export class Losses {
  #frame;
  #news;
  /** Those that wait for another run, by the worker that had them. */
  #waiting = new Map();
  #from = new Set();
  #by = new Set();
  #lost = 0;
  #again = 0;

  /** @param {HTMLElement} frame of the picture @param {HTMLElement} news a live region */
  constructor(frame, news) {
    this.#frame = frame;
    this.#news = news;
  }

  /** A rendering begins. */
  begin() {
    this.#waiting.clear();
    this.#from.clear();
    this.#by.clear();
    [this.#lost, this.#again] = [0, 0];
    this.#tell('');
  }

  lost(tile, worker, view) {
    this.#lost += 1;
    this.#from.add(worker ?? 'a worker');
    this.#waiting.set(tile, worker);
    this.#flash(tile, view);
    this.#tell(' …');
  }

  started(tile, worker) {
    if (!this.#waiting.delete(tile)) return;
    this.#again += 1;
    this.#by.add(worker);
    this.#tell(this.#waiting.size > 0 ? ' …' : '.');
  }

  /** All tiles have ended, so many of them without a result. */
  ended(failed) {
    if (this.#lost > 0) this.#tell(failed === 0 ? '. Nothing is missing in the picture.' : '.');
  }

  #tell(end) {
    this.#news.dataset.lost = this.#lost;
    this.#news.dataset.again = this.#again;
    const tiles = (count) => `${count} ${count === 1 ? 'tile' : 'tiles'}`;
    const again = this.#again > 0 ? `; ${this.#again} ran again, by ${[...this.#by].join(', ')}` : '';
    this.#news.textContent = this.#lost === 0 ? '' : `${tiles(this.#lost)} lost with ${[...this.#from].join(', ')}${again}${end}`;
  }

  #flash({ x, y, width, height }, view) {
    const flash = document.createElement('div');
    flash.className = 'flash';
    for (const [side, share] of [['left', x / view.width], ['top', y / view.height], ['width', width / view.width], ['height', height / view.height]]) {
      flash.style.setProperty(side, `${share * 100}%`);
    }
    flash.textContent = 'lost';
    this.#frame.append(flash);
    setTimeout(() => flash.remove(), FLASH_MS);
  }
}
