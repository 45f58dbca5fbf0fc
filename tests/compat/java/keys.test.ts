import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { javaToolOptions, writeJavaTrustStore } from '../../../src/cli/java-trust-store.ts';
import { startRecordedServer } from '../../support/recorded-server.ts';
import { runClient } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const build = join(cache, 'compat-java', 'build');

it('the official Java package for keys does every operation, and agrees with Java’s own cryptography', async () => {
  assert.ok(existsSync(build), `no Java client at ${build}: run tests/compat/install-java.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  const server = await startRecordedServer();
  try {
    const store = writeJavaTrustStore(server.dataDir, process.env);
    assert.ok('path' in store, JSON.stringify(store));
    const classes = [join(build, 'classes'), join(build, 'libraries', '*')].join(delimiter);
    // One short run: the second compiler would only cost time.
    const args = ['-XX:TieredStopAtLevel=1', '-cp', classes, 'UseKeys'];
    // The administrator, in the vault that every installation begins with.
    const { code, stdout, stderr } = await runClient('java', args, {
      ...server.env,
      PATH: process.env['PATH'] ?? '',
      JAVA_TOOL_OPTIONS: javaToolOptions(store.path, undefined)!,
    });
    assert.equal(code, 0, stdout + stderr);
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
