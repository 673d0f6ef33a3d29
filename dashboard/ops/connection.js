// How the page and the server are connected: the lamp at the top, a banner while they are not, and
// what to do where only a person can help.

import { byId, setText } from './dom.js';
import { steadily } from './hold.js';
import { setToken, token } from './token.js';

const LAMPS = { connecting: 'connecting', live: 'live', waiting: 'reconnecting', refused: 'closed' };
const NEWS = { live: 'Connected', waiting: 'Connection lost; reconnecting', refused: 'The server refuses this page' };

/** @param {import('./stream.js').Live} live */
export function showConnection(live) {
  let ticking;
  let told = 'connecting';
  let refusedToken = false;

  live.addEventListener('state', ({ detail }) => {
    clearInterval(ticking);
    // A dial during an outage is not a change worth a flicker.
    const trying = detail.state === 'connecting' && told === 'waiting';
    if (!trying) steadily(() => show(detail));
    else setText(byId('banner-when'), 'Trying …');
  });

  function show(detail) {
    const { state } = detail;
    byId('connection').dataset.state = LAMPS[state];
    setText(byId('connection-text'), state === 'refused' ? 'no access' : LAMPS[state]);
    // A countdown read aloud would be a nuisance: only the changes are.
    if (state !== told && NEWS[state]) setText(byId('connection-news'), NEWS[state]);
    told = state;

    document.body.dataset.connection = state;
    byId('banner').hidden = state !== 'waiting';
    if (state === 'waiting') count(detail);
    for (const status of [401, 403, 404]) byId(`door-${status}`).hidden = state !== 'refused' || detail.status !== status;
    byId('door').hidden = state !== 'refused';
    if (state === 'refused') refuse(detail);
    if (state === 'live') refusedToken = false;
    byId('forget').hidden = token() === null || state === 'refused';
  }

  function count({ message, retryAt }) {
    setText(byId('banner-why'), message);
    const left = () => setText(byId('banner-when'), `Next try in ${Math.max(1, Math.ceil((retryAt - performance.now()) / 1000))} s.`);
    left();
    ticking = setInterval(left, 500);
  }

  function refuse({ status, message }) {
    if (status === 403) setText(byId('door-403-why'), message);
    if (status !== 401) return;
    const wrong = byId('token-wrong');
    refusedToken ||= token() !== null;
    wrong.hidden = !refusedToken;
    setToken(null);
    byId('token').value = '';
    byId('token').focus();
  }

  byId('token-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const given = byId('token').value.trim();
    if (given === '') return;
    setToken(given);
    live.retry();
  });
  byId('forget').addEventListener('click', () => {
    setToken(null);
    live.retry();
  });
  for (const id of ['banner-retry', 'door-403-retry', 'door-404-retry']) byId(id).addEventListener('click', () => live.retry());
}
