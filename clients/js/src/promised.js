// A promise that is kept from outside.

/** @returns {{ promise: Promise<any>, resolve: (value: any) => void, reject: (reason: unknown) => void }} */
export function promised() {
  /** @type {any} */
  const it = {};
  it.promise = new Promise((resolve, reject) => Object.assign(it, { resolve, reject }));
  it.promise.catch(() => {}); // those who do not ask need not handle it
  return it;
}
