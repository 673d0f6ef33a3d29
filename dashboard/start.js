// The page at / of a server: commands and programs with the addresses of this very server. It submits
// nothing.

import { about, dialled, ends, home, quoted, showCommand } from './addresses.js';
import { wireCopyButtons } from './copy.js';
import { pythonWorker, scriptOfJob } from './programs.js';

/** While the page is looked at, whether the server is still there. */
const LOOK_MS = 10_000;

const byId = (id) => document.getElementById(id);

function show(server) {
  const { version, jobs, results, command = 'acequia', needs = [] } = server;
  const program = quoted(command);
  const clients = home();
  const [workerToken, clientToken] = ['worker_token', 'client_token'].map((what) => needs.includes(what));

  byId('version').textContent = version;
  byId('address-clients').textContent = socketOf(clients);
  byId('address-jobs').textContent = dialled(jobs);
  byId('address-results').textContent = dialled(results);
  byId('worker-token').hidden = !workerToken;
  byId('client-token').hidden = !clientToken;

  const flag = (needed) => (needed ? ' --token-file FILE' : '');
  showCommand(byId('worker-command'), `${program} worker ${ends(server)}${flag(workerToken)} -- tr a-z A-Z`);
  showCommand(byId('worker-python'), pythonWorker(dialled(jobs), dialled(results), workerToken));
  showCommand(byId('submit-command'), `echo hello | ${program} submit --server ${quoted(clients)}${flag(clientToken)}`);
  showCommand(byId('submit-script'), scriptOfJob(clients, socketOf(clients), clientToken));
  byId('addresses').hidden = byId('steps').hidden = false;
}

const socketOf = (clients) => `${clients.replace(/^http/, 'ws')}/v1/ws`;

function tell(state, words, trouble = '') {
  byId('connection').dataset.state = state;
  if (byId('connection-text').textContent !== words) byId('connection-text').textContent = words;
  byId('trouble').hidden = trouble === '';
  byId('trouble').textContent = trouble;
}

/** Asks what the server is; asks again as long as somebody looks. */
async function look() {
  if (document.hidden) return;
  try {
    show(await about());
    tell('live', 'running');
  } catch (error) {
    const words = error instanceof TypeError ? 'it does not answer' : error.message;
    tell('closed', 'no answer', `This page cannot ask the server for its addresses: ${words}. It tries again by itself.`);
  }
}

wireCopyButtons();
document.addEventListener('visibilitychange', look);
setInterval(look, LOOK_MS);
look();
