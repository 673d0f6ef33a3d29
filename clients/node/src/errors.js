// What is wrong with how a worker was set up.

/**
 * A worker that cannot start, or go on. It is its options that are at fault, or a server of another version of the
 * protocol: a server that is not there, or goes, is no error, for the worker dials it again.
 */
export class WorkerError extends Error {
  name = 'WorkerError';
}
