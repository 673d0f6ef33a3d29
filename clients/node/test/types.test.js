// What the types say, and that the sources are what their comments say.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const SAMPLE = `${ROOT}test/sample.ts`;
const OPTIONS = {
  strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'], typeRoots: [`${ROOT}node_modules/@types`],
};

function errors(files, options, text) {
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => name === SAMPLE || fileExists(name);
  host.readFile = (name) => (name === SAMPLE ? text : readFile(name));
  host.getSourceFile = (name, ...rest) => (name === SAMPLE ? ts.createSourceFile(name, text, rest[0]) : getSourceFile(name, ...rest));
  const program = ts.createProgram(files, options, host);
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file, start }) => {
    const line = file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : '';
    return `${file?.fileName.replace(ROOT, '')}:${line} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
  });
}

/** The errors of a program that imports the package. */
const errorsOf = (body) =>
  errors([SAMPLE], OPTIONS, `import { Failure, Handler, Job, Reply, Worker, WorkerError } from '@acequia/worker';\nconst worker = new Worker();\n${body}\nexport {};`);

for (const [what, body] of Object.entries({
  'handlers': `
    worker.queue('a', async (job) => job.json<string>().toUpperCase()).queue('b', (job: Job) => Reply.typed('image/png', job.payload));
    const handler: Handler = ({ id, attempt, timeoutMs }) => ({ id, next: attempt + 1, timeoutMs });
    worker.queue('c', handler);`,
  'threads': `
    worker.queue('a', new URL('./a.js', import.meta.url), { threads: 4, killAfterMs: 10, resourceLimits: { maxOldGenerationSizeMb: 64 } });
    worker.queue('b', '/srv/b.js');`,
  'what a job says': `
    worker.queue('a', async (job) => {
      job.progress(1, 2, 'half'); job.progress();
      await job.chunk({ part: 1 }); await job.publish('news', Reply.text('x'));
      job.signal.throwIfAborted();
      if (job.cancelled) throw Failure.cancelled();
      const trace: string | undefined = job.traceparent; const limit: number | null = job.timeoutMs;
      throw new Failure('bad', { code: 'no_image', retry: false, cause: new Error() });
    });`,
  'a run': `
    const log: string[] = [];
    await new Worker({ jobs: ['tcp://a:1'], results: 'tcp://a:2', slots: 8, token: new Uint8Array(1), log: console, signals: false }).run({ signal: AbortSignal.timeout(1) });
    worker.stop();
    try { await worker.run(); } catch (error) { if (error instanceof WorkerError) log.push(error.message); }`,
})) {
  test(`it compiles: ${what}`, () => assert.deepEqual(errorsOf(body), []));
}

for (const [what, body] of Object.entries({
  'an unknown option': 'new Worker({ slot: 1 });',
  'slots that are text': "new Worker({ slots: '8' });",
  'threads for a function': "worker.queue('a', () => 1, { threads: 2 });",
  'a queue without a handler': "worker.queue('a');",
  'a job that is made by hand': 'new Job();',
  'a failure with another option': "new Failure('x', { retries: 1 });",
  'a note that is a number': "worker.queue('a', (job) => job.progress(1, 2, 3));",
})) {
  test(`it does not compile: ${what}`, () => assert.equal(errorsOf(body).length, 1));
}

test('the samples of the README compile', () => {
  const readme = readFileSync(`${ROOT}README.md`, 'utf8');
  const samples = [...readme.matchAll(/<!-- types -->\s*```ts\n(.*?)```/gs)].map(([, text]) => text);
  assert.ok(samples.length > 0);
  for (const text of samples) assert.deepEqual(errors([SAMPLE], OPTIONS, text), []);
});

test('the sources are sound, and agree with the types', () => {
  const files = ['src', 'src/hub', 'bin'].flatMap((folder) => readdirSync(`${ROOT}${folder}`).filter((name) => name.endsWith('.js')).map((name) => `${ROOT}${folder}/${name}`));
  assert.ok(files.length > 20);
  assert.deepEqual(errors(files, { ...OPTIONS, target: ts.ScriptTarget.ES2023, lib: ['lib.es2023.d.ts'], allowJs: true, checkJs: true, skipLibCheck: true }), []);
});
