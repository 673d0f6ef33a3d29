// The check that a text is an endpoint that can be dialled.

import { WorkerError } from './errors.js';

/** @param {'jobs' | 'results'} name the option that gave it @param {string} url */
export function checkEndpoint(name, url) {
  const why = whyNot(url);
  if (!why) return url;
  throw new WorkerError(
    `the ${name} endpoint ${JSON.stringify(url)} cannot be used: ${why}; expected is tcp://HOST:PORT or ipc://PATH, ` +
      'such as tcp://127.0.0.1:5557 or ipc:///run/acequia/jobs',
  );
}

/** @param {string} url */
function whyNot(url) {
  if (/^ipc:\/\/./.test(url)) return '';
  const tcp = /^tcp:\/\/(.+):([0-9]+)$/.exec(url);
  if (!tcp) return 'it is neither';
  if (tcp[1] === '*') return '`*` is an address to listen on, not to dial';
  if (Number(tcp[2]) === 0 || Number(tcp[2]) > 65_535) return `${tcp[2]} is no port that can be dialled`;
  return '';
}
