// The page: two sessions, two boxes.

import * as classes from '../client/index.js';
import { wireCopyButtons } from './copy.js';
import { wireJobBox } from './job-box.js';
import { wireMandelbrot } from './mandelbrot.js';
import { showConnection } from './status.js';
import * as codec from './vendor/msgpack.mjs';

const text = new classes.Acequia(); // speaks JSON
const tiles = new classes.Acequia(undefined, { codec }); // speaks MessagePack: its results are bytes

showConnection([text, tiles]);
wireCopyButtons();
wireJobBox(text);
const picture = wireMandelbrot(tiles);

/**
 * For the console and for tests: the client's classes; `iterations()`, a copy of all iteration
 * counts of the picture, row by row, 0 where nothing was painted yet; `view()`, what they are of.
 */
window.acequia = { ...classes, ...picture };
