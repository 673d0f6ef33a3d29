// The public face of `@acequia/client/http`.

export { ConnectionError, JobError, RejectedError } from '../errors.js';
export { HttpClient } from './client.js';
export { HttpError, NotEndedError } from './errors.js';
export { HttpJob } from './job.js';
