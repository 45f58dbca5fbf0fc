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

it('the official Java package for certificates does every operation, and agrees with Java’s own X.509', async () => {
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
    const args = ['-XX:TieredStopAtLevel=1', '-cp', classes, 'UseCertificates'];
    // The administrator, in the vault that every installation begins with.
    const { code, stdout, stderr } = await runClient('java', args, {
      ...server.env,
      PATH: process.env['PATH'] ?? '',
      JAVA_TOOL_OPTIONS: javaToolOptions(store.path, undefined)!,
    });
    assert.equal(code, 0, stdout + stderr);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      'ok made, read, changed, listed',
      'ok waiting, cancelled, forgotten',
      'ok taken from outside',
      'ok deleted, recovered, purged, backed up, restored',
      'ok contacts and issuers',
      'ok refused',
    ]);
  } finally {
    await server.stop();
  }
});
