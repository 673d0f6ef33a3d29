// The types of the package. They need those of Node.js (`@types/node`).

import type { ResourceLimits } from 'node:worker_threads';

export interface WorkerOptions {
  /** The jobs endpoint of each server. Default: `ACEQUIA_JOBS` (a list with commas), or `tcp://127.0.0.1:5557`. */
  jobs?: string | readonly string[];
  /** The results endpoint of each server. Default: `ACEQUIA_RESULTS`, or `tcp://127.0.0.1:5558`. */
  results?: string | readonly string[];
  /** What people call the worker, cut to 64 bytes. Default: `ACEQUIA_NAME`, or the program's name and process id. */
  name?: string;
  /**
   * How many jobs it is willing to hold of each server, over all its queues, 1 to 65,536. For work that waits, as
   * many as may wait; for work that computes, the number of threads. Default: `ACEQUIA_SLOTS`, or 1.
   */
  slots?: number;
  /** Jobs that it takes in one ZeroMQ message, 1 to 1,024. Default: 256. */
  pack?: number;
  /** The worker token, for a server that asks for one. */
  token?: string | Uint8Array;
  /** The file that holds it; white space around it is dropped. Default: `ACEQUIA_WORKER_TOKEN_FILE`. */
  tokenFile?: string;
  /** The longest silence while jobs are held, in ms, at most 5,000. Default: 3,000. */
  beatMs?: number;
  /** How long it goes on with what it holds once told to stop, in ms. Default: `ACEQUIA_GRACE_S`, or 30,000. */
  graceMs?: number;
  /** Whether SIGTERM and SIGINT stop it, and a second one ends the process. Default: true. */
  signals?: boolean;
  /** Who is told of connections. Default: lines on standard error; `false`: nobody. */
  log?: Log | false;
}

/** What is needed of a logger; `console` is one. */
export interface Log {
  info(text: string): void;
  warn(text: string): void;
  error(text: string): void;
}

export interface ThreadOptions {
  /** How many threads run the handler, one job at a time each. Default: as many as processors, or slots if those are fewer. */
  threads?: number;
  /** How long a thread whose job was cancelled may go on before it is ended and another takes its place, in ms. Default: 2,000. */
  killAfterMs?: number;
  /** Of each thread. One that runs out of memory fails its job, and nothing else. */
  resourceLimits?: ResourceLimits;
}

/**
 * What it returns, or resolves with, is the result: a `Reply`; bytes, which are `Reply.bytes`; any other value is
 * written as MessagePack for a job of that type, and as JSON for all others (`undefined` as null). What it throws
 * fails the job.
 */
export type Handler = (job: Job) => unknown;

/** Where a server is, and what to do for which queue. */
export class Worker {
  constructor(options?: WorkerOptions);
  /**
   * Serves a queue with a function. It runs in this thread, so what computes for long belongs in a module.
   * @throws WorkerError if the name is none, or is served already
   */
  queue(name: string, handler: Handler): this;
  /**
   * Serves a queue in threads of its own, with the function that is the default export of the module: a URL, as
   * `new URL('./module.js', import.meta.url)`, or an absolute path.
   * @throws WorkerError if the name is none or is served already, or an option is wrong
   */
  queue(name: string, module: URL | string, options?: ThreadOptions): this;
  /**
   * Works until it is told to stop: by `stop()`, by the signal, or by SIGTERM or SIGINT. Then it takes no more jobs,
   * finishes those that it holds within `graceMs`, and resolves when their results are written. A server that is not
   * there, or goes, is dialled again for ever.
   * @throws WorkerError (as a rejection) if an option is wrong, a module cannot be loaded, or a server speaks another
   *   version of the protocol
   */
  run(options?: { signal?: AbortSignal }): Promise<void>;
  /** Tells it to stop. `run` resolves when it has. */
  stop(): void;
}

/** A job to run. */
export class Job {
  private constructor();
  /** The same in each attempt: a UUID. */
  readonly id: string;
  /** The queue that it waited in. */
  readonly queue: string;
  /** Which run of the job this is, from 1. A run that was lost with its worker counts too. */
  readonly attempt: number;
  /** The media type of the payload. */
  readonly type: string;
  /** How long this run may take, if its client set a limit; the server gives it up then, and cancels it here. */
  readonly timeoutMs: number | null;
  /** The job's own span as W3C Trace Context writes it, if it is part of a trace. */
  readonly traceparent: string | undefined;
  /** What travels with the job. */
  readonly meta: Record<string, string>;
  /** The largest result or chunk that the server takes, in bytes. */
  readonly maxBody: number;
  /** The payload's bytes. */
  readonly payload: Buffer;
  /** The payload as JSON. @throws Failure `bad_input`, not worth another attempt, if it is none */
  json<Value = any>(): Value;
  /** The payload as MessagePack. @throws Failure `bad_input`, not worth another attempt, if it is none */
  msgpack<Value = any>(): Value;
  /** The payload as text. @throws Failure `bad_input`, not worth another attempt, if it is not UTF-8 */
  text(): string;
  /**
   * Aborts once nobody waits for this job any more: its client cancelled it, its time is over, or the connection to
   * the server is lost (then another worker gets the job). The handler should stop then; what it returns or throws
   * does not matter any more.
   */
  readonly signal: AbortSignal;
  /** Whether the signal has aborted. It looks for itself, so it is of use in a loop that never awaits anything. */
  readonly cancelled: boolean;
  /**
   * Tells the client how far the job is, in any unit. It never waits: if more waits to be sent than the connection
   * takes, this is left out. A number that is not finite is left out; of the note at most 4 KiB are told.
   */
  progress(done?: number, total?: number, note?: string): void;
  /**
   * Sends a part of the result ahead: a value as a handler would return it. Resolves when there is room for more.
   * @throws Failure (as a rejection) `bad_result` if the server would not take it; `cancelled` if nobody waits
   */
  chunk(value: unknown): Promise<void>;
  /**
   * Publishes to all sessions that subscribed to the topic (1 to 128 bytes): a value as a handler would return it.
   * @throws Failure (as a rejection) `bad_topic`; `bad_result` if the server would not take it; `cancelled` if the
   *   connection is gone
   */
  publish(topic: string, value: unknown): Promise<void>;
}

/** Bytes, or what is made of them. */
export type Body = string | Uint8Array | ArrayBuffer | ArrayBufferView;

/** A result with its media type. */
export class Reply {
  private constructor();
  /** Bytes, `application/octet-stream`. A JSON client gets them as base64. */
  static bytes(bytes: Uint8Array | ArrayBuffer | ArrayBufferView): Reply;
  /** Text, `text/plain`, which a client gets as a string. */
  static text(text: string): Reply;
  /** @throws Failure `bad_result` if the value cannot be written as JSON */
  static json(value: unknown): Reply;
  /** @throws Failure `bad_result` if the value cannot be written as MessagePack */
  static msgpack(value: unknown): Reply;
  /** A body of any media type (at most 128 bytes), such as `image/png`. */
  static typed(type: string, body: Body): Reply;
  /** A body of the same type as the job's payload. */
  static sameType(body: Body): Reply;
  readonly body: string | Uint8Array;
  /** null: the job's. */
  readonly type: string | null;
}

export interface FailureOptions {
  /** For the client's program, such as `no_such_file`; at most 64 bytes of it reach the client. Default: the client sees `worker_error`. */
  code?: string | null;
  /** Whether another attempt may help; the client says how many it allows. Default: true. */
  retry?: boolean;
  cause?: unknown;
}

/**
 * A failed run, as its client sees it. Any other error fails the job as well: with its message and those of its
 * causes, without a code of its own, and worth another attempt.
 */
export class Failure extends Error {
  constructor(message: string, options?: FailureOptions);
  /** What a handler throws that stopped because its job was cancelled. */
  static cancelled(): Failure;
  readonly code: string | null;
  readonly retry: boolean;
}

/** A worker that cannot start, or go on: its options are wrong, or a server is of another version of the protocol. */
export class WorkerError extends Error {}
