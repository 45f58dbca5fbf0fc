import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestSource, secretName } from './workload.ts';

const frame = { host: 'main-vault.vault.localhost:8443', token: 'T' };

test('random reads stay inside the set and reach nearly all of it', () => {
  const source = requestSource({ kind: 'get-random', label: 'x', count: 50 }, frame);
  const seen = new Set<string>();
  for (let i = 0; i < 2_000; i += 1) {
    const name = /^GET \/secrets\/([^?]+)\?/.exec(source.next() ?? '')?.[1] ?? '';
    assert.equal(source.expected(), `/secrets/${name}/`);
    seen.add(name);
  }
  assert.equal(seen.size, 50);
  for (const name of seen) assert.ok(name >= secretName('x', 0) && name <= secretName('x', 49));
});

test('writes name each secret once, carry their length and end', () => {
  const source = requestSource({ kind: 'put-new', label: 'y', first: 5, count: 3 }, frame);
  const requests = [source.next(), source.next(), source.next()];
  assert.equal(source.next(), null);
  assert.equal(new Set(requests).size, 3);
  for (const request of requests) {
    const [head, body] = (request ?? '').split('\r\n\r\n');
    assert.equal(Number(/Content-Length: (\d+)/.exec(head ?? '')?.[1]), Buffer.byteLength(body ?? ''));
    assert.match(JSON.parse(body ?? '').value, /^value-of-bench-y-000000[5-7]-/);
  }
});

test('without a token no Authorization is sent', () => {
  const source = requestSource({ kind: 'fixed', path: '/', expected: '' }, { host: 'h', token: null });
  assert.equal(source.next(), 'GET / HTTP/1.1\r\nHost: h\r\nAccept: application/json\r\n\r\n');
});
