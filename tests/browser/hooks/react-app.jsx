// What tests show by the hooks for React, in development mode and under StrictMode.

import { StrictMode, Suspense, useEffect, useInsertionEffect, useState } from 'react';

import { Acequia } from '@acequia/client';
import { AcequiaProvider, useAcequia, useJob, useTopic } from '@acequia/client/react';

function Job({ name, options }) {
  const { submit, cancel, job, ...shown } = useJob(options);
  const look = { ...shown, job: job?.uuid ?? null, error: shown.error?.code ?? null };
  useInsertionEffect(() => void window.looks.push([name, options.watch ?? null, look]));
  window.hooks[name] = { submit, cancel };
  return <li id={name} data-status={shown.status}>{JSON.stringify(look)}</li>;
}

function Topic({ name, topic }) {
  const last = useTopic(topic, (data) => window.heard.push([name, data]));
  return <li id={name}>{JSON.stringify(last ?? null)}</li>;
}

/** Submits on its own account, as soon as it is there. */
function Eager({ name, options, payload }) {
  const { submit, status, result } = useJob(options);
  useEffect(() => void submit(payload), [submit, payload]);
  return <li id={name} data-status={status}>{JSON.stringify(result ?? null)}</li>;
}

const never = new Promise(() => {});

/** Is rendered again and again, and never shown. */
function Never() {
  useJob({ queue: 'never' });
  useTopic('never');
  throw never;
}

function State() {
  const acequia = useAcequia();
  const [state, setState] = useState('');
  useEffect(() => {
    const client = acequia();
    const tell = () => setState(client.state);
    tell();
    client.addEventListener('state', tell);
    return () => client.removeEventListener('state', tell);
  }, [acequia]);
  return <li id="state">{state}</li>;
}

export function App({ initial }) {
  const [{ jobs = {}, topics = {}, eager, never, state, gone }, show] = useState(initial);
  useEffect(() => {
    window.show = (next) => show(next);
  }, []);
  if (gone) return null;
  const make = () => {
    window.made += 1;
    return new Acequia(undefined, { reconnect: { minMs: 10, maxMs: 100 } });
  };
  return (
    <StrictMode>
      <AcequiaProvider client={make}>
        <ul>
          {Object.entries(jobs).map(([name, options]) => <Job key={name} name={name} options={options} />)}
          {Object.entries(topics).map(([name, topic]) => <Topic key={name} name={name} topic={topic} />)}
          {eager && <Eager name="eager" {...eager} />}
          {never && <Suspense fallback={<li id="never" />}><Never /></Suspense>}
          {state && <State />}
        </ul>
      </AcequiaProvider>
    </StrictMode>
  );
}
