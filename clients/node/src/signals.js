// SIGTERM and SIGINT: the first one stops a worker, the second ends the process.

import { constants } from 'node:os';

const SIGNALS = /** @type {const} */ (['SIGTERM', 'SIGINT']);

/** @param {(signal: string) => void} stop @returns {() => void} undoes it */
export function onSignals(stop) {
  let first = true;
  /** @param {NodeJS.Signals} signal */
  const heard = (signal) => {
    if (!first) process.exit(128 + constants.signals[signal]);
    first = false;
    stop(signal);
  };
  for (const signal of SIGNALS) process.on(signal, heard);
  return () => {
    for (const signal of SIGNALS) process.off(signal, heard);
  };
}
