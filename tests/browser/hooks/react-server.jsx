import { renderToString } from 'react-dom/server';

import { App } from './react-app.jsx';

// Of a window, there is what the app itself writes to while it is rendered; nothing that a client needs.
globalThis.window = { hooks: {} };

export const render = async (initial) => renderToString(<App initial={initial} />);
