// No worker.

export const queues = {};
