import { createApp, createSSRApp } from 'vue';

import { makeApp } from './vue-app.js';

Object.assign(window, { made: 0, hooks: {}, looks: [], heard: [] });
const root = document.querySelector('#app');
makeApp(root.firstChild ? createSSRApp : createApp, window.initial).mount(root);
