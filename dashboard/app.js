// The page: two sessions, two boxes.

import * as classes from '/client/index.js';
import { wireCopyButtons } from '/assets/copy.js';
import { wireJobBox } from '/assets/job-box.js';
import { wireMandelbrot } from '/assets/mandelbrot.js';
import { showConnection } from '/assets/status.js';
import * as codec from '/assets/vendor/msgpack.mjs';

// Who opens the page waits for the server, however long it takes.
const patient = { readyTimeoutMs: Infinity };
const text = new classes.Acequia(undefined, patient); // speaks JSON
const tiles = new classes.Acequia(undefined, { ...patient, codec }); // speaks MessagePack: its results are bytes

showConnection([text, tiles]);
wireCopyButtons();
wireJobBox(text);
const picture = wireMandelbrot(tiles);

/**
 * For the console and for tests: the client's classes; `iterations()`, a copy of all iteration
 * counts of the picture, row by row, 0 where nothing was painted yet; `view()`, what they are of.
 */
window.acequia = { ...classes, ...picture };
