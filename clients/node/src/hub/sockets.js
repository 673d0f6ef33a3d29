// The two sockets of a connection to a server.
//
// Each pair is for one connection: when either of the two ends, both are closed, and others are opened after a pause
// of ours. Left alone, libzmq would dial again after a pause of its own, which starts anew with each connection that
// a server takes and drops. What it is left to do is to dial until there is a first connection.

import zmq from 'zeromq';

/** Pauses between its dials, in ms; each is twice the last one, and up to the first of them is random. */
const DIAL_MS = { reconnectInterval: 200, reconnectMaxInterval: 5_000 };
/** A host that vanished is noticed after so long, in ms. */
const HEARTBEAT_MS = { heartbeatInterval: 30_000, heartbeatTimeout: 30_000 };
/** ZeroMQ messages that wait in the socket. Those of many results have at most 256 KiB. */
const UNWRITTEN_MAX = 16;
/** How long the last results may take to be written when a connection is left, in ms. */
const LINGER_MS = 5_000;

/**
 * @typedef {object} Ends what the owner wants to know
 * @property {(frames: Buffer[]) => void} frames
 * @property {() => void} greeted the jobs connection is there
 * @property {(why: string) => void} gone
 * @property {(why: string) => void} trouble there is no connection yet
 */

export class Sockets {
  #pull;
  #push;
  #ends;
  #isClosed = false;
  /**
   * Resolves when both sockets are closed, and libzmq is through with them. Until then what they tell has to be read:
   * its one thread of IO would wait for whoever does not.
   *
   * @type {Promise<unknown>}
   */
  closed;

  /** @param {{ jobs: string, results: string }} server @param {Ends} ends */
  constructor({ jobs, results }, ends) {
    this.#ends = ends;
    this.#pull = new zmq.Pull({ ...DIAL_MS, ...HEARTBEAT_MS, linger: 0 });
    this.#push = new zmq.Push({ ...DIAL_MS, ...HEARTBEAT_MS, linger: 0, immediate: true, sendHighWaterMark: UNWRITTEN_MAX });
    this.closed = Promise.all([this.#watch(this.#pull, 'jobs', jobs), this.#watch(this.#push, 'results', results)]);
    this.#pull.connect(jobs);
    this.#push.connect(results);
    void this.#receive();
  }

  /**
   * What becomes of the socket's connection.
   *
   * @param {zmq.Socket} socket @param {string} name @param {string} endpoint
   */
  async #watch({ events }, name, endpoint) {
    for (let event = await events.receive(); event.type !== 'end'; event = await events.receive()) {
      if (!this.#isClosed) this.#tell(event.type, name, endpoint);
    }
  }

  /** @param {string} event @param {string} name @param {string} endpoint */
  #tell(event, name, endpoint) {
    if (event === 'disconnect') this.#ends.gone(`the ${name} connection ended`);
    else if (event === 'connect:retry') this.#ends.trouble(`nobody answers at the ${name} endpoint ${endpoint}`);
    else if (event.startsWith('handshake:error')) this.#ends.trouble(`what answers at the ${name} endpoint ${endpoint} is no Acequia server`);
    else if (event === 'handshake' && name === 'jobs') this.#ends.greeted();
  }

  async #receive() {
    while (!this.#isClosed) {
      let frames;
      try {
        frames = await this.#pull.receive();
      } catch (error) {
        // One that is closed while it waits says so.
        if (!this.#isClosed) this.#ends.gone(String(error));
        return;
      }
      if (!this.#isClosed) this.#ends.frames(frames);
    }
  }

  /** Resolves when there is room for more, and rejects when it is closed. @param {Uint8Array[]} frames */
  send(frames) {
    return this.#push.send(/** @type {Buffer[]} */ (frames));
  }

  /** @param {boolean} isLast whether what was sent is to be written first */
  close(isLast) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (isLast) this.#push.linger = LINGER_MS;
    this.#push.close();
    this.#pull.close();
  }
}
