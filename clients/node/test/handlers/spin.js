// Computes without a pause until its job is cancelled, says so, and goes on with the next.

export default async function spin(job) {
  job.progress(0, 1, 'spinning');
  while (!job.cancelled);
  await job.publish('spun', job.id);
}
