// The kinds of a worker's messages, as frames.

import { CHUNK, DONE, FAIL, PROGRESS, PUBLISH } from '../parcel.js';

export const READY = Buffer.from('ready');
export const BEAT = Buffer.from('beat');
export const BYE = Buffer.from('bye');

/** By their numbers in a parcel. @type {Buffer[]} */
export const KINDS = [];
KINDS[DONE] = Buffer.from('done');
KINDS[FAIL] = Buffer.from('fail');
KINDS[CHUNK] = Buffer.from('chunk');
KINDS[PROGRESS] = Buffer.from('progress');
KINDS[PUBLISH] = Buffer.from('publish');
