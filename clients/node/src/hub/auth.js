// The proof that a worker knows the worker token, without showing it.

import { createHmac } from 'node:crypto';

/** The answer to a `hello`. @param {Uint8Array} token @param {{ id: Uint8Array, nonce: Uint8Array }} hello */
export function answer(token, { id, nonce }) {
  return createHmac('sha256', token).update(nonce).update(id).digest();
}
