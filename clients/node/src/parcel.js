// How jobs and messages travel between two threads: many in one ArrayBuffer, which is handed over and not copied.
//
// Jobs, to whoever runs them: a row of nine numbers each, and behind all rows the payloads.
//
//     ref | head | place | offset | bytes | id (4)
//
// `ref` is the number of the job among all of this process, `head` its place among the heads of the parcel, and
// `place` where the payload is: 0 in the parcel itself, n in the nth buffer beside it.
//
// Messages, on the way back: four numbers each, and then head and body, up to a multiple of four bytes.
//
//     kind | ref | bytes of the head | bytes of the body

export const DONE = 0;
export const FAIL = 1;
export const CHUNK = 2;
export const PROGRESS = 3;
export const PUBLISH = 4;

const ROW = 9;
const ROW_BYTES = ROW * 4;
const LEAD_BYTES = 16;
/** A payload of more is in a buffer of its own, so that a small job that takes long does not keep a large one's. */
const OWN_BUFFER_BYTES_MIN = 64 << 10;

/** What an empty parcel has room for: as much as the last one needed, within these. */
const START_BYTES_MIN = 8 << 10;
const START_BYTES_MAX = 256 << 10;

/** @typedef {import('./messages.js').JobHead} JobHead
 * @typedef {{ ref: number, id: Uint8Array, head: JobHead, body: Uint8Array }} Taken a job that a lane holds
 */

/**
 * @typedef {object} JobsParcel
 * @property {ArrayBuffer} jobs
 * @property {number} count
 * @property {JobHead[]} heads
 * @property {ArrayBuffer[]} large
 * @property {number} maxBody
 */

/**
 * @param {Taken[]} jobs @param {number} maxBody
 * @returns {JobsParcel}
 */
export function packJobs(jobs, maxBody) {
  let size = jobs.length * ROW_BYTES;
  for (const { body } of jobs) if (body.length < OWN_BUFFER_BYTES_MIN) size += body.length;
  const bytes = new Uint8Array(size);
  const rows = new Uint32Array(bytes.buffer, 0, jobs.length * ROW);
  /** @type {JobHead[]} */
  const heads = [];
  /** @type {ArrayBuffer[]} */
  const large = [];
  /** @type {JobHead | undefined} */
  let head;
  let end = jobs.length * ROW_BYTES;
  let row = 0;
  for (const job of jobs) {
    if (job.head !== head) heads.push((head = job.head));
    const { body } = job;
    rows[row] = job.ref;
    rows[row + 1] = heads.length - 1;
    rows[row + 4] = body.length;
    bytes.set(job.id, row * 4 + 20);
    if (body.length < OWN_BUFFER_BYTES_MIN) {
      rows[row + 3] = end;
      bytes.set(body, end);
      end += body.length;
    } else {
      rows[row + 2] = large.push(/** @type {ArrayBuffer} */ (new Uint8Array(body).buffer));
    }
    row += ROW;
  }
  return { jobs: bytes.buffer, count: jobs.length, heads, large, maxBody };
}

/** The jobs of a parcel, read one after the other. */
export class JobsReader {
  #parcel;
  #bytes;
  #rows;

  /** @param {JobsParcel} parcel */
  constructor(parcel) {
    this.#parcel = parcel;
    this.#bytes = Buffer.from(parcel.jobs);
    this.#rows = new Uint32Array(parcel.jobs, 0, parcel.count * ROW);
  }

  /** @param {number} n */
  job(n) {
    const at = n * ROW;
    const rows = this.#rows;
    const place = rows[at + 2];
    return {
      ref: rows[at],
      head: this.#parcel.heads[rows[at + 1]],
      maxBody: this.#parcel.maxBody,
      buffer: place === 0 ? this.#parcel.jobs : this.#parcel.large[place - 1],
      offset: rows[at + 3],
      length: rows[at + 4],
      bytes: this.#bytes,
      idAt: at * 4 + 20,
    };
  }
}

/** Messages, laid one behind the other until they are handed over. */
export class MessagesWriter {
  #bytes = Buffer.allocUnsafeSlow(START_BYTES_MIN);
  #end = 0;

  get isEmpty() {
    return this.#end === 0;
  }

  get size() {
    return this.#end;
  }

  /** @param {number} kind @param {number} ref @param {Uint8Array} head @param {Uint8Array} [body] */
  write(kind, ref, head, body) {
    const length = body ? body.length : 0;
    const at = this.#lead(kind, ref, head, length);
    if (body) this.#bytes.set(body, at);
    this.#close(at, length);
  }

  /** The same of a body that is text, unless it has more bytes than that. Its bytes. @param {number} kind @param {number} ref @param {Uint8Array} head @param {string} text @param {number} bytesMax */
  writeText(kind, ref, head, text, bytesMax) {
    // Three bytes are the most that a unit of a string takes.
    const most = text.length * 3;
    const known = most > bytesMax || most > 64 << 10 ? Buffer.byteLength(text) : most;
    if (known > bytesMax) return known;
    const at = this.#lead(kind, ref, head, known);
    const length = this.#bytes.write(text, at, known);
    this.#close(at, length);
    return length;
  }

  /** What was written; it is empty again. @returns {ArrayBuffer} */
  finish() {
    const { buffer } = this.#bytes;
    const end = this.#end;
    this.#end = 0;
    // A large one is handed over as it is; of a small one only what is used.
    if (end * 2 < buffer.byteLength) return /** @type {ArrayBuffer} */ (buffer.slice(0, end));
    this.#bytes = Buffer.allocUnsafeSlow(Math.min(buffer.byteLength, START_BYTES_MAX));
    return /** @type {ArrayBuffer} */ (buffer);
  }

  /** Where the body goes, for which there is room then. @param {number} kind @param {number} ref @param {Uint8Array} head @param {number} length */
  #lead(kind, ref, head, length) {
    const at = this.#end;
    const body = at + LEAD_BYTES + head.length;
    const need = body + length + 3;
    if (need > this.#bytes.length) {
      const more = Buffer.allocUnsafeSlow(Math.max(need, this.#bytes.length * 2));
      more.set(this.#bytes.subarray(0, at));
      this.#bytes = more;
    }
    const bytes = this.#bytes;
    bytes.writeUInt32LE(kind, at);
    bytes.writeUInt32LE(ref, at + 4);
    bytes.writeUInt32LE(head.length, at + 8);
    if (head.length > 0) bytes.set(head, at + LEAD_BYTES);
    return body;
  }

  /** @param {number} at @param {number} length */
  #close(at, length) {
    this.#bytes.writeUInt32LE(length, this.#end + 12);
    this.#end = (at + length + 3) & ~3;
  }
}

/**
 * Calls `each` for every message.
 *
 * @param {ArrayBuffer} buffer @param {number} end where the last one ends
 * @param {(kind: number, ref: number, head: Uint8Array, body: Uint8Array) => void} each
 */
export function readMessages(buffer, end, each) {
  const view = new DataView(buffer);
  let at = 0;
  while (at < end) {
    const head = at + LEAD_BYTES;
    const headBytes = view.getUint32(at + 8, true);
    const bodyBytes = view.getUint32(at + 12, true);
    const body = head + headBytes;
    each(
      view.getUint32(at, true),
      view.getUint32(at + 4, true),
      new Uint8Array(buffer, head, headBytes),
      new Uint8Array(buffer, body, bodyBytes),
    );
    at = (body + bodyBytes + 3) & ~3;
  }
}
