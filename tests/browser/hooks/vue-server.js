import { createSSRApp } from 'vue';
import { renderToString } from 'vue/server-renderer';

import { makeApp } from './vue-app.js';

globalThis.window = { hooks: {} };

export const render = (initial) => renderToString(makeApp(createSSRApp, initial));
