// Pointer and keys on the picture, as changes of the view.

/** Below this, a drag is a click whose hand trembled. In CSS pixels. */
const DRAG_MIN = 8;
const CLICK_FACTOR = 3;
const KEY_FACTOR = 2;
const KEY_PAN = 0.2;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {HTMLElement} selection shown while a frame is dragged
 * @param {object} on
 * @param {(px: number, py: number, factor: number) => void} on.zoom about a pixel of the picture
 * @param {(dx: number, dy: number) => void} on.pan by a share of its size
 * @param {() => void} on.reset
 */
export function wireGestures(canvas, selection, on) {
  /** @type {{ x: number, y: number } | null} */
  let from = null;
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top, box };
  };
  const middle = (factor) => on.zoom(canvas.width / 2, canvas.height / 2, factor);

  canvas.addEventListener('pointerdown', (event) => {
    if (event.button !== 0) return;
    from = at(event);
    // A finger that moves scrolls the page.
    if (event.pointerType !== 'touch') canvas.setPointerCapture(event.pointerId);
  });

  canvas.addEventListener('pointermove', (event) => {
    if (!from || event.pointerType === 'touch') return;
    const frame = frameOf(from, at(event));
    selection.hidden = frame.width < DRAG_MIN;
    for (const [side, value] of Object.entries(frame)) selection.style.setProperty(side, `${value}px`);
  });

  canvas.addEventListener('pointerup', (event) => {
    if (!from) return;
    const to = at(event);
    const frame = frameOf(from, to);
    stop();
    const scale = canvas.width / to.box.width;
    if (frame.width < DRAG_MIN) on.zoom(to.x * scale, to.y * scale, event.shiftKey ? 1 / CLICK_FACTOR : CLICK_FACTOR);
    else if (event.pointerType !== 'touch') {
      const factor = to.box.width / frame.width;
      on.zoom((frame.left + frame.width / 2) * scale, (frame.top + frame.height / 2) * scale, factor);
    }
  });
  canvas.addEventListener('pointercancel', stop);

  canvas.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const keys = {
      ArrowLeft: () => on.pan(-KEY_PAN, 0),
      ArrowRight: () => on.pan(KEY_PAN, 0),
      ArrowUp: () => on.pan(0, -KEY_PAN),
      ArrowDown: () => on.pan(0, KEY_PAN),
      '+': () => middle(KEY_FACTOR),
      '=': () => middle(KEY_FACTOR),
      '-': () => middle(1 / KEY_FACTOR),
      0: on.reset,
      Escape: stop,
    };
    const act = keys[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });

  function stop() {
    from = null;
    selection.hidden = true;
  }

  /** The dragged frame in the proportions of the picture: as wide as dragged. */
  function frameOf(a, b) {
    const ratio = canvas.height / canvas.width;
    const width = Math.max(Math.abs(b.x - a.x), Math.abs(b.y - a.y) / ratio);
    const height = width * ratio;
    return { left: b.x < a.x ? a.x - width : a.x, top: b.y < a.y ? a.y - height : a.y, width, height };
  }
}
