// The format of text/event-stream, as far as the server speaks it.

/** Takes text as it comes and makes events of it. */
export class EventParser {
  #rest = '';
  #event = '';
  #data = [];

  /** @param {string} text @returns {{ event: string, data: string }[]} the events that are complete */
  push(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop();
    return lines.map((line) => this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)).filter(Boolean);
  }

  #line(line) {
    if (line === '') return this.#complete();
    const colon = line.indexOf(':');
    if (colon === 0) return null; // a comment, which keeps the connection open
    const [field, value] = colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (field === 'event') this.#event = value;
    if (field === 'data') this.#data.push(value);
    return null;
  }

  #complete() {
    const event = this.#data.length > 0 ? { event: this.#event || 'message', data: this.#data.join('\n') } : null;
    this.#event = '';
    this.#data = [];
    return event;
  }
}
