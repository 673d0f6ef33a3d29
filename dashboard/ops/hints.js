// What to do where nothing is: commands with the addresses of this very server.

import { dialled, ends, home, showCommand } from '../addresses.js';
import { byId } from './dom.js';

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'];

const command = (id, words) => showCommand(byId(id), words);

/** Where clients come in, which with `--admin-listen` is not where operators do. */
function clientsHome({ http }) {
  const { port, protocol } = location;
  const here = port || (protocol === 'https:' ? '443' : '80');
  return http.endsWith(`:${here}`) ? home() : `${protocol}//${dialled(http)}`;
}

/** @param {{ queues: boolean, workers: boolean }} empty whether no row of these is shown */
export function showHints({ server }, empty) {
  const clients = clientsHome(server);
  byId('home').href = `${clients}/`;
  byId('no-workers').hidden = !empty.workers;
  byId('no-queues').hidden = !empty.queues;
  command('start-worker', `acequia worker ${ends(server)} --queue default -- cat`);
  command('submit-job', `echo hello | acequia submit --server ${clients} --queue default`);
  // A pool makes admin calls itself, and tells its processes where to connect.
  // One on this machine finds the token that a server of its user has made.
  const shown = LOOPBACK.includes(location.hostname) ? '' : ' --admin-token-file FILE';
  command('start-pool', `acequia pool --server ${home()}${shown} --queue default --max 4 -- acequia worker -- cat`);
}
