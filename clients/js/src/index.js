// The public face of the package.

export { Acequia } from './client.js';
export { ConnectionError, JobError, LostError, RejectedError } from './errors.js';
export { Job, JobHandle } from './job.js';
