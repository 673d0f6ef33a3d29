// The same by the composables for Vue.

import { computed, defineComponent, h, onMounted, onUnmounted, ref, shallowRef } from 'vue';

import { Acequia } from '@acequia/client';
import { acequia, useAcequia, useJob, useTopic } from '@acequia/client/vue';

const Job = defineComponent({
  props: ['name', 'options'],
  setup(props) {
    const { submit, cancel, ...refs } = useJob(() => props.options);
    window.hooks[props.name] = { submit, cancel };
    const look = computed(() => {
      const shown = Object.fromEntries(Object.entries(refs).map(([key, { value }]) => [key, value]));
      return { ...shown, job: shown.job?.uuid ?? null, error: shown.error?.code ?? null };
    });
    return () => {
      window.looks?.push([props.name, props.options.watch ?? null, look.value]);
      return h('li', { id: props.name, 'data-status': refs.status.value }, JSON.stringify(look.value));
    };
  },
});

const Topic = defineComponent({
  props: ['name', 'topic'],
  setup(props) {
    const last = useTopic(() => props.topic, (data) => window.heard.push([props.name, data]));
    return () => h('li', { id: props.name }, JSON.stringify(last.value ?? null));
  },
});

/** Submits on its own account, as soon as it is there. */
const Eager = defineComponent({
  props: ['name', 'options', 'payload'],
  setup(props) {
    const { submit, status, result } = useJob(() => props.options);
    onMounted(() => submit(props.payload));
    return () => h('li', { id: props.name, 'data-status': status.value }, JSON.stringify(result.value ?? null));
  },
});

const State = defineComponent({
  setup() {
    const getClient = useAcequia();
    const state = ref('');
    onMounted(() => {
      const client = getClient();
      const tell = () => (state.value = client.state);
      tell();
      client.addEventListener('state', tell);
      onUnmounted(() => client.removeEventListener('state', tell));
    });
    return () => h('li', { id: 'state' }, state.value);
  },
});

/** @param createApp that of a page, or of a server and a page that came from it */
export function makeApp(createApp, initial) {
  const shown = shallowRef(initial);
  const app = createApp(() => {
    const { jobs = {}, topics = {}, eager, state } = shown.value;
    return h('ul', [
      ...Object.entries(jobs).map(([name, options]) => h(Job, { key: name, name, options })),
      ...Object.entries(topics).map(([name, topic]) => h(Topic, { key: name, name, topic })),
      eager && h(Eager, { name: 'eager', ...eager }),
      state && h(State),
    ]);
  });
  app.use(acequia(() => {
    window.made += 1;
    return new Acequia(undefined, { reconnect: { minMs: 10, maxMs: 100 } });
  }));
  window.show = (next) => {
    if (next.gone) app.unmount();
    else shown.value = next;
  };
  return app;
}
