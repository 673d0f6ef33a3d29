// The document of the WebSocket protocol: a good one to its own parser, and what is said is as it says.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

import { Parser } from '@asyncapi/parser';
import Ajv from 'ajv';

import { start } from './harness.js';

const vectors = (name) => JSON.parse(readFileSync(new URL(`../../wire/vectors/${name}.json`, import.meta.url), 'utf8')).cases;
const inJson = (name) => vectors(name).filter(({ encoding, text }) => encoding === 'json' && text !== undefined);

test('it is a good document, and golden vectors are as it says', async (t) => {
  const server = await start(t, 'serve');
  const answer = await fetch(`${server.url}v1/asyncapi.json`);
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const text = await answer.text();
  const { document, diagnostics } = await new Parser().parse(text);
  const errors = diagnostics.filter(({ severity }) => severity === 0);
  assert.deepEqual(errors, []);
  assert.equal(document.version(), '3.0.0');

  const { messages } = JSON.parse(text).components;
  const ajv = new Ajv({ strict: false, validateFormats: false });
  const checks = Object.fromEntries(
    Object.entries(messages).filter(([name]) => name !== 'many').map(([name, { payload }]) => [name, ajv.compile(payload)]),
  );
  const seen = new Set();
  const check = (name, value) => {
    assert.ok(checks[name]?.(value), `${JSON.stringify(value)}: ${JSON.stringify(checks[name]?.errors)}`);
    seen.add(name);
  };
  for (const { text: event, event: decoded } of inJson('client-events')) if (decoded) check(decoded.ev, JSON.parse(event));
  // As clients write them: others are taken too.
  for (const { text: message, ops, canonical } of inJson('client-ops')) {
    if (canonical && ops.every((op) => op.ok)) for (const op of [JSON.parse(message)].flat()) check(op.op, op);
  }
  assert.deepEqual([...seen].sort(), Object.keys(checks).sort());
});
