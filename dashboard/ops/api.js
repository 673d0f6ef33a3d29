// Admin calls: docs/admin.md.

import { members } from './json.js';
import { token } from './token.js';

/** Beside /assets/, wherever a proxy has put it. */
const BASE = new URL('../../v1/admin', import.meta.url).href;

/** An answer that says no, or none: `status` is then 0. */
export class Refused extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** Told of each refusal, for what concerns the whole page. */
export const refusals = new EventTarget();

/** @returns {Promise<Response>} one that says yes */
export async function request(path, { method = 'GET', body, signal } = {}) {
  const headers = {};
  const shown = token();
  if (shown !== null) headers.authorization = `Bearer ${shown}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response;
  try {
    response = await fetch(BASE + path, { method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, 'unreachable', 'the server does not answer');
  }
  if (response.ok) return response;
  const refused = await refusal(response);
  refusals.dispatchEvent(new CustomEvent('refused', { detail: refused }));
  throw refused;
}

/** What stands between may answer in words of its own. */
async function refusal(response) {
  const said = await response.json().catch(() => ({}));
  const message = typeof said.message === 'string' ? said.message : `HTTP ${response.status} ${response.statusText}`;
  return new Refused(response.status, said.code ?? 'http', message);
}

const call = async (method, path, body) => (await request(path, { method, body })).json();

/** An answer, and in `source` the JSON of each of its fields as the server wrote it. */
async function exact(path) {
  const text = await (await request(path)).text();
  return { ...JSON.parse(text), source: members(text) };
}

const part = encodeURIComponent;

/** The pairs that are there, as a query. */
function query(pairs) {
  const given = Object.entries(pairs).filter(([, value]) => value != null && value !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

export const pause = (queue) => call('POST', `/queues/${part(queue)}/pause`);
export const resume = (queue) => call('POST', `/queues/${part(queue)}/resume`);
export const drain = (worker) => call('POST', `/workers/${part(worker)}/drain`);
export const scale = (pool, size) => call('POST', `/pools/${part(pool)}/scale`, size);

export const job = (id) => exact(`/jobs/${part(id)}`);
export const jobs = (filter) => call('GET', `/jobs${query(filter)}`);
export const cancel = (id) => call('POST', `/jobs/${part(id)}/cancel`);

export const deadLetters = (filter) => call('GET', `/dead-letters${query({ order: 'newest', ...filter })}`);
export const deadLetter = (id) => exact(`/dead-letters/${part(id)}`);
export const redrive = (id) => call('POST', `/dead-letters/${part(id)}/redrive`);
export const redriveAll = (queue) => call('POST', `/dead-letters/redrive${query({ queue })}`);
export const drop = (id) => call('DELETE', `/dead-letters/${part(id)}`);
export const dropAll = (queue) => call('DELETE', `/dead-letters${query({ queue })}`);
