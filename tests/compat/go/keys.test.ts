import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRecordedServer } from '../../support/recorded-server.ts';
import { runClient } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const program = join(cache, 'compat-go', 'use-keys');

it('the official Go module azkeys does every operation, and agrees with Go’s own cryptography', async () => {
  assert.ok(existsSync(program), `no Go client at ${program}: run tests/compat/install-go.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  const server = await startRecordedServer();
  try {
    // The administrator, in the vault that every installation begins with; no other authority is trusted.
    const { code, stdout, stderr } = await runClient(program, [], { ...server.env, SSL_CERT_DIR: '/nowhere' });
    assert.deepEqual([stderr, code], ['', 0], stdout);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'ok made of every type, read, changed, listed',
      'ok deleted, recovered, purged, backed up, restored',
      'ok rotated, with a policy',
      'ok taken from outside',
      'ok random bytes',
      'ok signed by RSA',
      'ok signed by curves',
      'ok sealed by RSA',
      'ok sealed by AES',
      'ok authenticated by HMAC',
      'ok refused',
    ]);
  } finally {
    await server.stop();
  }
});
