// Why there is no connection, in words for who wrote the page. Pure.

import { UNAUTHORIZED } from './codes.js';

/**
 * @typedef {object} Down how a connection ended
 * @property {number} code of the close
 * @property {string} reason
 * @property {boolean} hasAsked whether it was tried at all: there was a token, or none was needed
 * @property {boolean} reached whether the WebSocket had opened
 * @property {boolean} wasOpen whether there was a welcome
 *
 * @param {Down | undefined} down the last one, if there was one
 * @param {{ url: string, hasToken: boolean, origin?: string }} about `origin`: of the page
 */
export function explain(down, { url, hasToken, origin }) {
  if (!down) return `no connection to ${url}: no answer yet`;
  const { code, reason, hasAsked, reached, wasOpen } = down;
  if (!hasAsked) return `no connection to ${url}, since there is no token: ${reason}`;
  const said = `no connection to ${url}: ${reason || 'the WebSocket was closed'} (close code ${code})`;
  if (wasOpen && code !== UNAUTHORIZED) return said;
  return `${said}. ${hint(code, reached, url, hasToken, origin)}`;
}

/** @param {number} code @param {boolean} reached @param {string} url @param {boolean} hasToken @param {string} [origin] */
function hint(code, reached, url, hasToken, origin) {
  if (code === UNAUTHORIZED) {
    return hasToken
      ? 'The server does not take the token: it may be over, or of another key, audience or issuer'
      : 'The server asks each client for a token: pass the option `token`';
  }
  if (reached) return 'Something there speaks WebSocket and did not say `welcome`: is it an Acequia server that has room?';
  const foreign = origin !== undefined && origin !== 'null' && !isOwn(origin, url);
  if (origin === 'null') return 'This page has no origin of its own (`file://` or a sandbox), and the server may refuse it: serve it over HTTP, or allow it (`--allow-origin`)';
  if (origin?.startsWith('https:') && url.startsWith('ws:')) return 'A page that came over HTTPS may dial `wss://` only';
  const listens = 'Does an Acequia server listen there, and is the path its own (`/v1/ws`)?';
  return foreign ? `${listens} If so, it may not allow this page: start it with \`--allow-origin ${origin}\`` : listens;
}

/** Whether a server takes the page for its own. @param {string} origin @param {string} url */
function isOwn(origin, url) {
  return new URL(url).host === origin.replace(/^\w+:\/\//, '');
}
