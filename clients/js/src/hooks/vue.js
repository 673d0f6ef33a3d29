// Composables for Vue.

import { computed, getCurrentInstance, hasInjectionContext, inject, onMounted, onScopeDispose, shallowRef, toValue, watch as observe } from 'vue';

import { JobView } from './job-view.js';
import { Source, sourceOf } from './source.js';
import { TopicView } from './topic-view.js';

/** Also that of another copy of this module. */
const SHARED = Symbol.for('@acequia/client/vue');

/** @param {any} client @returns {import('vue').Plugin} */
export function acequia(client) {
  return {
    install(app) {
      const source = new Source(client);
      app.provide(SHARED, source);
      app.onUnmount(source.hold());
    },
  };
}

/** @returns {() => import('../index.js').Acequia} */
export function useAcequia() {
  const source = useSource(undefined);
  return () => source.client;
}

/** @param {any} [options] @returns {any} */
export function useJob(options = {}) {
  const source = useSource(toValue(options).client);
  const view = new JobView();
  const shown = useView(view);
  const optionsNow = () => {
    const { client, watch, ...submitOptions } = toValue(options);
    return submitOptions;
  };
  useBegin(() => toValue(toValue(options).watch) ?? null, (id) => view.begin(source.client, id, optionsNow().label));
  return {
    submit: (/** @type {any} */ payload, /** @type {any} */ more) => view.submit(source.client, payload, { ...optionsNow(), ...more }),
    cancel: view.cancel,
    job: computed(() => shown.value.job),
    status: computed(() => shown.value.status),
    progress: computed(() => shown.value.progress),
    chunks: computed(() => shown.value.chunks),
    result: computed(() => shown.value.result),
    error: computed(() => shown.value.error),
  };
}

/** @param {any} topic @param {(data: any) => void} [onMessage] @param {any} [options] @returns {any} */
export function useTopic(topic, onMessage, { client } = {}) {
  const source = useSource(client);
  const view = new TopicView();
  const shown = useView(view);
  useBegin(() => toValue(topic) ?? null, (name) => view.begin(source.client, name, (data) => onMessage?.(data)));
  return computed(() => shown.value);
}

/** @param {any} client */
function useSource(client) {
  const shared = hasInjectionContext() ? inject(SHARED, null) : null;
  return sourceOf(client, shared, 'install the plugin: app.use(acequia(…))');
}

/** @param {JobView | TopicView} view */
function useView(view) {
  const shown = shallowRef(view.snapshot());
  onScopeDispose(view.subscribe(() => (shown.value = view.snapshot())));
  return shown;
}

/**
 * Begins once there is a page, and not on a server; anew whenever the key changes.
 * @template Key @param {() => Key} key @param {(key: Key) => () => void} begin
 */
function useBegin(key, begin) {
  const start = () => observe(key, (now, _, onCleanup) => onCleanup(begin(now)), { immediate: true });
  if (getCurrentInstance()) onMounted(start);
  else start();
}
