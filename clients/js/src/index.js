// The public face of the package.

export { Acequia } from './client.js';
export { JobError, LostError, RejectedError } from './errors.js';
export { Job } from './job.js';
