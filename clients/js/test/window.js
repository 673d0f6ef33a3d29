// What a browser says to a page that is left and comes back.

/** The window of a page, which the test may put aside. */
export function asWindow(t) {
  const target = new EventTarget();
  for (const name of ['addEventListener', 'removeEventListener']) {
    Object.defineProperty(globalThis, name, { value: target[name].bind(target), configurable: true });
    t.after(() => delete globalThis[name]);
  }
  return (type) => target.dispatchEvent(Object.assign(new Event(type), { persisted: true }));
}
