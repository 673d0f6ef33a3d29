// For React, from version 18 on.

import type { ReactElement, ReactNode } from 'react';

import type { Acequia, JobHandle, SubmitOptions } from '../index.js';
import type { JobSnapshot } from './views.js';

export type { JobSnapshot, JobStatus, Progress } from './views.js';

/**
 * Gives the hooks of all components in it their client: one that is there already, which is left alone; or a function
 * that makes one, which is called when the first of these components is there, in a browser, and whose client is
 * closed after the provider is gone. Another function later on changes nothing; a `key` of another value does.
 */
export function AcequiaProvider(props: { client: Acequia | (() => Acequia); children?: ReactNode }): ReactElement;

/** Returns what gets the provider's client, for effects and handlers: it is not to be called while rendering. */
export function useAcequia(): () => Acequia;

export interface HookOptions {
  /** Default: that of the `AcequiaProvider`. */
  client?: Acequia;
}

/** Like those of `submit`. With a `label`, the hook shows the live job of that label, if there is one: after a reload, or of a component that is gone. */
export interface UseSubmitOptions extends SubmitOptions, HookOptions {
  watch?: undefined;
}

export interface UseWatchOptions extends HookOptions {
  /** The UUID of a job that others submitted; null while it is not known. */
  watch: string | null;
  /** As of `client.watch`. */
  label?: unknown;
}

/** Never another one while the component lives. */
export interface Cancel {
  /** Cancels the job that is shown, for all who are told of it. */
  cancel: () => void;
}

export interface Submit<Result, Payload> {
  /**
   * Submits a job, which is shown from then on. One that was shown before goes on unseen. Never another function while
   * the client is the same; the options are those of the last rendering, and those that are given here go first.
   * @throws TypeError as `client.submit`
   */
  submit: (payload: Payload, options?: SubmitOptions) => JobHandle<Result>;
}

/** Watches a job that others submitted. It goes on when the component goes. */
export function useJob<Result = unknown, Chunk = any>(options: UseWatchOptions): JobSnapshot<Result, Chunk> & Cancel;
/** Submits on demand, and shows the last job that it submitted. It goes on when the component goes. */
export function useJob<Result = unknown, Chunk = any, Payload = unknown>(
  options?: UseSubmitOptions,
): JobSnapshot<Result, Chunk> & Cancel & Submit<Result, Payload>;

/**
 * The data of the last message on a topic; undefined before the first, and of no topic (null). `onMessage` is called
 * for each. The topic is subscribed to as long as a component is there that wants it; who comes
 * second sees the last message, and is called from the next one on. The client's own `subscribe` of the same topic
 * ends with that.
 */
export function useTopic<Data = any>(
  topic: string | null | undefined,
  onMessage?: (data: Data) => void,
  options?: HookOptions,
): Data | undefined;
