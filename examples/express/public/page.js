// The page, in Vue and without a build step.

import { createApp, ref } from 'vue';

import { acequia, useJob, useTopic } from '/client/hooks/vue.js';
import { Acequia } from '/client/index.js';

const settings = await (await fetch('/settings')).json();

const post = async (path, body) => {
  const headers = { 'content-type': 'application/json' };
  return (await fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
};

const Page = {
  template: `
    <form id="report" @submit.prevent="make">
      <label>Rows <input name="rows" type="number" v-model="rows"></label>
      <button>Make a report</button>
    </form>
    <progress :max="progress?.total ?? 1" :value="progress?.done ?? 0"></progress>
    <output id="result">{{ refusal ?? result?.summary ?? error?.message ?? status }}</output>
    <form id="news" @submit.prevent="tell">
      <label>News <input name="text" v-model="text"></label>
      <button>Tell all pages</button>
    </form>
    <output id="heard">{{ news?.text }}</output>
  `,
  setup() {
    const [rows, text, refusal] = [ref(20), ref(''), ref(null)];
    const id = ref(location.hash.slice(1) || null); // a reload goes on with its job
    let key;

    async function make() {
      key ??= crypto.randomUUID();
      const { job, error } = await post('/reports', { rows: rows.value, key });
      refusal.value = error ?? null;
      if (error) return;
      key = undefined; // it was taken: the next is another one
      id.value = location.hash = job;
    }

    return { rows, text, refusal, make, tell: () => post('/news', { text: text.value }), ...useJob({ watch: id }), news: useTopic('news') };
  },
};

createApp(Page).use(acequia(() => new Acequia(settings.acequia))).mount('#app');
