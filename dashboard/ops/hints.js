// What to do where nothing is: commands with the addresses of this very server.

import { byId, setText } from '/assets/ops/dom.js';

/** Puts a command beside its button that copies it. */
function command(id, words) {
  setText(byId(id), words);
  byId(id).nextElementSibling.dataset.copy = words;
}

/** An address to dial: a server that listens on all of its addresses is reached by the name it was asked for. */
const dialled = (endpoint) => endpoint.replace(/\/\/(0\.0\.0\.0|\[::\])(?=:)/, `//${location.hostname}`);

export function showHints({ server, queues, workers, pools }) {
  if (!server) return;
  byId('no-workers').hidden = workers.length > 0;
  byId('no-queues').hidden = queues.length > 0;
  byId('no-pools').hidden = pools.length > 0;
  const ends = `--jobs ${dialled(server.jobs)} --results ${dialled(server.results)}`;
  command('start-worker', `acequia worker ${ends} --queue default -- cat`);
  command('submit-job', `echo hello | acequia submit --server ${location.origin} --queue default`);
  command('start-pool', `acequia pool --server ${location.origin} --queue default --max 4 -- acequia worker ${ends} -- cat`);
}
