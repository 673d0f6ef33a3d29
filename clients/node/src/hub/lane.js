// A lane as this side sees it, from its `hello` to its end.

import { Outbox } from './outbox.js';

export class Lane {
  /** Jobs that it holds. */
  held = 0;

  /**
   * @param {import('../messages.js').Hello} hello
   * @param {(frames: Uint8Array[]) => Promise<void>} send
   * @param {() => void} onIdle called when it has come to hold nothing
   */
  constructor({ id, maxBody }, send, onIdle) {
    this.onIdle = onIdle;
    this.id = id;
    this.maxBody = maxBody;
    this.outbox = new Outbox(send, maxBody);
  }

  get isIdle() {
    return this.held === 0;
  }
}
