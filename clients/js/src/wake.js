// What a browser says of the network, and of whether the page is looked at. In Node.js, nothing.

/**
 * @typedef {object} Wakes
 * @property {() => void} online there is a network again
 * @property {() => void} looked the page can be seen again
 * @property {(kept: boolean) => void} hidden the page is left; `kept`: it may be shown again as it is
 * @property {(kept: boolean) => void} shown the page is there; `kept`: as it was
 *
 * @param {Wakes} on
 * @returns {() => void} lets go
 */
export function listen({ online, looked, hidden, shown }) {
  const page = /** @type {any} */ (globalThis);
  const onVisible = () => page.document.visibilityState === 'visible' && looked();
  /** @type {[any, string, (event: any) => void][]} */
  const all = [
    [page, 'online', online],
    [page, 'pagehide', ({ persisted }) => hidden(persisted === true)],
    [page, 'pageshow', ({ persisted }) => shown(persisted === true)],
    [page.document, 'visibilitychange', onVisible],
  ];
  for (const [target, type, listener] of all) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of all) target?.removeEventListener?.(type, listener);
  };
}
