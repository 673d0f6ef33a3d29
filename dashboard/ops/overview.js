// How the server is, in a row of numbers.

import { byId, setAttribute, setText } from './dom.js';
import { age, bytes, count } from './format.js';

const STATES = {
  ready: 'Ready',
  draining: 'Draining',
  storage: 'Cannot write',
};

export function showOverview({ server }) {
  const state = byId('server-state');
  setText(state, STATES[server.state] ?? server.state);
  setAttribute(state, 'data-state', server.state);
  const why = byId('server-why');
  setText(why, server.why ?? '');
  why.hidden = !server.why;

  setText(byId('server-version'), server.version);
  setText(byId('server-uptime'), age(server.uptime_ms < 60_000 ? server.uptime_ms : Math.floor(server.uptime_ms / 60_000) * 60_000));
  for (const name of ['sessions', 'live_jobs', 'workers', 'dead_letters']) setText(byId(`server-${name}`), count(server[name]));
  setText(byId('server-payloads'), bytes(server.payload_bytes));
  setText(byId('server-slots_busy'), count(server.slots_busy));
  setText(byId('server-slots'), count(server.slots));
  const meter = byId('server-meter');
  meter.max = Math.max(server.slots, 1);
  meter.value = server.slots_busy;

  const { kind, writable, waiting_bytes: waiting, epoch } = server.journal;
  const journal = byId('server-journal');
  setText(journal, kind === 'none' ? 'none' : writable ? (kind === 'postgresql' ? 'PostgreSQL' : 'on disk') : 'failing');
  setAttribute(journal, 'data-bad', kind !== 'none' && !writable ? '' : null);
  const note = kind === 'none' ? 'a restart loses all jobs' : waiting > 0 ? `${bytes(waiting)} to be written` : 'all is written';
  // Each takeover by another server of the cluster raises it.
  setText(byId('server-journal-note'), epoch === undefined ? note : `${note}, epoch ${epoch}`);

  // The channel at the top flows while jobs run.
  document.body.toggleAttribute('data-busy', server.slots_busy > 0);
}
