import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startRecordedServer } from '../../support/recorded-server.ts';
import { runClient } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const program = join(cache, 'compat-go', 'use-certificates');

it('the official Go module azcertificates does every operation, and agrees with Go’s own X.509', async () => {
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
      'ok made, read, changed, listed',
      'ok signed outside and merged',
      'ok taken from outside',
      'ok deleted, recovered, purged, backed up, restored',
      'ok contacts and issuers',
      'ok refused',
    ]);
  } finally {
    await server.stop();
  }
});
