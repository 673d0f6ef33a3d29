// What the caller says, as the protocol spells it.

import { ATTEMPTS_MAX, bytesOf, DURATION_MS_MAX, KEY_BYTES_MAX, PRIORITY_MAX, QUEUE_NAME_BYTES_MAX } from './limits.js';

/** A value of the right type that no server takes. It is the job's end, as if the server had said so. */
class OutOfBounds extends Error {}

/**
 * Options of `submit` that go into the op: their names there, and what they may be.
 * @type {Map<string, [field: string, take: (value: any, name: string) => any]>}
 */
const FIELDS = new Map([
  ['queue', ['queue', queue]],
  ['priority', ['priority', integer(0, PRIORITY_MAX)]],
  ['delayMs', ['delay_ms', integer(0, DURATION_MS_MAX)]],
  ['timeoutMs', ['timeout_ms', integer(1, DURATION_MS_MAX)]],
  ['ttlMs', ['ttl_ms', integer(1, DURATION_MS_MAX)]],
  ['attempts', ['attempts', integer(1, ATTEMPTS_MAX)]],
  ['key', ['key', name]],
  ['onDisconnect', ['on_disconnect', onDisconnect]],
  ['traceparent', ['traceparent', string]],
  ['batch', ['batch', name]],
]);

/**
 * `refusal`: why no server would take the job, if one would not.
 *
 * @param {number} id @param {any} payload @param {object} options
 * @returns {{ op: Record<string, any>, refusal: string | null }}
 * @throws {TypeError} if an option is unknown, or of another type
 */
export function submitOp(id, payload, options) {
  /** @type {Record<string, any>} */
  const op = { op: 'submit', id, payload };
  let refusal = null;
  for (const [option, value] of Object.entries(options)) {
    const known = FIELDS.get(option);
    if (!known) throw new TypeError(`submit: unknown option \`${option}\``);
    if (value === undefined) continue;
    const taken = said('submit', known[1], value, option);
    op[known[0]] = taken.value;
    refusal ??= taken.refusal;
  }
  return { op, refusal };
}

/**
 * What is to be watched. `refusal`: why no server would know it, if none would.
 *
 * @param {any} what @param {any} options
 * @returns {{ isBatch: boolean, name: string, refusal: string | null }} the name of a batch, or the UUID of a job
 * @throws {TypeError} if it is neither a job nor a batch, or an option is unknown
 */
export function watchTarget(what, options) {
  const isBatch = typeof what?.batch === 'string' && Object.keys(what).length === 1;
  if (!isBatch && typeof what !== 'string') {
    throw new TypeError(`watch: a job is a string, its UUID, and a batch is \`{ batch: name }\`; this is ${shown(what)}`);
  }
  const unknown = Object.keys(options).find((option) => option !== 'signal' && (isBatch || option !== 'label'));
  if (unknown !== undefined) throw new TypeError(`watch: unknown option \`${unknown}\``);
  const { value, refusal } = isBatch ? said('watch', name, what.batch, 'batch') : said('watch', uuid, what, 'job');
  return { isBatch, name: value, refusal };
}

/**
 * A value as the op has it, and errors that name the op.
 * @param {string} op @param {(value: any, name: string) => any} take @param {any} value @param {string} name
 * @returns {{ value?: any, refusal: string | null }}
 */
function said(op, take, value, name) {
  try {
    return { value: take(value, name), refusal: null };
  } catch (error) {
    const message = `${op}: ${/** @type {Error} */ (error).message}`;
    if (error instanceof OutOfBounds) return { refusal: message };
    throw new TypeError(message);
  }
}

/** @param {any} value @param {string} option */
function uuid(value, option) {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value)) throw new OutOfBounds(`\`${option}\` is ${shown(value)}; a job's id is a UUID`);
  return value.toLowerCase();
}

/** @param {number} min @param {number} max */
function integer(min, max) {
  return (/** @type {any} */ value, /** @type {string} */ option) => {
    notNull(value, option);
    if (!Number.isInteger(value)) throw new TypeError(`\`${option}\` must be a whole number, and is ${shown(value)}`);
    if (value < min || value > max) throw new OutOfBounds(`\`${option}\` is ${value}; it may be from ${min} to ${max}`);
    return value + 0; // never -0
  };
}

/** @param {any} value @param {string} option @returns {string} */
function string(value, option) {
  notNull(value, option);
  if (typeof value !== 'string') throw new TypeError(`\`${option}\` must be a string, and is ${shown(value)}`);
  return value;
}

/** @param {any} value @param {string} option */
function name(value, option) {
  const bytes = bytesOf(string(value, option));
  if (bytes < 1 || bytes > KEY_BYTES_MAX) throw new OutOfBounds(`\`${option}\` has ${bytes} bytes; it may have from 1 to ${KEY_BYTES_MAX}`);
  return value;
}

/** @param {any} value @param {string} option */
function queue(value, option) {
  if (!new RegExp(`^[A-Za-z0-9._-]{1,${QUEUE_NAME_BYTES_MAX}}$`).test(string(value, option))) {
    throw new OutOfBounds(`\`${option}\` is ${shown(value)}; a queue's name has from 1 to ${QUEUE_NAME_BYTES_MAX} of the characters A-Z a-z 0-9 . _ -`);
  }
  return value;
}

/** @param {any} value `keep`, `cancel` or `{ cancelAfterMs }` @param {string} option */
function onDisconnect(value, option) {
  notNull(value, option);
  if (value === 'keep' || value === 'cancel') return value;
  if (typeof value !== 'object') throw new TypeError(`\`${option}\` must be \`keep\`, \`cancel\` or \`{ cancelAfterMs }\`, and is ${shown(value)}`);
  const { cancelAfterMs, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`unknown key \`${unknown}\` of \`${option}\``);
  return { cancel_after_ms: integer(1, DURATION_MS_MAX)(cancelAfterMs, `${option}.cancelAfterMs`) };
}

/** A null where a value was meant: that of a key must not pass for a job that may run twice. @param {any} value @param {string} option */
function notNull(value, option) {
  if (value === null) throw new TypeError(`\`${option}\` is null; leave it out for a job without one`);
}

/** @param {any} value */
function shown(value) {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `the string ${JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)}`;
  return typeof value === 'object' ? `an ${Array.isArray(value) ? 'array' : 'object'}` : `${typeof value === 'number' ? '' : `a ${typeof value}: `}${String(value)}`;
}

/**
 * Without a URL: of the server that this module came from, which may have a path of its own; of a
 * copy of the module, the host that served the page.
 * @param {string | { href: string }} [url] @param {string} [module] where this module came from
 */
export function webSocketUrl(url, module = import.meta.url) {
  const own = /^https?:.*\/client\/op\.js$/.test(module) ? new URL('../v1/ws', module) : '/v1/ws';
  const absolute = new URL(typeof url === 'object' ? url.href : (url ?? own), globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
  return absolute.href;
}
