// What the protocol fixes, under the names of its table. What an operator may set comes with `welcome`.

export const OPS_PER_MESSAGE_MAX = 10_000;
export const NESTING_MAX = 128;
export const KEY_BYTES_MAX = 128;
export const QUEUE_NAME_BYTES_MAX = 64;
export const TOPIC_BYTES_MAX = 128;
export const TOPICS_PER_SESSION_MAX = 64;
export const PRIORITY_MAX = 9;
export const ATTEMPTS_MAX = 100;
export const DURATION_MS_MAX = 2_592_000_000;
export const TOKEN_BYTES_MAX = 8_192;

/** What a message may hold until a `welcome` says otherwise; the server's own default. */
export const MESSAGE_BYTES_MAX = 4 * 1024 * 1024;

const utf8 = new TextEncoder();

/** The length of a text on the wire. @param {string} text */
export const bytesOf = (text) => utf8.encode(text).length;
