import assert from 'node:assert/strict';
import { test } from 'node:test';

import { EventParser } from '../ops/sse.js';

const TEXT = ': a comment\n\nevent: history\ndata: {"a":1}\n\nevent: tick\r\ndata: one\r\ndata:two\r\n\r\nid: 7\ndata\n\nevent: nothing\n\ndata: "a: b"\n\n';
const EVENTS = [
  { event: 'history', data: '{"a":1}' },
  { event: 'tick', data: 'one\ntwo' },
  { event: 'message', data: '' },
  { event: 'message', data: '"a: b"' },
];

test('all at once', () => {
  assert.deepEqual(new EventParser().push(TEXT), EVENTS);
});

test('wherever it is cut in two', () => {
  for (let at = 0; at <= TEXT.length; at++) {
    const parser = new EventParser();
    assert.deepEqual([...parser.push(TEXT.slice(0, at)), ...parser.push(TEXT.slice(at))], EVENTS, `cut at ${at}`);
  }
});

test('a character at a time', () => {
  const parser = new EventParser();
  assert.deepEqual([...TEXT].flatMap((character) => parser.push(character)), EVENTS);
});

test('an event that is not complete is none', () => {
  assert.deepEqual(new EventParser().push('event: tick\ndata: 1\n'), []);
});
