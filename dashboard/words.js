// The box in which one job streams words, that can be read as they come.

import { readable } from './readable.js';
import { now, spell } from './times.js';

const QUEUE = 'words';
/** For so long after its connection was lost, a page may be back. */
const ABSENCE_MS = 15_000;
/** What was said before a reload does not come again: it is kept. */
const KEY = 'acequia.words';

/** @param {import('../client/index.js').Acequia} client a JSON session with a storage */
export function wireWords(client) {
  const byId = (id) => document.getElementById(id);
  const [form, text, start, cancel] = ['words-form', 'words-text', 'words-start', 'words-cancel'].map(byId);
  const [said, state, progress, time] = ['words-said', 'words-state', 'words-progress', 'words-time'].map(byId);
  let job;

  function submit() {
    if (job && !job.ended) return;
    const label = { box: 'words', at: now() };
    show({ said: '', done: 0, total: 1, first: null });
    tell('waiting', client.state === 'open' ? 'Submitted; waits for a worker.' : 'Waits for the connection.');
    follow(client.submit(text.value, { queue: QUEUE, onDisconnect: { cancelAfterMs: ABSENCE_MS }, label }));
  }

  /** What is there of the job. */
  let seen;
  function show(what) {
    seen = what;
    said.textContent = seen.said;
    [progress.value, progress.max] = [seen.done, seen.total];
    time.textContent = seen.first === null ? '' : `first word after ${spell(seen.first)}`;
    keep(seen);
  }

  function tell(name, words) {
    said.dataset.state = name;
    state.textContent = words;
    const live = name === 'waiting' || name === 'running';
    // Not `disabled`, which would take the focus away from who just pressed it.
    start.setAttribute('aria-disabled', String(live));
    cancel.setAttribute('aria-disabled', String(!live));
  }

  function follow(current) {
    job = current;
    const hear = (type, act) => job.addEventListener(type, ({ detail }) => act(detail));
    const passed = () => now() - current.label.at;
    hear('started', ({ worker }) => tell('running', `Told by ${worker || 'a worker'}.`));
    hear('chunk', ({ n, data }) => {
      if (n === 1 && seen.said !== '') show({ ...seen, said: '', done: 0 }); // a run begins anew
      if (seen.first === null) show({ ...seen, first: passed() });
      said.append(data); // so that a screen reader reads the new word alone
      seen.said += data;
      keep(seen);
    });
    hear('progress', ({ done, total }) => {
      Object.assign(seen, { done, total });
      [progress.value, progress.max] = [done, total];
      keep(seen);
    });
    hear('retrying', ({ code }) => tell('waiting', code === 'worker_lost' ? 'Its worker was lost: it begins anew with another.' : 'It begins anew.'));
    hear('done', ({ result }) => end('done', `All ${readable(result)} words told.`));
    hear('cancelled', () => end('cancelled', `Cancelled after ${seen.done} of ${seen.total} words: the worker has stopped.`));
    for (const type of ['failed', 'rejected']) hear(type, ({ code, message }) => end('failed', `${code}: ${message}`));

    function end(name, words) {
      tell(name, words);
      const first = seen.first === null ? '' : `, first word after ${spell(seen.first)}`;
      time.textContent = `${name === 'done' ? 'round trip' : 'after'} ${spell(passed())}${first}`;
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  cancel.addEventListener('click', () => job?.cancel());

  // In the turn in which the client was made: nothing that comes is missed.
  const restored = client.jobs.find(({ label }) => label?.box === 'words');
  if (restored) {
    show(kept());
    tell('running', 'This page was loaded again; the words go on.');
    follow(restored);
  }
}

function keep(seen) {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(seen));
  } catch {} // refused or full: a reload then shows only what comes after it
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? NOTHING;
  } catch {
    return NOTHING;
  }
}

const NOTHING = { said: '', done: 0, total: 1, first: null };
