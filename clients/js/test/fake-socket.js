// A WebSocket whose server is the test: what the client sends is read, what it hears is said.

/** A class to pass as the option `WebSocket`, and `next()`, the next socket that is dialled. */
export function fakeNetwork() {
  const dialled = [];
  const waiters = [];

  class FakeSocket {
    constructor(url, subprotocol) {
      Object.assign(this, { url, subprotocol, sent: [], closed: false });
      const waiter = waiters.shift();
      if (waiter) waiter(this);
      else dialled.push(this);
    }

    send(message) {
      if (this.closed) throw new Error('sent on a closed socket');
      this.sent.push(message);
      const mark = /"replay-end-[^"]*"/.exec(message);
      if (mark) this.mark = JSON.parse(mark[0]);
    }

    close(code) {
      this.closed = true;
      this.closeCode = code;
    }

    /** The id by which the client knows the end of a replay, once it has asked for it. @type {string | undefined} */
    mark;

    /** The handshake went well: the client says hello. */
    open() {
      this.onopen?.();
    }

    say(event) {
      this.onmessage?.({ data: typeof event === 'string' ? event : JSON.stringify(event) });
    }

    /** The connection ends. */
    end(code = 1006, reason = '') {
      this.closed = true;
      this.onclose?.({ code, reason });
    }

    /** From dial to welcome. */
    welcome(limits = {}) {
      this.open();
      this.say({ ev: 'welcome', resumed: false, limits });
      return this;
    }

    /** The JSON messages that came since the last call. */
    heard() {
      return this.sent.splice(0).map((message) => JSON.parse(message));
    }
  }

  const next = () => dialled.length > 0
    ? Promise.resolve(dialled.shift())
    : new Promise((resolve) => waiters.push(resolve));
  return { WebSocket: FakeSocket, next };
}

/** Lets the microtasks run: what was submitted in this turn is then sent. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));
