// For Vue, from version 3.5 on.

import type { ComputedRef, MaybeRefOrGetter, Plugin } from 'vue';

import type { Acequia, JobError, JobHandle, SubmitOptions } from '../index.js';
import type { JobStatus, Progress } from './views.js';

export type { JobStatus, Progress } from './views.js';

/**
 * The plugin that gives the composables of an app their client: one that is there already, which is left alone; or a
 * function that makes one, which is called when the first component that has one of them is mounted, and whose client
 * is closed after the app is unmounted.
 */
export function acequia(client: Acequia | (() => Acequia)): Plugin;

/** Returns what gets the app's client, for `onMounted` and handlers: on a server it is not to be called. */
export function useAcequia(): () => Acequia;

export interface HookOptions {
  /** Default: that of the plugin `acequia`. */
  client?: Acequia;
}

/** Like those of `submit`. With a `label`, the live job of that label is shown, if there is one: after a reload, or of a component that is gone. */
export interface UseSubmitOptions extends SubmitOptions, HookOptions {
  watch?: undefined;
}

export interface UseWatchOptions extends HookOptions {
  /** The UUID of a job that others submitted; null while it is not known. */
  watch: MaybeRefOrGetter<string | null>;
  /** As of `client.watch`. */
  label?: unknown;
}

export interface ShownJob<Result, Chunk> {
  readonly job: ComputedRef<JobHandle<Result> | null>;
  readonly status: ComputedRef<JobStatus>;
  /** Of the present run; null before its first word. */
  readonly progress: ComputedRef<Progress | null>;
  /** Of the present run, in order; the last 10,000. One that cannot be read is left out, and the client's `error` tells of it. */
  readonly chunks: ComputedRef<readonly Chunk[]>;
  /** Once `status` is `done`. */
  readonly result: ComputedRef<Result | undefined>;
  /** Why it ended otherwise. */
  readonly error: ComputedRef<JobError | null>;
  /** Cancels the job that is shown, for all who are told of it. */
  cancel: () => void;
}

export interface Submit<Result, Payload> {
  /**
   * Submits a job, which is shown from then on. One that was shown before goes on unseen. The options are those of now,
   * and those that are given here go first.
   * @throws TypeError as `client.submit`
   */
  submit: (payload: Payload, options?: SubmitOptions) => JobHandle<Result>;
}

/** Watches a job that others submitted. It goes on when the component goes. */
export function useJob<Result = unknown, Chunk = any>(options: MaybeRefOrGetter<UseWatchOptions>): ShownJob<Result, Chunk>;
/** Submits on demand, and shows the last job that it submitted. It goes on when the component goes. */
export function useJob<Result = unknown, Chunk = any, Payload = unknown>(
  options?: MaybeRefOrGetter<UseSubmitOptions>,
): ShownJob<Result, Chunk> & Submit<Result, Payload>;

/**
 * The data of the last message on a topic; undefined before the first, and of no topic (null). `onMessage` is called
 * for each. The topic is subscribed to as long as a component is there that wants it; who comes second sees the last
 * message, and is called from the next one on. The client's own `subscribe` of the same topic ends with that.
 */
export function useTopic<Data = any>(
  topic: MaybeRefOrGetter<string | null | undefined>,
  onMessage?: (data: Data) => void,
  options?: HookOptions,
): ComputedRef<Data | undefined>;
