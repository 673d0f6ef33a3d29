// Queues for `acequia-worker`: a function, and a module of its own.

export default {
  upper: (job) => job.json().toUpperCase(),
  fib: new URL('../handlers/fib.js', import.meta.url),
};
