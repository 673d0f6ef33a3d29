// The page: two sessions, three boxes.

import * as classes from '../client/index.js';
import { about, ends, quoted, showCommand } from './addresses.js';
import { wireCopyButtons } from './copy.js';
import { wireJobBox } from './job-box.js';
import { wireMandelbrot } from './mandelbrot.js';
import { showConnection } from './status.js';
import { wireWords } from './words.js';
import * as codec from './vendor/msgpack.mjs';

// Who opens the page waits for the server, however long it takes; who loads it again finds the jobs again.
const options = { readyTimeoutMs: Infinity, storage: true };
const text = new classes.Acequia(undefined, options); // speaks JSON
const tiles = new classes.Acequia(undefined, { ...options, codec }); // speaks MessagePack: its results are bytes

showConnection([text, tiles]);
wireCopyButtons();
text.addEventListener('state', ({ detail }) => {
  if (detail.state === 'open') showServer().catch(() => {}); // asked again when it is open once more
});
wireJobBox(text);
wireWords(text);
const picture = wireMandelbrot(tiles);

/** How workers are started, by this very program and for this very server; and what the server does for its page. */
async function showServer() {
  const server = await about();
  const worker = `${quoted(server.command)} worker`;
  const commands = { worker: `${worker} --demo ${ends(server)}`, own: `${worker} ${ends(server)} --queue count -- wc -w` };
  for (const command of document.querySelectorAll('[data-command]')) {
    showCommand(command.firstElementChild, commands[command.dataset.command]);
    command.hidden = false;
  }
  document.getElementById('kill-box').hidden = !server.can_kill;
}

/**
 * For the console and for tests: the client's classes; `iterations()`, a copy of all iteration
 * counts of the picture, row by row, 0 where nothing was painted yet; `view()`, what they are of.
 */
window.acequia = { ...classes, ...picture };
