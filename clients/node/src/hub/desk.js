// Where what is said of jobs finds its way to the lanes that hold them.

import { DONE, FAIL, PUBLISH, readMessages } from '../parcel.js';
import { KINDS } from './kinds.js';

/** @typedef {import('./held.js').Place} Place @typedef {import('./outbox.js').Outbox} Outbox */

export class Desk {
  #held;

  /** @param {import('./held.js').Held} held */
  constructor(held) {
    this.#held = held;
  }

  /**
   * A parcel of messages. What is about a job that is not held any more is for nobody.
   *
   * @param {Place} place @param {{ messages: ArrayBuffer, end: number }} parcel
   * @param {() => void} [sent] called once all of it is sent
   */
  deliver(place, { messages, end }, sent) {
    /** @type {Set<Outbox>} */
    const outboxes = new Set();
    readMessages(messages, end, (kind, ref, head, body) => {
      const one = this.#held.get(ref);
      const isLast = kind === DONE || kind === FAIL;
      if (one) {
        const { lane, id } = one;
        lane.outbox.push(KINDS[kind], kind === PUBLISH ? lane.id : id, head, body);
        outboxes.add(lane.outbox);
        if (isLast) this.#release(one);
      }
      if (isLast) place.ended(ref);
    });
    if (sent) this.#whenSent(outboxes, sent);
    for (const outbox of outboxes) outbox.flush();
  }

  /** The last word on a job whose handler cannot say it. @param {number} ref @param {Uint8Array} head */
  fail(ref, head) {
    const one = this.#held.get(ref);
    if (!one) return;
    const { outbox } = one.lane;
    outbox.push(KINDS[FAIL], one.id, head);
    this.#release(one);
    outbox.flush();
  }

  /** @param {import('./held.js').One} one */
  #release(one) {
    this.#held.remove(one);
    if (one.lane.isIdle) one.lane.onIdle();
  }

  /** @param {Set<Outbox>} outboxes @param {() => void} sent */
  #whenSent(outboxes, sent) {
    let open = outboxes.size + 1;
    const one = () => {
      open -= 1;
      if (open === 0) sent();
    };
    for (const outbox of outboxes) outbox.after(one);
    one();
  }
}
