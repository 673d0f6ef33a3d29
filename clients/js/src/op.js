// What the caller says, as the protocol spells it.

/** Options of `submit` that go into the op, and their names there. */
const FIELDS = new Map([
  ['queue', 'queue'],
  ['priority', 'priority'],
  ['delayMs', 'delay_ms'],
  ['timeoutMs', 'timeout_ms'],
  ['ttlMs', 'ttl_ms'],
  ['attempts', 'attempts'],
  ['key', 'key'],
  ['onDisconnect', 'on_disconnect'],
  ['traceparent', 'traceparent'],
  ['batch', 'batch'],
]);

/** @param {number} id @param {any} payload @param {object} options */
export function submitOp(id, payload, options) {
  if (payload === undefined) throw new TypeError('submit: no payload; `null` says that there is none');
  /** @type {Record<string, any>} */
  const op = { op: 'submit', id, payload };
  for (const [name, value] of Object.entries(options)) {
    const field = FIELDS.get(name);
    if (!field) throw new TypeError(`submit: unknown option \`${name}\``);
    if (value !== undefined) op[field] = name === 'onDisconnect' ? onDisconnectOf(value) : value;
  }
  return op;
}

/** @param {any} value `keep`, `cancel` or `{ cancelAfterMs }` */
function onDisconnectOf(value) {
  if (typeof value !== 'object' || value === null) return value;
  const { cancelAfterMs, ...others } = value;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) throw new TypeError(`submit: unknown key \`${unknown}\` of \`onDisconnect\``);
  return { cancel_after_ms: cancelAfterMs };
}

/** @param {string | URL} url */
export function webSocketUrl(url) {
  const absolute = new URL(url, globalThis.location?.href);
  absolute.protocol = absolute.protocol.replace(/^http/, 'ws');
  return absolute.href;
}
