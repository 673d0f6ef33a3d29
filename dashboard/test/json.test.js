import assert from 'node:assert/strict';
import { test } from 'node:test';

import { indented, legible, members } from '../ops/json.js';

const NUMBERS = ['9007199254740993', '18446744073709551615', '123456789012345678901234567890', '1.0', '1e400', '-0', '-0.0', '1E+2', '0.1000000000000000055511151231257827'];

test('numbers keep every digit, wherever they stand', () => {
  for (const number of NUMBERS) {
    assert.equal(legible(number), number);
    assert.equal(indented(`{"a":[${number}]}`), `{\n  "a": [\n    ${number}\n  ]\n}`);
    assert.equal(members(`{"id":${number},"result": ${number} }`).get('result'), number);
    assert.equal(members(`{"id":${number},"result": ${number} }`).get('id'), number);
  }
});

test('of usual JSON it is as JSON.stringify has it', () => {
  for (const value of [{}, [], { a: {} }, [[]], [1, [2, { b: null }], 'x'], { 'a"b': 'c\\"d', e: ['{', '}', '[,:]'] }, true, null, { a: { b: [] }, c: 1 }]) {
    const text = JSON.stringify(value);
    assert.equal(indented(text), JSON.stringify(value, null, 2));
    assert.equal(indented(JSON.stringify(value, null, 3)), JSON.stringify(value, null, 2));
  }
});

test('keys stay as they came: twice, in their order, whatever their names', () => {
  assert.equal(indented('{"2":0,"1":0,"2":1,"__proto__":1.0}'), '{\n  "2": 0,\n  "1": 0,\n  "2": 1,\n  "__proto__": 1.0\n}');
});

test('the fields of an answer', () => {
  const found = members('{ "job" : "x" , "result":{"result":1.0,"a":[{"b":2}]},"id":"a,\\"}" , "\\u006bey":null}');
  assert.deepEqual([...found], [['job', '"x"'], ['result', '{"result":1.0,"a":[{"b":2}]}'], ['id', '"a,\\"}"'], ['key', 'null']]);
  assert.deepEqual([...members('{}')], []);
});

test('a text is shown as it is', () => {
  assert.equal(legible('"line\\n\\u00e9 \\"1.0\\""'), 'line\né "1.0"');
});

test('what nobody can read is cut, and says how long it was', () => {
  const deep = '['.repeat(200_000) + ']'.repeat(200_000);
  const long = `[${'1.0,'.repeat(200_000)}2]`;
  const text = JSON.stringify('x\\"'.repeat(2_000_000));
  for (const source of [deep, long, text]) {
    const shown = legible(source);
    assert.ok(shown.length < 100_100, `${shown.length}`);
    assert.match(shown, / … \(\d+ characters\)$/);
  }
});
