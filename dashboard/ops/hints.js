// What to do where nothing is: commands with the addresses of this very server.

import { byId, setText } from '/assets/ops/dom.js';
import { token } from '/assets/ops/token.js';

/** Puts a command beside its button that copies it. */
function command(id, words) {
  setText(byId(id), words);
  byId(id).nextElementSibling.dataset.copy = words;
}

/** An address to dial: a server that listens on all of its addresses is reached by the name it was asked for. */
const dialled = (address) => address.replace(/(^|\/\/)(0\.0\.0\.0|\[::\])(?=:)/, `$1${location.hostname}`);

/** Where clients come in, which with `--admin-listen` is not where operators do. */
function clientsOrigin({ http }) {
  const { port, protocol, origin } = location;
  const here = port || (protocol === 'https:' ? '443' : '80');
  return http.endsWith(`:${here}`) ? origin : `${protocol}//${dialled(http)}`;
}

export function showHints({ server, queues, workers, pools }) {
  const clients = clientsOrigin(server);
  byId('demo').href = clients;
  byId('no-workers').hidden = workers.length > 0;
  byId('no-queues').hidden = queues.length > 0;
  byId('no-pools').hidden = pools.length > 0;
  const ends = `--jobs ${dialled(server.jobs)} --results ${dialled(server.results)}`;
  command('start-worker', `acequia worker ${ends} --queue default -- cat`);
  command('submit-job', `echo hello | acequia submit --server ${clients} --queue default`);
  // A pool makes admin calls itself, and tells its processes where to connect.
  const shown = token() === null ? '' : ' --admin-token-file FILE';
  command('start-pool', `acequia pool --server ${location.origin}${shown} --queue default --max 4 -- acequia worker -- cat`);
}
