// What the page knows: events folded into a state, which is never changed, only replaced.

/** Ten minutes; what is older leaves. */
export const WINDOW_MS = 600_000;

/** The state before anything is known: no tick was there yet. */
export const NOTHING = Object.freeze({
  /** When the newest tick was made, by the server's clock, which all times here are of. */
  at: null,
  intervalMs: 2000,
  /** The oldest first: `{ at, all, queues }`, of each what an interval had. */
  points: [],
  server: null,
  queues: [],
  workers: [],
  moreWorkers: false,
  pools: [],
  failures: [],
});

/**
 * @param {typeof NOTHING} state
 * @param {{ event: string, data: object }} message `history`, `now` and `tick` of the stream; `queue`,
 *   `worker` and `pool`: the answer to a call that changed one of them
 */
export function fold(state, { event, data }) {
  switch (event) {
    case 'history':
      return { ...state, intervalMs: data.interval_ms, points: rows(data) };
    case 'now':
      return now(state, data);
    case 'tick':
      return tick(state, data);
    case 'queue':
      return { ...state, queues: replaced(state.queues, 'queue', data) };
    case 'worker':
      return { ...state, workers: replaced(state.workers, 'worker', data) };
    case 'pool':
      return { ...state, pools: replaced(state.pools, 'pool', data) };
    default:
      return state; // of a server that has more to tell
  }
}

function tick(state, data) {
  // A clock that was set back would have time go back: what comes after now is of the old time.
  const before = state.points.filter(({ at }) => at < data.at_ms);
  const points = [...before, { at: data.at_ms, ...data.point }];
  const first = points.findIndex(({ at }) => at > data.at_ms - WINDOW_MS);
  return { ...now(state, data), points: points.slice(first) };
}

function now(state, data) {
  return {
    ...state,
    at: data.at_ms,
    server: data.server,
    queues: data.queues,
    workers: data.workers,
    moreWorkers: data.more_workers,
    pools: data.pools,
    failures: data.failures,
  };
}

/** A history has lists; a tick has one of each. */
function rows({ interval_ms: step, until_ms: until, points, all, queues }) {
  const row = (lists, n) => Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list[n]]));
  return Array.from({ length: points }, (_, n) => ({
    at: until - (points - 1 - n) * step,
    all: row(all, n),
    queues: Object.fromEntries(Object.entries(queues).map(([queue, lists]) => [queue, row(lists, n)])),
  }));
}

const replaced = (list, key, item) => list.map((each) => (each[key] === item[key] ? item : each));

/** The points of all queues, or of one: null where nothing is known of it. */
export function pointsOf({ points }, queue) {
  if (queue === null) return points.map(({ at, all }) => ({ at, point: all }));
  return points.map(({ at, queues }) => ({ at, point: Object.hasOwn(queues, queue) ? queues[queue] : null }));
}
