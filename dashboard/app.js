// The page: two sessions, two boxes.

import * as classes from '../client/index.js';
import { about, ends, quoted, showCommand } from './addresses.js';
import { wireCopyButtons } from './copy.js';
import { wireJobBox } from './job-box.js';
import { wireMandelbrot } from './mandelbrot.js';
import { showConnection } from './status.js';
import * as codec from './vendor/msgpack.mjs';

// Who opens the page waits for the server, however long it takes.
const patient = { readyTimeoutMs: Infinity };
const text = new classes.Acequia(undefined, patient); // speaks JSON
const tiles = new classes.Acequia(undefined, { ...patient, codec }); // speaks MessagePack: its results are bytes

showConnection([text, tiles]);
wireCopyButtons();
text.addEventListener('state', ({ detail }) => {
  if (detail.state === 'open') showWorker().catch(() => {}); // asked again when it is open once more
});
wireJobBox(text);
const picture = wireMandelbrot(tiles);

/** How one more worker is started, of this very program and for this very server. */
async function showWorker() {
  const server = await about();
  for (const command of document.querySelectorAll('[data-command=worker]')) {
    showCommand(command.firstElementChild, `${quoted(server.command)} worker --demo ${ends(server)}`);
    command.hidden = false;
  }
}

/**
 * For the console and for tests: the client's classes; `iterations()`, a copy of all iteration
 * counts of the picture, row by row, 0 where nothing was painted yet; `view()`, what they are of.
 */
window.acequia = { ...classes, ...picture };
