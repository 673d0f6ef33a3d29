import type { AbortSignalLike, SubmitOptions } from '../index.js';
import { RejectedError } from '../index.js';

export { ConnectionError, JobError, RejectedError } from '../index.js';

export interface HttpClientOptions {
  /** A JSON Web Token, for a server that asks for one; or a function that gets one for each call. */
  token?: string | (() => string | Promise<string>);
  /** Reads results in MessagePack, such as all of `@msgpack/msgpack`. Without it they are bytes. */
  codec?: { encode(value: unknown): Uint8Array; decode(bytes: Uint8Array): unknown };
  /** How long an answer may take, in ms, beside what the server was asked to wait. Default: 30,000. */
  timeoutMs?: number;
  /** How often a call that is safe to repeat is repeated, in growing pauses. Default: 5. */
  retries?: number;
  /** In place of the global `fetch`. */
  fetch?: (url: string, init: any) => Promise<any>;
}

export interface CallOptions {
  /** Ends the call, and rejects with the signal's reason. The job goes on. */
  signal?: AbortSignalLike;
}

export interface WaitOptions extends CallOptions {
  /** How long to wait, in ms; `Infinity`: for ever. */
  waitMs?: number;
}

/** Those of `submit` of the live client that mean something here. */
export interface HttpSubmitOptions extends Omit<SubmitOptions, 'queue' | 'signal' | 'label'>, CallOptions {
  /** The media type of a payload of bytes or text that goes as it is. Bytes without one are `application/octet-stream`. */
  type?: string;
}

export type HttpState = 'delayed' | 'waiting' | 'running' | 'done' | 'failed' | 'cancelled';

/** Times are milliseconds since 1970. */
export interface HttpStatus {
  job: string;
  state: HttpState;
  submittedMs: number;
  queue?: string;
  /** How many runs have begun. */
  attempt?: number;
  /** Of one that is `delayed`. */
  untilMs?: number;
  /** Of one that is `waiting` or `running`. */
  sinceMs?: number;
  /** Who runs it. */
  worker?: string;
  endedMs?: number;
  /** The media type of the result. */
  resultType?: string;
  /** Of one that failed. */
  code?: string;
  message?: string;
  [key: string]: unknown;
}

/**
 * Jobs over HTTP, for backends. What is safe to repeat is repeated, after pauses, and when the server asks for it: that
 * is every call but `publish`, since a job without a `key` is given one.
 */
export class HttpClient {
  /** @param server default: the variable `ACEQUIA_SERVER`, or `http://127.0.0.1:8080` */
  constructor(server?: string, options?: HttpClientOptions);
  /**
   * Submits a job, which is taken when this resolves. Bytes go as they are, any other value as JSON.
   * @throws RejectedError (as a rejection) if it was not taken
   */
  submit<Result = unknown>(queue: string, payload: unknown, options?: HttpSubmitOptions): Promise<HttpJob<Result>>;
  /**
   * Submits a job and waits for its result, 60 seconds unless told otherwise.
   * @throws RejectedError if it was not taken; JobError if it failed or was cancelled; NotEndedError if it goes on (as rejections)
   */
  run<Result = unknown>(queue: string, payload: unknown, options?: HttpSubmitOptions & WaitOptions): Promise<Result>;
  /** Submits many, in as few calls as they fit in. In their order: each job, or why it was not taken. */
  submitMany<Result = unknown>(
    jobs: Iterable<{ queue?: string; payload: unknown } & Omit<HttpSubmitOptions, 'type' | 'signal'>>,
    shared?: Omit<HttpSubmitOptions, 'type'> & { queue?: string },
  ): Promise<(HttpJob<Result> | RejectedError)[]>;
  /** A job that is there already, by the server's UUID of it. */
  job<Result = unknown>(id: string): HttpJob<Result>;
  /**
   * The result, once it is there. Waits 60 seconds unless told otherwise.
   * @throws JobError if it failed or was cancelled; NotEndedError if it goes on; HttpError `not_found` (as rejections)
   */
  wait<Result = unknown>(job: string, options?: WaitOptions): Promise<Result>;
  /** The result, if it is there now. @throws as `wait` */
  result<Result = unknown>(job: string, options?: CallOptions): Promise<Result>;
  /** Where a job is, or how it ended. `waitMs`: wait so long for its end. @throws HttpError `not_found` */
  status(job: string, options?: WaitOptions): Promise<HttpStatus>;
  /** Resolves when it is cancelled. @throws HttpError `not_found`, `has_ended` */
  cancel(job: string, options?: CallOptions): Promise<void>;
  /** Sends a message to all sessions that subscribed to the topic. `retain`: also to those that will. How many are told. */
  publish(topic: string, data: unknown, options?: CallOptions & { retain?: boolean; type?: string }): Promise<number>;
}

/** A job that the server has taken. */
export class HttpJob<Result = unknown> {
  private constructor();
  /** The server's UUID of it. */
  readonly id: string;
  /** Where it was when the server took it; undefined if it was not asked. */
  readonly state: HttpState | undefined;
  wait(options?: WaitOptions): Promise<Result>;
  result(options?: CallOptions): Promise<Result>;
  status(options?: WaitOptions): Promise<HttpStatus>;
  cancel(options?: CallOptions): Promise<void>;
}

/**
 * The server's answer is a problem, which is not how a job ended. `code`: the server's, such as `not_found`,
 * `has_ended`, `unauthorized`; or `no_problem`, if the answer is not one of an Acequia server.
 */
export class HttpError extends Error {
  readonly code: string;
  readonly status: number;
  readonly job: string | undefined;
  readonly retryAfterMs: number | null;
}

/** The job has not ended, or not while it was waited for. It goes on. */
export class NotEndedError extends HttpError {}
