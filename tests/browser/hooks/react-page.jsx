import { createRoot, hydrateRoot } from 'react-dom/client';

import { App } from './react-app.jsx';

Object.assign(window, { made: 0, hooks: {}, looks: [], heard: [] });
const root = document.querySelector('#app');
const app = <App initial={window.initial} />;
if (root.firstChild) hydrateRoot(root, app);
else createRoot(root).render(app);
