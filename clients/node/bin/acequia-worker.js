#!/usr/bin/env node
// `acequia-worker module.js`: runs the worker that a module describes.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

import { nameOf } from '../src/config.js';
import { Worker, WorkerError } from '../src/index.js';

const HELP = `Usage: acequia-worker [OPTIONS] MODULE

Runs the worker whose queues MODULE exports by default: an object of handlers by the names of their queues,
a URL of a module for one that is to have threads of its own, or a Worker.

Options, each of which goes before its variable, if it has one:
      --jobs URL         the server's jobs endpoint [ACEQUIA_JOBS, tcp://127.0.0.1:5557]
      --results URL      the server's results endpoint [ACEQUIA_RESULTS, tcp://127.0.0.1:5558]
      --slots N          how many jobs it holds at a time [ACEQUIA_SLOTS, 1]
      --name NAME        what people call it [ACEQUIA_NAME, the module's name and the process id]
      --token-file FILE  the file with the worker token [ACEQUIA_WORKER_TOKEN_FILE]
      --grace-s SECONDS  how long it finishes what it holds when it is told to stop [ACEQUIA_GRACE_S, 30]
  -h, --help
  -V, --version
`;

/** What a caller did wrong; the end of the process with 2. */
class UsageError extends Error {}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError || error instanceof WorkerError)) throw error;
  console.error(`acequia-worker: ${error.message}`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function main() {
  const { values, positionals } = parsed();
  if (values.help) return process.stdout.write(HELP);
  if (values.version) return console.log(`acequia-worker ${version()}`);
  const [path] = positionals;
  if (path === undefined || positionals.length > 1) throw new UsageError('it takes one module; see --help');
  const { default: made } = await import(pathToFileURL(resolve(path)).href);
  if (made instanceof Worker) {
    if (Object.keys(values).length > 0) throw new UsageError(`${path} exports a Worker, which has its options from its own code`);
    return made.run();
  }
  if (typeof made !== 'object' || made === null) {
    throw new UsageError(`${path} has to export by default an object of handlers by their queues, or a Worker, and exports ${made === undefined ? 'nothing' : `a ${typeof made}`}`);
  }
  const worker = new Worker(optionsOf(values, path));
  for (const [queue, handler] of Object.entries(made)) worker.queue(queue, handler);
  return worker.run();
}

function parsed() {
  const text = /** @type {const} */ ({ type: 'string' });
  const flag = (/** @type {string} */ short) => /** @type {const} */ ({ type: 'boolean', short });
  try {
    return parseArgs({
      allowPositionals: true,
      options: { jobs: text, results: text, slots: text, name: text, 'token-file': text, 'grace-s': text, help: flag('h'), version: flag('V') },
    });
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/** @param {{ [option: string]: any }} values @param {string} path */
function optionsOf({ jobs, results, slots, name, 'token-file': tokenFile, 'grace-s': graceS }, path) {
  return {
    jobs, results, tokenFile,
    name: name ?? (process.env.ACEQUIA_NAME || nameOf(path)),
    slots: slots === undefined ? undefined : number('slots', slots),
    graceMs: graceS === undefined ? undefined : number('grace-s', graceS) * 1_000,
  };
}

/** @param {string} option @param {string} text */
function number(option, text) {
  if (!/^[0-9]{1,9}$/.test(text)) throw new UsageError(`--${option} is a number, and not ${JSON.stringify(text)}`);
  return Number(text);
}

function version() {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version;
}
