import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { selfSignedIdentity } from './certificate.ts';
import { LoadLane } from './load-lane.ts';
import type { Workload } from './workload.ts';

const HOSTNAME = 'lane.vault.localhost';
const identity = await selfSignedIdentity(HOSTNAME);
const cleanups: Array<() => void> = [];
after(() => {
  for (const cleanUp of cleanups) cleanUp();
});

async function openLane(workload: Workload, listener: RequestListener): Promise<LoadLane> {
  const server = createServer({ key: identity.key, cert: identity.certificate }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const lane = await LoadLane.open({
    port,
    servername: HOSTNAME,
    authority: identity.certificate,
    connections: 4,
    serverPid: process.pid,
    expectedStatus: 200,
    frame: { host: `${HOSTNAME}:${port}`, token: 'T' },
    workload,
  });
  cleanups.push(() => {
    lane.close();
    server.closeAllConnections();
    server.close();
  });
  return lane;
}

const reading: Workload = { kind: 'fixed', path: '/x', expected: 'ok' };

test('a lane writes each name once and stops when the workload is exhausted', async () => {
  const urls = new Set<string>();
  const lane = await openLane({ kind: 'put-new', label: 't', first: 0, count: 101 }, (request, response) => {
    urls.add(request.url ?? '');
    request.resume().once('end', () => response.end(`https://h${request.url?.replace('?', '/?')}`));
  });
  const slice = await lane.run(null);
  assert.equal(urls.size, 101);
  assert.equal(slice.requests, 101);
  assert.equal(lane.total().requests, 101);
});

test('a slice counts what was answered in its time, and the lane rests after it', async () => {
  let answered = 0;
  const lane = await openLane(reading, (_request, response) => {
    answered += 1;
    response.end('ok');
  });
  const slices = [await lane.run(20), await lane.run(20)];
  const total = lane.total();
  assert.equal(total.requests, answered);
  assert.ok(total.requests >= slices.reduce((sum, slice) => sum + slice.requests, 0));
  assert.ok(total.p50Milliseconds > 0 && total.p50Milliseconds <= total.p99Milliseconds);
  assert.equal(lane.total().requests, 0);
});

test('an unexpected status fails the slice and is named without the rest of the body', async () => {
  const lane = await openLane(reading, (_request, response) => {
    response.statusCode = 503;
    response.end('{"error":{"code":"Unavailable","message":"canary"}}');
  });
  await assert.rejects(lane.run(1_000), (error: Error) => {
    assert.match(error.message, /unexpected answer with status 503 \(Unavailable\)/);
    assert.doesNotMatch(error.message, /canary/);
    return true;
  });
});

test('the answer to another request fails the slice', async () => {
  const lane = await openLane(reading, (_request, response) => response.end('something else'));
  await assert.rejects(lane.run(1_000), /belongs to another request/);
});

test('a connection that the server ends fails the slice', async () => {
  const lane = await openLane(reading, (request) => request.socket.destroy());
  await assert.rejects(lane.run(1_000));
});

test('a workload too small for its slice fails instead of being timed', async () => {
  const lane = await openLane({ kind: 'put-new', label: 't', first: 0, count: 3 }, (request, response) => {
    request.resume().once('end', () => response.end(`https://h${request.url?.replace('?', '/?')}`));
  });
  await assert.rejects(lane.run(1_000), /exhausted/);
});
