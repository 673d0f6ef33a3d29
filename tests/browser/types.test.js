// What the client's types say, without `lib: dom` and without those of Node.js.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { errorsOf as compiled } from './compiler.js';

const TYPES = fileURLToPath(new URL('../../clients/js/src/index.d.ts', import.meta.url));
const FILE = TYPES.replace('index.d.ts', 'sample.ts');

/** The errors of a program that imports the client. */
function errorsOf(body, lib = ['lib.es2022.d.ts']) {
  const text = `import { Acequia, ConnectionError, Job, JobError, JobHandle, LostError, RejectedError } from './index.js';\nimport { HttpClient, HttpError, HttpJob, HttpStatus, NotEndedError } from './http/index.js';\nconst client = new Acequia('ws://x');\nconst http = new HttpClient();\n${body}\nexport {};`;
  return compiled(FILE, text, { lib });
}

const RIGHT = {
  'events by name': `
    client.addEventListener('state', ({ detail }) => { const ms: number | null = detail.retryInMs; });
    client.addEventListener('batch', { handleEvent({ detail }) { const n: number = detail.jobs; } }, { once: true });
    client.submit(1).addEventListener('progress', ({ detail }) => { const done: number | undefined = detail.done; });
    client.submit(1).removeEventListener('done', () => {});`,
  'results': `
    const text: string = await client.submit<string>('x');
    const all: number[] = await Promise.all(client.submitMany<number>([{ payload: 1, queue: 'q' }], { priority: 3 }));
    for await (const { n, data } of client.submit('x').chunks<string>()) { const length: number = n + data.length; }`,
  'an async function that returns a job': `
    const begin = async (): Promise<JobHandle<string>> => client.start<string>('x', { queue: 'q' });
    const job: JobHandle<string> = await begin();
    const text: string = await job.result;`,
  'what is watched': `
    const job: Job<string> = client.watch<string>('01938c2e-7a3b-7c4d-9e5f-60718293a4b5', { label: 1 });
    job.addEventListener('progress', ({ detail }) => { const done: number | undefined = detail.done; });
    const jobs: number = (await client.watch({ batch: 'night' })).jobs;`,
  'errors': `
    try { await client.ready; } catch (error) {
      if (error instanceof ConnectionError) { const url: string = error.url; }
      if (error instanceof RejectedError) { const ms: number | null = error.retryAfterMs; }
      if (error instanceof LostError || error instanceof JobError) { const code: string = error.code; }
    }`,
  'options': `
    new Acequia({ href: 'ws://x' }, { token: async () => 't', heartbeat: false, readyTimeoutMs: Infinity, reconnect: { retries: 1 } });
    client.submit(1, { onDisconnect: { cancelAfterMs: 1 }, delayMs: 1, label: { row: 1 } });
    client.detach(); client.close();`,
  'jobs over HTTP': `
    const text: string = await http.run<string>('q', 'x', { priority: 1, waitMs: Infinity });
    const job: HttpJob<string> = await http.submit<string>('q', new Uint8Array(1), { type: 'image/png', key: 'k' });
    const state: HttpStatus['state'] = (await job.status({ waitMs: 5 })).state;
    for (const each of await http.submitMany<number>([{ payload: 1, queue: 'q' }], { attempts: 2 })) {
      if (each instanceof RejectedError) { const code: string = each.code; } else { const n: number = await each.wait(); }
    }
    const told: number = await http.publish('t', 1, { retain: true });
    try { await job.cancel(); } catch (error) {
      if (error instanceof NotEndedError || error instanceof HttpError) { const status: number = error.status; }
    }`,
};
const DOM = `client.submit(1, { signal: new AbortController().signal }); new Acequia(new URL('ws://x'), { WebSocket, storage: sessionStorage });`;

for (const [what, body] of Object.entries(RIGHT)) {
  test(`it compiles: ${what}`, () => {
    assert.deepEqual(errorsOf(body), []);
    assert.deepEqual(errorsOf(body, ['lib.es2022.d.ts', 'lib.dom.d.ts']), []);
  });
}

test('it compiles with what a browser has', () => assert.deepEqual(errorsOf(DOM, ['lib.es2022.d.ts', 'lib.dom.d.ts']), []));

for (const [what, body] of Object.entries({
  'a misspelt event of the client': "client.addEventListener('stat', () => {});",
  'a misspelt event of a job': "client.submit(1).addEventListener('progres', () => {});",
  'a misspelt event that is let go of': "client.removeEventListener('opened', () => {});",
  'a misspelt key of a detail': "client.addEventListener('state', ({ detail }) => detail.retryInMS);",
  'an unknown option': "client.submit(1, { prioritty: 1 });",
  'an option of another type': "client.submit(1, { timeoutMs: '1200' });",
  'a key that is null': 'client.submit(1, { key: null });',
  'the result of an async function that returned a job, taken for the job': "const f = async () => client.submit<string>(1); const job: JobHandle<string> = await f();",
  'the same, without a type of the result': "const f = async (): Promise<Job> => client.submit(1); (await f()).cancel();",
  'a label of a batch': "client.watch({ batch: 'night' }, { label: 1 });",
  'a job that is watched by a number': 'client.watch(7);',
  'an option of a job over HTTP that has none': "http.submit('q', 1, { label: 1 });",
  'the result of a job over HTTP that nobody gave a type': "const result = await http.run('q', 1); const text: string = result;",
  'a result that nobody gave a type': 'const result = await client.submit(1); const text: string = result;',
})) {
  test(`it does not compile: ${what}`, () => {
    const errors = errorsOf(body);
    assert.equal(errors.length, 1, errors.join('\n'));
  });
}

test('the samples of the README compile', () => {
  const readme = readFileSync(new URL('../../clients/js/README.md', import.meta.url), 'utf8');
  const samples = [...readme.matchAll(/<!-- types -->\s*```ts\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(samples.length > 0);
  for (const text of samples) assert.deepEqual(errorsOf(`declare const console: { log(...words: unknown[]): void };\n${text}`), []);
});
