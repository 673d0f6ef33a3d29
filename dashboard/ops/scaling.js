// What to ask of a pool for one process more or less.

const PROCESSES_MAX = 1000;

/** One more at once: the least it keeps goes above what it has. */
export function oneMore({ processes, min, max }) {
  const least = Math.min(Math.max(processes, min) + 1, PROCESSES_MAX);
  return least > max ? { min: least, max: least } : { min: least };
}

/** One less to keep: what there is beyond it leaves when it is idle. */
export const oneLess = ({ min }) => ({ min: Math.max(0, min - 1) });
