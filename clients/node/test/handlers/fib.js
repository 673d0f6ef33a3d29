// Computes: the number of Fibonacci of the payload, and which thread it was.

import { threadId } from 'node:worker_threads';

const fib = (n) => (n < 2 ? n : fib(n - 1) + fib(n - 2));

export default (job) => ({ value: fib(job.json()), threadId });
