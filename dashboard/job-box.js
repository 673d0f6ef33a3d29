// The box that submits one text job and lists what comes back.

import { readable } from './readable.js';
import { now, spell } from './times.js';

const EVENTS = ['accepted', 'started', 'progress', 'chunk', 'retrying', 'done', 'failed', 'cancelled', 'rejected'];
const ENDS = new Set(['done', 'failed', 'cancelled', 'rejected']);

/** The list is for reading: of a job that says more, the latest are kept. */
const LISTED_MAX = 300;
const PATIENCE_MS = 3000;

/** @param {import('../client/index.js').Acequia} client a JSON session with a storage, just made */
export function wireJobBox(client) {
  const byId = (id) => document.getElementById(id);
  const [form, text, queue] = ['job-form', 'job-text', 'job-queue'].map(byId);
  const [submit, cancel, result, time, list] = ['job-submit', 'job-cancel', 'job-result', 'job-time', 'job-events'].map(byId);
  let job;

  function say(state, words) {
    result.dataset.state = state;
    result.textContent = words;
  }

  function start() {
    if (job && !job.ended) return;
    const name = queue.value.trim();
    const label = { box: 'text', queue: name || 'default', at: now() };
    follow(client.submit(text.value, { ...(name && { queue: name }), label }));
    say('waiting', client.state === 'open' ? 'Submitted …' : 'Waits for the connection …');
  }

  function follow(current) {
    const ms = () => now() - current.label.at;
    list.replaceChildren();
    time.textContent = '';
    job = current;
    setLive(true);
    const impatient = setTimeout(() => {
      if (client.state === 'open') say('waiting', `Nothing has started yet: does a worker serve the queue “${current.label.queue}”?`);
    }, PATIENCE_MS);

    for (const type of EVENTS) {
      current.addEventListener(type, ({ detail }) => {
        listEvent(list, detail, ms());
        if (type !== 'accepted') clearTimeout(impatient);
        if (type === 'accepted') say('waiting', 'Accepted; waits for a worker …');
        if (type === 'started') say('waiting', 'Started …');
        if (!ENDS.has(type)) return;
        setLive(false);
        time.textContent = `${type === 'done' ? 'round trip' : 'after'} ${spell(ms())}`;
        if (type === 'done') say('done', readable(detail.result));
        else if (type === 'cancelled') say('cancelled', 'Cancelled.');
        else say(type, `${detail.code}: ${detail.message}`);
      });
    }
  }

  function setLive(live) {
    // Not `disabled`, which would take the focus away from who just pressed it.
    submit.setAttribute('aria-disabled', String(live));
    cancel.setAttribute('aria-disabled', String(!live));
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    start();
  });
  text.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) start();
  });
  cancel.addEventListener('click', () => job?.cancel());
  for (const button of form.querySelectorAll('[data-queue]')) {
    button.addEventListener('click', () => (queue.value = button.dataset.queue));
  }

  const restored = client.jobs.findLast(({ label }) => label?.box === 'text');
  if (restored) {
    follow(restored);
    say('waiting', 'This page was loaded again; the job goes on …');
  }
}

function listEvent(list, event, ms) {
  const item = document.createElement('li');
  item.dataset.ev = event.ev;
  for (const [name, words] of [['ms', spell(ms)], ['ev', event.ev], ['what', describe(event)]]) {
    const cell = document.createElement('span');
    cell.className = name;
    cell.textContent = words;
    item.append(cell);
  }
  if (list.childElementCount >= LISTED_MAX) list.firstElementChild.remove();
  list.append(item);
  list.scrollTop = list.scrollHeight;
}

function describe(event) {
  switch (event.ev) {
    case 'accepted':
      return `as ${event.job}`;
    case 'started':
      return `by ${event.worker ?? 'a worker'}${event.attempt > 1 ? `, run ${event.attempt}` : ''}`;
    case 'progress': {
      const of = event.total == null ? '' : ` of ${event.total}`;
      return [event.done == null ? '' : `${event.done}${of}`, event.note].filter(Boolean).join(', ');
    }
    case 'chunk':
      return `${event.n}: ${readable(event.data)}`;
    case 'retrying':
      return `run ${event.attempt} in ${event.in_ms} ms, after ${event.code}: ${event.message}`;
    case 'failed':
    case 'rejected':
      return `${event.code}: ${event.message}`;
    default:
      return '';
  }
}
