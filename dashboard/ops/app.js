// The dashboard: one stream in, one state, and views that show it.

import { wireCopyButtons } from '../copy.js';
import { refusals } from './api.js';
import { Charts } from './charts.js';
import { Clock } from './clock.js';
import { showConnection } from './connection.js';
import { byId, chooseAmong, setText } from './dom.js';
import { count } from './format.js';
import { showHints } from './hints.js';
import { steadily } from './hold.js';
import { openJob } from './job-dialog.js';
import { Letters } from './letters.js';
import { showOverview } from './overview.js';
import { poolList } from './pools.js';
import { openJobs } from './queue-dialog.js';
import { queueTable } from './queues.js';
import { fold, NOTHING } from './store.js';
import { Live } from './stream.js';
import { workerTable } from './workers.js';

let state = NOTHING;
let drawing = false;

/** Once a frame, and not while nobody can see it. */
function take(message) {
  state = fold(state, message);
  if (state.at !== null) clock.set(state.at);
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => steadily(draw));
}

const clock = new Clock();
const now = () => clock.now();
const onChange = (event) => (data) => take({ event, data });
const onJob = (job) => openJob(job, { now });

/** The queue of the charts stands in the address, so that a reload and a link have it too. */
const chosenQueue = () => new URLSearchParams(location.hash.slice(1)).get('queue');
const chooseQueue = (queue) => (location.hash = queue ? new URLSearchParams({ queue }) : '');

const charts = new Charts();
const letters = new Letters({ now, onJob });
const showPools = poolList({ now, onChange: onChange('pool') });
const workers = workerTable({ now, onJob, onChange: onChange('worker') });
const queues = queueTable({
  onChange: onChange('queue'),
  onChoose(queue) {
    chooseQueue(queue);
    goTo('charts-title');
  },
  onJobs: (queue, which) => openJobs(queue, which, { now, onJob }),
  onLetters(queue) {
    letters.choose(queue);
    goTo('letters-title');
  },
});

function goTo(id) {
  byId(id).scrollIntoView({ block: 'start' });
  byId(id).focus({ preventScroll: true });
}

function draw() {
  drawing = false;
  const queue = chosenQueue();
  charts.show(state, queue);
  const names = state.queues.map(({ queue }) => queue);
  chooseAmong(byId('chart-queue'), names, queue);
  if (state.at === null) return;
  document.body.removeAttribute('data-loading');
  showOverview(state);
  queues.show(state.queues);
  workers.show(state.workers);
  showHints(state, { queues: queues.isEmpty, workers: workers.isEmpty });
  showPools(state.pools);
  letters.show(state);
  setText(byId('queues-count'), count(state.queues.length));
  setText(byId('workers-count'), state.moreWorkers ? `the first ${count(state.workers.length)} of ${count(state.server.workers)}` : count(state.workers.length));
  setText(byId('pools-count'), count(state.pools.length));
}

// Links within the page go where they say, and leave the address to the choice of a queue.
for (const link of document.querySelectorAll('a[href^="#"]')) {
  link.addEventListener('click', (event) => {
    event.preventDefault();
    goTo(link.getAttribute('href').slice(1));
  });
}
byId('chart-queue').addEventListener('change', ({ target }) => chooseQueue(target.value));
addEventListener('hashchange', () => steadily(draw));
byId('find').addEventListener('submit', (event) => {
  event.preventDefault();
  const id = byId('find-job').value.trim();
  if (id !== '') onJob(id);
});

const live = new Live();
showConnection(live);
wireCopyButtons();
let connected = false;
live.addEventListener('state', ({ detail }) => (connected = detail.state === 'live'));
live.addEventListener('message', ({ detail }) => take(detail));
// A token that is no longer right shows first where somebody does something.
refusals.addEventListener('refused', ({ detail }) => {
  if (connected && detail.status === 401) live.retry();
});
live.retry();
