// Moments, and how long something took.

/** In ms, and the same before and after a reload. */
export const now = () => performance.timeOrigin + performance.now();

/** A time for people, with no more digits than they can read. */
export function spell(ms) {
  if (ms < 100) return `${ms.toFixed(1)} ms`;
  return ms < 1000 ? `${ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(2)} s`;
}
