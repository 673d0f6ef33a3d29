// Needs nothing of `lib: dom`, nor of Node.js.

/** MessagePack as `@msgpack/msgpack` has it; any module of the same shape will do. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

export interface AcequiaOptions {
  /** Makes the session a MessagePack one, whose payloads and results may be bytes. Default: JSON. */
  codec?: Codec;
  /**
   * A JSON Web Token, shown with the request for the connection. A function is asked anew at each
   * connection, and on the open one before the `exp` of the last token; when it has got five in a row
   * that the server does not take, the client ends with `unauthorized`, as with a string at once.
   */
  token?: string | (() => string | undefined | Promise<string | undefined>);
  /** Default: the global one. Node.js has it from version 22. */
  WebSocket?: unknown;
  /**
   * The pause before a lost connection is dialled again: from `minMs` (250) doubling up to `maxMs`
   * (15000), half of it random, `retries` times in a row (no limit). Only a connection that lasted
   * for five seconds ends the row. A `bye` of the server names the first pause itself. `false`: never.
   */
  reconnect?: { minMs?: number; maxMs?: number; retries?: number } | false;
  /** How long a connection may take until its `welcome`. Default: 10000. */
  connectTimeoutMs?: number;
  /**
   * How long jobs and `ready` wait for the first connection of all, before they reject with
   * `unreachable`; the client goes on trying. `Infinity`: for ever. Default: 8000.
   */
  readyTimeoutMs?: number;
  /**
   * After a silence of `everyMs` (20000), or a quarter of that after something was sent, the server is
   * asked for a sign of life; if it gives none in `timeoutMs` (10000), the connection is dialled anew.
   * `false`: never.
   */
  heartbeat?: { everyMs?: number; timeoutMs?: number } | false;
  /**
   * Whether to ask for a session that outlives its connection, so that after a loss all events that
   * were missed come. Default: true. A server that has no such sessions is served all the same.
   */
  resume?: boolean;
  /**
   * Whether a job that the server may not know of is sent again: one that was not accepted when the
   * connection ended or, without a session to go on with, not heard of. It may run twice then; give
   * such jobs a `key`. Default: true.
   */
  resend?: boolean;
  /**
   * Whether jobs that the server had taken are submitted anew when it does not know the session any
   * more. They may run twice then: at least once. Default: false, and they end with a `LostError`
   * of the code `session_lost`; only those with a `key` are submitted again.
   */
  resubmit?: boolean;
  /**
   * Keeps the session over a reload of the page. `true`: in `sessionStorage`. What it holds is as
   * secret as the jobs. A storage that is missing, full or damaged is told as an `error` with the
   * code `storage`, and done without. Without one, no page goes on with the session of another.
   */
  storage?: boolean | SessionStorage;
  /**
   * A name in the storage, beside the encoding and the URL. With all three and the storage those of a
   * live client of this page, `new Acequia` is that client.
   */
  storageKey?: string;
}

/** What is needed of a `Storage`. */
export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/** What is needed of an `AbortSignal`. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: any;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface SubmitOptions {
  /** Default: `default`. */
  queue?: string;
  /** 0 to 9, higher first. Default: 4. */
  priority?: number;
  /** Not to be started before. */
  delayMs?: number;
  /** The limit of one run. */
  timeoutMs?: number;
  /** Give up if not started by then. */
  ttlMs?: number;
  /** Runs, if the worker says that it failed. Default: 1. */
  attempts?: number;
  /** Idempotency: a second submit of the same key is the same job. */
  key?: string;
  /**
   * What becomes of the job when the connection is over, by `close()` or lost: it runs all the same,
   * it is cancelled at once, or so much later unless this client is back. Default: `keep`.
   */
  onDisconnect?: 'keep' | 'cancel' | { cancelAfterMs: number };
  /** Counts the job with the others of this name; the client's event `batch` tells their end. */
  batch?: string;
  /** The span that the job's own is to be below, as W3C Trace Context writes it. */
  traceparent?: string;
  /** Cancels the job, whose result rejects with the signal's reason at once. */
  signal?: AbortSignalLike;
  /** What this page calls the job: `job.label`, also after a reload. Not sent. With a `storage`, JSON. */
  label?: unknown;
}

export interface WatchOptions {
  /** Ends the watching, with the signal's reason, and not the job. */
  signal?: AbortSignalLike;
  /** What this page calls the job: `job.label`, also after a reload. Not sent. With a `storage`, JSON. */
  label?: unknown;
}

export interface Welcome {
  ev: 'welcome';
  /** Whether the session of an earlier connection goes on. */
  resumed: boolean;
  /** The secret that the session is resumed with; missing if it cannot be. */
  session?: string;
  limits?: Record<string, number>;
}

/** The last live job of a batch has ended. */
export interface BatchEnd {
  ev: 'batch';
  /** The name that its jobs were submitted under. */
  batch: string;
  jobs: number;
  done: number;
  failed: number;
  cancelled: number;
  /** From its first submit to its last outcome. */
  elapsed_ms: number;
}

export interface Close {
  /** Of the WebSocket. 4001: another connection goes on with the session. */
  code: number;
  reason: string;
  /** Until the next dial; null when there will be none. */
  retryInMs: number | null;
}

export type State = 'connecting' | 'open' | 'waiting' | 'closed';

export interface StateChange {
  state: State;
  /** While `waiting`: until the next dial; null otherwise. */
  retryInMs: number | null;
  /** The same as a point in time, as of `Date.now()`. */
  retryAt: number | null;
}

/** An event of the server as it came; bytes are `Uint8Array` in both formats. */
export interface ServerEvent {
  ev: string;
  id?: number;
  job?: string;
  [field: string]: unknown;
}

/** A `CustomEvent`, as far as a listener needs it. */
export interface DetailEvent<Detail> {
  readonly type: string;
  readonly detail: Detail;
  readonly target: any;
}

export interface ClientEvents {
  /** Each change of `state`. */
  state: StateChange;
  connecting: null;
  open: Welcome;
  close: Close;
  event: ServerEvent;
  message: { ev: 'message'; topic: string; data: any };
  batch: BatchEnd;
  /** So many events could not be kept for us; an outcome only if the server does not retain it any more. */
  gap: { ev: 'gap'; missed: number; id?: number; job?: string };
  /**
   * `code`: one of the server's, if an op was not understood; `connect` (no connection comes, told once
   * for each outage), `connection_lost`, `unauthorized`, `taken_over` (none will come), `token`,
   * `storage`, `bad_event`.
   */
  error: { ev: 'error'; code: string; message: string; id?: number | string };
}

export interface JobEvents {
  accepted: ServerEvent & { traceparent?: string };
  started: ServerEvent & { attempt: number; worker?: string };
  progress: ServerEvent & { done?: number; total?: number; note?: string };
  /** `unreadable`: why the codec could not read the data, if it could not. */
  chunk: ServerEvent & { n: number; data: any; unreadable?: Error };
  retrying: ServerEvent & { attempt: number; code: string; message: string; in_ms: number };
  done: ServerEvent & { result: any; traceparent?: string };
  failed: ServerEvent & { code: string; message: string; attempt?: number; traceparent?: string };
  cancelled: ServerEvent & { traceparent?: string };
  rejected: ServerEvent & { code: string; message: string; retry_after_ms?: number | null };
}

export type Listener<Detail> = ((event: DetailEvent<Detail>) => void) | { handleEvent(event: DetailEvent<Detail>): void };

export interface ListenerOptions {
  capture?: boolean;
  once?: boolean;
  passive?: boolean;
  signal?: any;
}

/** An `EventTarget` that knows the names of its events. */
export interface TypedTarget<Events> {
  addEventListener<K extends keyof Events>(type: K, listener: Listener<Events[K]> | null, options?: boolean | ListenerOptions): void;
  removeEventListener<K extends keyof Events>(type: K, listener: Listener<Events[K]> | null, options?: boolean | ListenerOptions): void;
  dispatchEvent(event: any): boolean;
}

export interface Acequia extends TypedTarget<ClientEvents> {}

export class Acequia {
  /**
   * Default: `v1/ws` of the server that this module came from, also below a path or from another
   * origin; of a copy of the module, `/v1/ws` of the page's host. `http` is taken for `ws`.
   */
  constructor(url?: string | { readonly href: string }, options?: AcequiaOptions);
  /** Resolves with the first `welcome`; rejects with a `ConnectionError` if none comes in time, or none ever will. */
  readonly ready: Promise<Welcome>;
  /** `waiting`: before the next dial. `closed`: for good. */
  readonly state: State;
  /**
   * The live jobs, in the order of submission, and then those that are watched. With a `storage`, right after the construction:
   * those that this page had before it was loaded again. None of their events is missed by who
   * listens in the same turn.
   */
  readonly jobs: Job<any>[];
  /** The limits that the last `welcome` named. */
  readonly limits: Record<string, number>;
  /**
   * Submits a job: at the end of this turn, in one message with all others of the turn, or as soon
   * as there is a connection. A value that no server would take, as a priority of 10 or a key that is
   * null, ends it with a `RejectedError`, `bad_request`.
   * @throws TypeError if the payload would not reach the worker as it is, or an option is unknown or of another type
   */
  submit<Result = unknown>(payload: unknown, options?: SubmitOptions): Job<Result>;
  /** The same, as a job without `then`: an async function can return it. */
  start<Result = unknown>(payload: unknown, options?: SubmitOptions): JobHandle<Result>;
  /** Submits several jobs, in as few messages as they fit in. */
  submitMany<Result = unknown>(
    jobs: Iterable<{ payload: unknown } & SubmitOptions>,
    shared?: SubmitOptions,
  ): Job<Result>[];
  /**
   * Watches a job that others submitted, by its UUID: the same events and result as for who submitted it.
   * `cancel()` is for the job, the `signal` for the watching. One that is not there, or ended too long ago,
   * ends with a `LostError`, `not_found`; what is no UUID with a `RejectedError`, `bad_request`.
   * @throws TypeError if it is not a string, or an option is unknown
   */
  watch<Result = unknown>(job: string, options?: WatchOptions): Job<Result>;
  /**
   * Resolves with the next `batch` event of that name. Rejects with a `LostError`, `not_found`, if no job
   * of such a batch of this client is live.
   */
  watch(what: { readonly batch: string }, options?: { signal?: AbortSignalLike }): Promise<BatchEnd>;
  /** Wants the topic's `message` events, on this connection and on those after it. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /** For good, and with it the session. Live jobs end with the code `closed` here. */
  close(): void;
  /**
   * Lets go: the session waits, at the server and in the storage, for the next client with it. Live
   * jobs end with the code `detached` here.
   */
  detach(): void;
}

export interface JobHandle<Result = unknown> extends TypedTarget<JobEvents> {}

/** Made by `start`: a job that an async function can return. */
export class JobHandle<Result = unknown> {
  protected constructor();
  /** The correlation id: one for each job that this client submitted, and for each that it watches. */
  readonly id: number;
  /** The option `label`. */
  readonly label: any;
  /** Whether it was submitted, or watched, before the page was loaded again. */
  readonly restored: boolean;
  /** The server's UUID of the job, once it is known. */
  readonly uuid: string | undefined;
  /**
   * The job's own span, as W3C Trace Context writes it, once `accepted` or the outcome was heard; undefined
   * if it is part of no trace.
   */
  readonly traceparent: string | undefined;
  readonly state:
    | 'submitted'
    | 'accepted'
    | 'started'
    | 'retrying'
    | 'done'
    | 'failed'
    | 'cancelled'
    | 'rejected';
  /** Whether nothing more will come. */
  readonly ended: boolean;
  /** Why the job ended without a result, if it did. */
  readonly error: JobError | undefined;
  /**
   * Rejects with a `JobError`; with its kind `RejectedError` if the server did not take the job; with
   * the reason of the `signal` if that aborted.
   */
  readonly result: Promise<Result>;
  cancel(): void;
  /**
   * The chunks from now on. `n` counts from 1 in each run. Ends with the job, and throws its
   * `JobError`; throws a `RangeError` when more than `max` (10000) chunks wait to be taken.
   */
  chunks<Data = any>(options?: { max?: number }): AsyncIterableIterator<{ n: number; data: Data }>;
}

/**
 * Made by `submit` and `watch`. `await job` is `await job.result`. So an async function that returns one returns
 * its result: `start` makes jobs that it can return.
 */
export class Job<Result = unknown> extends JobHandle<Result> implements PromiseLike<Result> {
  private constructor();
  then<A = Result, B = never>(
    onResult?: ((result: Result) => A | PromiseLike<A>) | null,
    onError?: ((error: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B>;
  catch<B = never>(onError?: ((error: any) => B | PromiseLike<B>) | null): Promise<Result | B>;
  finally(onEnd?: (() => void) | null): Promise<Result>;
}

export class JobError extends Error {
  constructor(what: { code: string; message?: string; attempt?: number; job?: string; cause?: unknown });
  /**
   * The server's or the worker's own, or `cancelled`, `closed`, `unreadable` (it is done, and the codec
   * cannot read its result), or one of those of the other kinds.
   */
  readonly code: string;
  /** The run that failed, from 1. */
  readonly attempt: number | undefined;
  /** The server's UUID of the job, if it was heard. */
  readonly job: string | undefined;
}

/**
 * No word of the job's outcome can come here any more: it may have run, run now, or never run.
 * `code`: `outcome_lost` (it has ended, and the server does not know any more how), `session_lost` (the
 * server does not know the session any more), `connection_lost` (there
 * was none that could be resumed, or there will be no other connection, or it was sent again and
 * refused), `taken_over` (another page goes on with the session, and with the job), `detached` (this
 * client let go of both), `unauthorized` (the token is over, and there is no other). Of what is watched
 * also `not_found` (it is not there, or another client's, or ended too long ago), `too_many_jobs`,
 * `duplicate_id` (the server does not let it be watched now) and `unreachable` (there was no connection).
 */
export class LostError extends JobError {}

/**
 * The server did not take the job: nothing was run, and nothing will be. Besides the server's codes:
 * `unreachable` (there was no connection yet, and none came in time), `unauthorized`.
 */
export class RejectedError extends JobError {
  constructor(what: { code: string; message?: string; job?: string; retry_after_ms?: number | null });
  /** When another try is worth making, if the server said so. */
  readonly retryAfterMs: number | null;
}

/**
 * There is no connection. `code`: `unreachable` (none came in time; the client goes on trying),
 * `connection_lost` (nor will one come), `unauthorized`, `taken_over`, `detached`, `closed`.
 */
export class ConnectionError extends Error {
  constructor(what: { code: string; message: string; url: string; closeCode?: number });
  readonly code: string;
  /** What was dialled. */
  readonly url: string;
  /** Of the last WebSocket, if there was one. */
  readonly closeCode: number | undefined;
}
