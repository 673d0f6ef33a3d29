// The public face of the package.

export { WorkerError } from './errors.js';
export { Failure } from './failure.js';
export { Job } from './job.js';
export { Reply } from './reply.js';
export { Worker } from './worker.js';
