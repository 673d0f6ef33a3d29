// Numbers and times as people read them.

const NONE = '–';
const WHOLE = new Intl.NumberFormat('en');
const COMPACT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** 12345 → 12,345 */
export const count = (n) => (n == null ? NONE : WHOLE.format(n));

/** 12345 → 12.3K */
export const compact = (n) => (n == null ? NONE : COMPACT.format(n));

/** What happens in a second: small rates with a decimal. */
export function rate(perSecond) {
  if (perSecond == null) return NONE;
  if (perSecond === 0) return '0';
  if (perSecond < 0.1) return '<0.1';
  return perSecond < 10 ? perSecond.toFixed(1) : WHOLE.format(Math.round(perSecond));
}

/** The two largest units of a time in ms. */
export function duration(ms) {
  if (ms == null) return NONE;
  if (ms <= 0) return '0 ms';
  if (ms < 0.1) return '<0.1 ms';
  if (ms < 9.95) return `${trim(ms.toFixed(1))} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${trim((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 24 * 60) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  const hours = Math.floor(minutes / 60);
  return pair(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

const trim = (text) => text.replace(/\.0$/, '');
const pair = (big, unit, small, part) => (small === 0 ? `${big} ${unit}` : `${big} ${unit} ${small} ${part}`);

/** For what is looked at every two seconds: whole seconds, and from ten minutes on whole minutes. */
export function age(ms) {
  if (ms == null) return NONE;
  if (ms < 1000) return '0 s';
  const unit = ms < 600_000 ? 1000 : 60_000;
  return duration(Math.floor(ms / unit) * unit);
}

/** The largest unit of an age, where there is no room for two. */
export const brief = (ms) => age(ms).split(' ').slice(0, 2).join(' ');

/** How long ago, of what is past: clocks that differ a little do not put it into the future. */
export const ago = (ms) => (ms < 1000 ? 'just now' : `${age(ms)} ago`);

/** So much two clocks, or a number and the tick that it came before, may differ. */
const SKEW_MS_MAX = 10_000;

/** A moment that is past, and how long ago it was. One that is not by this clock is told without. */
export function past(at, now) {
  if (at == null) return null;
  return at - now > SKEW_MS_MAX ? moment(at, now) : `${moment(at, now)} (${ago(now - at)})`;
}

/** A moment that is to come, and in how long. */
export function due(at, now) {
  if (at == null) return null;
  const left = at - now;
  const words = left <= 0 ? 'due now' : left < 1000 ? 'in less than 1 s' : `in ${age(left)}`;
  return `${moment(at, now)} (${words})`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** 1536 → 1.5 KiB */
export function bytes(n) {
  if (n == null) return NONE;
  const power = Math.min(UNITS.length - 1, n < 1 ? 0 : Math.floor(Math.log2(n) / 10));
  return `${trim((n / 1024 ** power).toFixed(power === 0 ? 0 : 1))} ${UNITS[power]}`;
}

/** The end of a UUID v7: its beginning is the time, which jobs of one minute have in common. */
export const shortId = (job) => `…${job.slice(-8)}`;

/** A moment, in ms since 1970, by the reader's clock; with its day unless that is today. */
export function moment(ms, now = Date.now()) {
  const at = new Date(ms);
  const time = at.toLocaleTimeString('en-GB');
  return at.toDateString() === new Date(now).toDateString() ? time : `${at.toLocaleDateString('en-CA')} ${time}`;
}

/** 1 job, 2 jobs */
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;
