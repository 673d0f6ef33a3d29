import assert from 'node:assert/strict';
import { test } from 'node:test';

import { webSocketUrl } from '../src/op.js';

test('the server is found by where the module came from', (t) => {
  const at = (module) => webSocketUrl(undefined, module);
  assert.equal(at('https://jobs.example/client/op.js'), 'wss://jobs.example/v1/ws');
  assert.equal(at('http://jobs.example:8080/acequia/client/op.js'), 'ws://jobs.example:8080/acequia/v1/ws');
  Object.defineProperty(globalThis, 'location', { value: { href: 'https://app.example/shop/index.html' }, configurable: true });
  t.after(() => delete globalThis.location);
  for (const copy of ['https://app.example/assets/main.js', 'file:///x/client/op.js', 'https://cdn.example/@acequia/client/src/op.js']) {
    assert.equal(at(copy), 'wss://app.example/v1/ws');
  }
});

test('a URL is taken as it is, and http for ws', () => {
  assert.equal(webSocketUrl('http://a.example/v1/ws'), 'ws://a.example/v1/ws');
  assert.equal(webSocketUrl(new URL('https://a.example/p/v1/ws?x=1')), 'wss://a.example/p/v1/ws?x=1');
});
