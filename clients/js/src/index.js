// The public face of the package.

export { Acequia } from './client.js';
export { JobError, RejectedError } from './errors.js';
export { Job } from './job.js';
