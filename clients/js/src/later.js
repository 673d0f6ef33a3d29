// A timer that does not keep a Node.js process alive: what it looks after does.

/** The longest time that a timer can be set to: one beyond it fires at once. */
export const TIMER_MS_MAX = 2 ** 31 - 1;

/** Returns what stops it. @param {number} ms @param {() => void} act */
export function later(ms, act) {
  /** @type {any} */
  const timer = setTimeout(act, Math.min(ms, TIMER_MS_MAX));
  timer.unref?.();
  return () => clearTimeout(timer);
}
