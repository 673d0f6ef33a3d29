// What the hooks of all frameworks show.

import type { JobError, JobHandle } from '../index.js';

export interface Progress {
  done?: number;
  total?: number;
  note?: string;
}

/** `idle`: there is no job yet. */
export type JobStatus = 'idle' | JobHandle['state'];

interface Shown<Chunk> {
  /** Of the present run; null before its first word. */
  readonly progress: Progress | null;
  /** Of the present run, in order; the last 10,000. One that cannot be read is left out, and the client's `error` tells of it. */
  readonly chunks: readonly Chunk[];
}

/** A job as it is now: a new object after each change, and else the same. */
export type JobSnapshot<Result, Chunk> = Shown<Chunk> &
  (
    | { readonly status: 'idle'; readonly job: null; readonly result: undefined; readonly error: null }
    | { readonly status: 'submitted' | 'accepted' | 'started' | 'retrying'; readonly job: JobHandle<Result>; readonly result: undefined; readonly error: null }
    | { readonly status: 'done'; readonly job: JobHandle<Result>; readonly result: Result; readonly error: null }
    | { readonly status: 'failed' | 'cancelled' | 'rejected'; readonly job: JobHandle<Result>; readonly result: undefined; readonly error: JobError }
  );
