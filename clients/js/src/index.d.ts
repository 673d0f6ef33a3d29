/** MessagePack as `@msgpack/msgpack` has it; any module of the same shape will do. */
export interface Codec {
  encode(value: unknown): Uint8Array;
  decode(bytes: Uint8Array): unknown;
}

export interface AcequiaOptions {
  /** Makes the session a MessagePack one, whose payloads and results may be bytes. Default: JSON. */
  codec?: Codec;
  /** Sent with `hello`. A function is asked anew at each connection. */
  token?: string | (() => string | Promise<string>);
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
   * The name in the storage. Default: the encoding and the URL. Two clients of one page need two.
   */
  storageKey?: string;
}

/** What is needed of a `Storage`. */
export interface SessionStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
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
  /** Cancels the job. */
  signal?: AbortSignal;
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

interface ClientEvents {
  /** Each change of `state`. */
  state: CustomEvent<StateChange>;
  connecting: CustomEvent<null>;
  open: CustomEvent<Welcome>;
  close: CustomEvent<Close>;
  event: CustomEvent<ServerEvent>;
  message: CustomEvent<{ ev: 'message'; topic: string; data: unknown }>;
  batch: CustomEvent<BatchEnd>;
  /** So many events could not be kept for us; an outcome only if the server does not retain it any more. */
  gap: CustomEvent<{ ev: 'gap'; missed: number; id?: number; job?: string }>;
  error: CustomEvent<{ ev: 'error'; code: string; message: string }>;
}

interface JobEvents {
  accepted: CustomEvent<ServerEvent & { traceparent?: string }>;
  started: CustomEvent<ServerEvent & { attempt: number; worker?: string }>;
  progress: CustomEvent<ServerEvent & { done?: number; total?: number; note?: string }>;
  chunk: CustomEvent<ServerEvent & { n: number; data: unknown }>;
  retrying: CustomEvent<ServerEvent & { attempt: number; code: string; message: string; in_ms: number }>;
  done: CustomEvent<ServerEvent & { result: unknown; traceparent?: string }>;
  failed: CustomEvent<ServerEvent & { code: string; message: string; attempt?: number; traceparent?: string }>;
  cancelled: CustomEvent<ServerEvent & { traceparent?: string }>;
  rejected: CustomEvent<ServerEvent & { code: string; message: string; retry_after_ms?: number | null }>;
}

interface TypedTarget<Events> extends EventTarget {
  addEventListener<K extends keyof Events>(
    type: K,
    listener: (event: Events[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof Events>(type: K, listener: (event: Events[K]) => void): void;
  removeEventListener(type: string, listener: EventListenerOrEventListenerObject | null): void;
}

export interface Acequia extends TypedTarget<ClientEvents> {}

export class Acequia {
  /** Default: `/v1/ws` of the host that served the page. `http` is taken for `ws`. */
  constructor(url?: string | URL, options?: AcequiaOptions);
  /** Resolves with the first `welcome`; rejects if there will never be one. */
  readonly ready: Promise<Welcome>;
  /** `waiting`: before the next dial. `closed`: for good. */
  readonly state: State;
  /**
   * The live jobs, in the order of submission. With a `storage`, right after the construction:
   * those that this page had before it was loaded again. None of their events is missed by who
   * listens in the same turn.
   */
  readonly jobs: Job[];
  /** The limits that the last `welcome` named. */
  readonly limits: Record<string, number>;
  /**
   * Submits a job: at the end of this turn, in one message with all others of the turn, or as soon
   * as there is a connection.
   * @throws TypeError if the payload cannot be encoded or an option is unknown
   */
  submit<Result = any>(payload: unknown, options?: SubmitOptions): Job<Result>;
  /** Submits several jobs, in one message. */
  submitMany<Result = any>(
    jobs: Iterable<{ payload: unknown } & SubmitOptions>,
    shared?: SubmitOptions,
  ): Job<Result>[];
  /** Wants the topic's `message` events, on this connection and on those after it. */
  subscribe(topic: string): void;
  unsubscribe(topic: string): void;
  /** For good, and with it the session. Live jobs end with the code `closed` here. */
  close(): void;
}

export interface Job<Result = any> extends TypedTarget<JobEvents> {}

/** Made by `submit`. `await job` is `await job.result`. */
export class Job<Result = any> implements PromiseLike<Result> {
  private constructor();
  /** The correlation id: unique among the jobs of this client. */
  readonly id: number;
  /** The option `label`. */
  readonly label: any;
  /** Whether it was submitted before the page was loaded again. */
  readonly restored: boolean;
  /** The server's UUID of the job, once it was heard. */
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
  /** Rejects with a `JobError`; with its kind `RejectedError` if the server did not take the job. */
  readonly result: Promise<Result>;
  cancel(): void;
  /**
   * The chunks from now on. `n` counts from 1 in each run. Ends with the job, and throws its
   * `JobError`; throws a `RangeError` when more than `max` (10000) chunks wait to be taken.
   */
  chunks<Data = any>(options?: { max?: number }): AsyncIterableIterator<{ n: number; data: Data }>;
  then<A = Result, B = never>(
    onResult?: ((result: Result) => A | PromiseLike<A>) | null,
    onError?: ((error: any) => B | PromiseLike<B>) | null,
  ): Promise<A | B>;
  catch<B = never>(onError?: ((error: any) => B | PromiseLike<B>) | null): Promise<Result | B>;
  finally(onEnd?: (() => void) | null): Promise<Result>;
}

export class JobError extends Error {
  constructor(what: { code: string; message?: string; attempt?: number; job?: string });
  /** The server's or the worker's own, or `cancelled`, `closed`, or one of those of `LostError`. */
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
 * was none that could be resumed, or there will be no other connection), `taken_over` (another page
 * goes on with the session, and with the job).
 */
export class LostError extends JobError {}

/** The server did not take the job: nothing was run, and nothing will be. */
export class RejectedError extends JobError {
  constructor(what: { code: string; message?: string; job?: string; retry_after_ms?: number | null });
  /** When another try is worth making, if the server said so. */
  readonly retryAfterMs: number | null;
}
