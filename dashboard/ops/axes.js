// The steps of axes: of each, at most five labels, and each label is a whole number of something.

const decades = (from, to) => Array.from({ length: to - from + 1 }, (_, n) => [1, 2, 5].map((step) => step * 10 ** (from + n))).flat();
const [SECOND, MINUTE, HOUR, DAY] = [1000, 60_000, 3_600_000, 86_400_000];

/** Seconds, of the axis of time. */
export const TIMES = [60, 120, 300];

/** Numbers of things, of which there are no halves. */
export const COUNTS = decades(0, 9);

/** Rates in a second. */
export const RATES = decades(-1, 9).map((step) => Number(step.toPrecision(1)));

/** Milliseconds: steps that people count in, also above a minute. */
export const DURATIONS = [
  ...decades(-1, 2).map((step) => Number(step.toPrecision(1))),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * SECOND),
  ...[1, 2, 5, 10, 20, 30].map((n) => n * MINUTE),
  ...[1, 2, 3, 6, 12].map((n) => n * HOUR),
  ...decades(0, 4).map((n) => n * DAY),
];
