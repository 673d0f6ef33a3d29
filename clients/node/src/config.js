// What a worker was set up to be: its options, before the environment, before the defaults; checked.

import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';

import { checkEndpoint } from './endpoint.js';
import { WorkerError } from './errors.js';
import { shown } from './failure.js';
import { PACK_MAX, QUEUES_MAX, SLOTS_MAX } from './limits.js';

const JOBS = 'tcp://127.0.0.1:5557';
const RESULTS = 'tcp://127.0.0.1:5558';
/** Messages that a worker takes in one ZeroMQ message. */
const PACK = 256;
/** The longest silence of a worker that holds jobs. */
const BEAT_MS = 3_000;
/** A lease lasts for 15 seconds unless the server says otherwise, and silence should not come near it. */
const BEAT_MS_MAX = 5_000;
/** How long a worker finishes what it holds after it was told to stop. */
const GRACE_MS = 30_000;
const TIMER_MS_MAX = 2 ** 31 - 1;

const NAMES = ['jobs', 'results', 'name', 'slots', 'pack', 'token', 'tokenFile', 'beatMs', 'graceMs', 'signals', 'log'];

/**
 * @param {import('./index.js').WorkerOptions} options @param {string[]} queues
 * @param {NodeJS.ProcessEnv} env
 */
export function configOf(options, queues, env) {
  const unknown = Object.keys(options).find((name) => !NAMES.includes(name));
  if (unknown) throw new WorkerError(`a worker has no option \`${unknown}\`; there are ${NAMES.join(', ')}`);
  if (queues.length === 0 || queues.length > QUEUES_MAX) {
    throw new WorkerError(`a worker serves 1 to ${QUEUES_MAX} queues, and this one ${queues.length}; add some with \`queue\``);
  }
  return {
    servers: servers(options, env),
    config: {
      name: options.name ?? (env.ACEQUIA_NAME || nameOf(process.argv[1] ?? 'node')),
      slots: integer('slots', options.slots ?? fromEnv(env, 'ACEQUIA_SLOTS') ?? 1, 1, SLOTS_MAX),
      pack: integer('pack', options.pack ?? PACK, 1, PACK_MAX),
      queues: [...queues].sort(),
      token: token(options, env),
      beatMs: integer('beatMs', options.beatMs ?? BEAT_MS, 10, BEAT_MS_MAX),
      graceMs: integer('graceMs', options.graceMs ?? seconds(env, 'ACEQUIA_GRACE_S') ?? GRACE_MS, 0, TIMER_MS_MAX),
    },
  };
}

/** @param {string} name @param {unknown} value @param {number} min @param {number} max */
export function integer(name, value, min, max) {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
    throw new WorkerError(`\`${name}\` is an integer from ${min} to ${max}, and not ${shown(value)}`);
  }
  return value;
}

/** @param {import('./index.js').WorkerOptions} options @param {NodeJS.ProcessEnv} env */
function servers(options, env) {
  const jobs = list(options.jobs ?? (env.ACEQUIA_JOBS || JOBS));
  const results = list(options.results ?? (env.ACEQUIA_RESULTS || RESULTS));
  if (jobs.length !== results.length) {
    throw new WorkerError(`each server has a jobs and a results endpoint, and there are ${jobs.length} of the one and ${results.length} of the other`);
  }
  return jobs.map((url, n) => ({ jobs: checkEndpoint('jobs', url), results: checkEndpoint('results', results[n]) }));
}

/** @param {string | readonly string[]} endpoints */
function list(endpoints) {
  return typeof endpoints === 'string' ? endpoints.split(',').map((each) => each.trim()) : [...endpoints].map(String);
}

/** @param {import('./index.js').WorkerOptions} options @param {NodeJS.ProcessEnv} env @returns {Uint8Array | undefined} */
function token(options, env) {
  if (options.token !== undefined) return present(Buffer.from(options.token), 'the option `token`');
  const file = options.tokenFile ?? (env.ACEQUIA_WORKER_TOKEN_FILE || undefined);
  if (file === undefined) return undefined;
  let bytes;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new WorkerError(`the worker token cannot be read: ${/** @type {Error} */ (error).message}`, { cause: error });
  }
  // As the server reads its own: bytes, without the white space around them.
  return present(Buffer.from(bytes.toString('latin1').replace(/^[ \t\r\n\f]+|[ \t\r\n\f]+$/g, ''), 'latin1'), `the file ${file}`);
}

/** @param {Buffer} bytes @param {string} where */
function present(bytes, where) {
  if (bytes.length === 0) throw new WorkerError(`${where} holds no worker token: it is empty`);
  return bytes;
}

/** @param {NodeJS.ProcessEnv} env @param {string} name */
function fromEnv(env, name) {
  const text = env[name];
  if (!text) return undefined;
  if (!/^[0-9]{1,9}$/.test(text)) throw new WorkerError(`${name} is a number, and not ${JSON.stringify(text)}`);
  return Number(text);
}

/** @param {NodeJS.ProcessEnv} env @param {string} name */
function seconds(env, name) {
  const s = fromEnv(env, name);
  return s === undefined ? undefined : s * 1_000;
}

/** A worker without a name is called after its program and process. @param {string} program */
export function nameOf(program) {
  return `${basename(program, extname(program))}-${process.pid}`;
}
