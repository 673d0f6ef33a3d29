'use client';
// Hooks for React.

import { createContext, createElement, useCallback, useContext, useEffect, useInsertionEffect, useRef, useState, useSyncExternalStore } from 'react';

import { IDLE, JobView } from './job-view.js';
import { Source, sourceOf } from './source.js';
import { TopicView } from './topic-view.js';

/** @type {import('react').Context<Source | null>} */
const Shared = createContext(/** @type {Source | null} */ (null));

/** @param {{ client: any, children?: any }} props */
export function AcequiaProvider({ client, children }) {
  // A function that is written in place is another one each time, and the first one counts.
  const source = useKept(() => new Source(client), typeof client === 'function' ? null : client);
  useEffect(() => source.hold(), [source]);
  return createElement(Shared.Provider, { value: source }, children);
}

/** @returns {() => import('../index.js').Acequia} */
export function useAcequia() {
  const source = useSource(undefined);
  return useCallback(() => source.client, [source]);
}

/** @param {any} [options] @returns {any} */
export function useJob({ client, watch, ...options } = {}) {
  const source = useSource(client);
  const id = watch ?? null;
  const view = useKept(() => new JobView(), source, id);
  const latest = useLatest(options);
  useEffect(() => view.begin(source.client, id, latest.current.label), [view, source, id, latest]);
  const submit = useCallback(
    (/** @type {any} */ payload, /** @type {any} */ more) => view.submit(source.client, payload, { ...latest.current, ...more }),
    [view, source, latest],
  );
  const shown = useSyncExternalStore(view.subscribe, view.snapshot, idle);
  return { ...shown, submit, cancel: view.cancel };
}

/** @param {string | null | undefined} topic @param {(data: any) => void} [onMessage] @param {any} [options] @returns {any} */
export function useTopic(topic, onMessage, { client } = {}) {
  const source = useSource(client);
  const name = topic ?? null;
  const view = useKept(() => new TopicView(), source, name);
  const latest = useLatest(onMessage);
  useEffect(() => view.begin(source.client, name, (data) => latest.current?.(data)), [view, source, name, latest]);
  return useSyncExternalStore(view.subscribe, view.snapshot, none);
}

/** What is shown before a page is alive. */
const idle = () => IDLE;
const none = () => undefined;

/** @param {any} client */
function useSource(client) {
  const shared = useContext(Shared);
  return useKept(() => sourceOf(client, shared, 'put an <AcequiaProvider client={…}> around its component'), client ?? shared);
}

/**
 * The same value for as long as the keys are the same. `useMemo` does not promise that.
 * @template Value @param {() => Value} make @param {...unknown} keys @returns {Value}
 */
function useKept(make, ...keys) {
  const [kept, keep] = useState(() => ({ keys, value: make() }));
  if (keys.every((key, at) => key === kept.keys[at])) return kept.value;
  const next = { keys, value: make() };
  keep(next);
  return next.value;
}

/**
 * That of the last rendering that was shown, for what is called later. There before any effect is.
 * @template Value @param {Value} value
 */
function useLatest(value) {
  const latest = useRef(value);
  useInsertionEffect(() => {
    latest.current = value;
  });
  return latest;
}
