// What the types of the hooks say, found as those of a package that was installed.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import ts from 'typescript';

import { errorsOf as compiled } from './compiler.js';

const FILE = fileURLToPath(new URL('sample.tsx', import.meta.url));

/** The errors of a program that uses the hooks. */
const errorsOf = (text) => compiled(FILE, text, { lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], jsx: ts.JsxEmit.ReactJSX, preserveSymlinks: true, skipLibCheck: true });

const REACT = `import { Acequia } from '@acequia/client';
import { AcequiaProvider, useAcequia, useJob, useTopic } from '@acequia/client/react';
export {};
`;
const VUE = `import { ref, type Ref } from 'vue';
import { Acequia } from '@acequia/client';
import { acequia, useAcequia, useJob, useTopic } from '@acequia/client/vue';
export {};
`;

for (const [what, text] of Object.entries({
  'React: the result, once there is one': `${REACT}
    const { status, result, error, submit, chunks, job } = useJob<number, string, { file: string }>({ queue: 'q' });
    if (status === 'done') { const rows: number = result; }
    if (status === 'failed') { const code: string = error.code; }
    const text: string | undefined = chunks[0];
    const id: string | undefined = job?.uuid;
    submit({ file: 'x' }, { priority: 3 }).addEventListener('progress', ({ detail }) => detail.done);`,
  'React: what is watched, and topics': `${REACT}
    const id = null as string | null;
    const { progress, cancel } = useJob({ watch: id, client: new Acequia('ws://x') });
    const done: number | undefined = progress?.done;
    const news: string | undefined = useTopic<string>('news', (text) => text.length);
    useTopic(null);
    const state: string = useAcequia()().state;`,
  'React: the provider': `${REACT}
    const one = <AcequiaProvider client={() => new Acequia('ws://x')}><p /></AcequiaProvider>;
    const other = <AcequiaProvider client={new Acequia('ws://x')} />;`,
  'Vue: the same': `${VUE}
    acequia(() => new Acequia('ws://x')); acequia(new Acequia('ws://x'));
    const { status, result, submit } = useJob<number, string, { file: string }>(() => ({ queue: 'q' }));
    const rows: number | undefined = result.value;
    const isDone: boolean = status.value === 'done';
    submit({ file: 'x' }, { priority: 3 });
    const id: Ref<string | null> = ref(null);
    const done: number | undefined = useJob({ watch: id }).progress.value?.done;
    useJob({ watch: () => id.value });
    const news: string | undefined = useTopic<string>(() => id.value, (text) => text.length).value;
    const state: string = useAcequia()().state;`,
})) {
  test(`it compiles: ${what}`, () => assert.deepEqual(errorsOf(text), []));
}

for (const [what, text] of Object.entries({
  'React: a result before its time': `${REACT} const { result } = useJob<number>({}); const rows: number = result;`,
  'React: a payload of another type': `${REACT} useJob<number, string, { file: string }>({}).submit(7);`,
  'React: a hook that watches, and submits': `${REACT} useJob({ watch: 'x' }).submit(7);`,
  'React: an unknown option': `${REACT} useJob({ prioritty: 1 });`,
  'Vue: a result before its time': `${VUE} const rows: number = useJob<number>({}).result.value;`,
  'Vue: a hook that watches, and submits': `${VUE} useJob({ watch: ref('x') }).submit(7);`,
})) {
  test(`it does not compile: ${what}`, () => {
    const errors = errorsOf(text);
    assert.equal(errors.length, 1, errors.join('\n'));
  });
}

test('the samples of the README compile', () => {
  const readme = readFileSync(new URL('../../clients/js/src/hooks/README.md', import.meta.url), 'utf8');
  const samples = [...readme.matchAll(/```(?:tsx|ts)\n(.*?)```/gs)].map(([, text]) => text);
  assert.equal(samples.length, 2);
  for (const text of samples) assert.deepEqual(errorsOf(text), []);
});
