// Starts the real binary for tests in Node.js, and ends what was started.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../', import.meta.url);
const PATIENCE_MS = 30_000;

export const binary = process.env.ACEQUIA_BIN ?? fileURLToPath(new URL('target/debug/acequia', ROOT));
export const cache = fileURLToPath(new URL('tests/.cache/', ROOT));

/** Where servers leave their admin tokens for other programs of this user: nobody else's are there. */
const runtime = mkdtempSync(join(tmpdir(), 'acequia-runtime-'));
process.once('exit', () => rmSync(runtime, { recursive: true, force: true }));

/** No setting of the caller's reaches what is started. */
export const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([key]) => !key.startsWith('ACEQUIA_'))),
  ACEQUIA_JOURNAL: 'none',
  XDG_RUNTIME_DIR: runtime,
};

/** One run of a program. */
export class Program {
  lines = [];
  log = [];
  #waiters = new Set();

  constructor(command, args, { env = environment, cwd } = {}) {
    this.args = args;
    this.child = spawn(command, args, { env, cwd, stdio: ['ignore', 'pipe', 'pipe'] });
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#take(this.lines, line));
    createInterface({ input: this.child.stderr }).on('line', (line) => this.#take(this.log, line));
    /** The exit code, or the signal. */
    this.ended = new Promise((resolve) => this.child.once('close', (code, signal) => resolve(code ?? signal)));
    this.ended.then(() => this.#tell());
  }

  get alive() {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  #take(lines, line) {
    lines.push(line);
    this.#tell();
  }

  #tell() {
    for (const waiter of this.#waiters) waiter();
  }

  /** Resolves with the first line of standard output that matches. */
  async line(pattern) {
    return this.#find(() => this.lines, pattern);
  }

  /** The same of standard error. */
  async said(pattern) {
    return this.#find(() => this.log, pattern);
  }

  async #find(lines, pattern) {
    const timer = AbortSignal.timeout(PATIENCE_MS);
    for (;;) {
      const found = lines().find((line) => pattern.test(line));
      if (found !== undefined) return found;
      if (timer.aborted || !this.alive) throw new Error(`no line ${pattern} of ${this.args.join(' ')}:\n${this.text}`);
      await new Promise((resolve) => {
        const done = () => {
          this.#waiters.delete(done);
          timer.removeEventListener('abort', done);
          resolve();
        };
        this.#waiters.add(done);
        timer.addEventListener('abort', done);
      });
    }
  }

  get text() {
    return [...this.lines.slice(-30), ...this.log.slice(-60)].join('\n');
  }

  async kill(signal = 'SIGKILL') {
    if (this.alive) this.child.kill(signal);
    return this.ended;
  }
}

/** One run of the binary. */
export class Process extends Program {
  constructor(...args) {
    super(binary, args.map(String));
  }
}

/** `acequia serve` or `acequia demo`, ready. Ended, and found in health, after the test `t`. */
export async function start(t, command, { ports = {}, args = [] } = {}) {
  const { http = '127.0.0.1:0', jobs = 'tcp://127.0.0.1:0', results = 'tcp://127.0.0.1:0' } = ports;
  const process = new Process(command, '--listen', http, '--jobs', jobs, '--results', results, ...args);
  const ready = await process.line(/^acequia ready /);
  const server = Object.fromEntries(ready.split(' ').slice(2).map((word) => word.split(/=(.*)/s)));
  server.process = process;
  server.url = `http://${server.http}/`;
  server.ws = `ws://${server.http}/v1/ws`;
  const left = join(runtime, 'acequia', `admin-${server.http.split(':').at(-1)}`);
  // Not there if the server was given one.
  const token = existsSync(left) ? readFileSync(left, 'utf8').trim() : null;
  /** What goes behind the dashboard's address. */
  server.shown = token ? `#token=${token}` : '';
  /** An admin call. */
  server.admin = (path, { headers, ...init } = {}) =>
    fetch(`${server.url}v1/admin/${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...headers } });
  t.after(async () => {
    const { alive } = process;
    await process.kill('SIGTERM');
    if (process.log.some((line) => line.includes('panicked'))) throw new Error(`a panic:\n${process.text}`);
    if (!alive && !server.mayEnd) throw new Error(`it ended before the test did:\n${process.text}`);
  });
  return server;
}

/**
 * Free ports below those that the system hands out, for a server that is restarted while others
 * dial it: on a port of the system's range, a dial may be given that very port as its own.
 */
export async function quietPorts() {
  const low = Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]);
  const ports = [];
  while (ports.length < 3) {
    const port = Math.floor(low / 2 + (Math.random() * low) / 2);
    const probe = createServer();
    const free = await new Promise((resolve) => {
      probe.once('error', () => resolve(false));
      probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
    });
    if (free && !ports.includes(port)) ports.push(port);
  }
  const [http, jobs, results] = ports.map((port) => `127.0.0.1:${port}`);
  return { http, jobs: `tcp://${jobs}`, results: `tcp://${results}` };
}

/** An `acequia worker`, ready. */
export async function startWorker(t, { jobs, results }, ...args) {
  const worker = new Process('worker', '--jobs', jobs, '--results', results, ...args);
  t.after(() => worker.kill());
  await worker.said(/connected/);
  return worker;
}

/** A command for a shell, as a person would enter it, with the binary on the path. Its end: `{ code, output }`. */
export function shell(t, command) {
  const env = { ...environment, PATH: `${dirname(binary)}:${process.env.PATH}` };
  // A group of its own, since a shell does not pass on what ends it.
  const child = spawn('sh', ['-c', command], { env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes));
  const ended = new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 'SIGKILL');
    await ended;
  });
  return ended;
}

/** A sample of the README, or of another document, by its name. */
export function sample(name, document = 'README.md') {
  const text = readFileSync(new URL(document, ROOT), 'utf8');
  const found = text.match(new RegExp(`<!-- sample: ${name.replace('.', '\\.')} -->\\s*\`\`\`\\w*\\n(.*?)\`\`\``, 's'));
  if (!found) throw new Error(`${document} has no sample ${name}`);
  return found[1];
}

/** Calls `look` until it returns something true. */
export async function eventually(look, what) {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > until) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
