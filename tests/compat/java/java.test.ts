import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { javaToolOptions, writeJavaTrustStore } from '../../../src/cli/java-trust-store.ts';
import { type ClientRun, openReadingServer, type ReadingServer, runClient, type Way, ways } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const build = join(cache, 'compat-java', 'build');
const path = process.env['PATH'] ?? '';

let at: ReadingServer;
let trusting: string;

before(async () => {
  assert.ok(existsSync(build), `no Java client at ${build}: run tests/compat/install-java.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  at = await openReadingServer();
  // As `strongroom env` makes it.
  const store = writeJavaTrustStore(at.server.dataDir, process.env);
  assert.ok('path' in store, JSON.stringify(store));
  trusting = javaToolOptions(store.path, undefined)!;
});

after(() => at?.close());

function read(way: Way, more: Readonly<Record<string, string>> = {}): Promise<ClientRun> {
  const classes = [join(build, 'classes'), join(build, 'libraries', '*')].join(delimiter);
  // One short run each: the second compiler would only cost time.
  const args = ['-XX:TieredStopAtLevel=1', '-cp', classes, 'ReadSecret'];
  return runClient('java', args, { PATH: path, JAVA_TOOL_OPTIONS: trusting, ...at.environment(way), ...more });
}

describe('the official Java packages read a secret', () => {
  for (const way of Object.keys(ways) as Way[]) {
    it(`as ${way}`, async () => {
      const { code, stdout, stderr } = await read(way);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, `${at.value(way)}\n`);
    });
  }

  it('and are told where they may not', async () => {
    const { code, stdout, stderr } = await read('secret', { SUITE_SECRET: at.secretName('certificate') });
    assert.equal(code, 1, stdout);
    assert.match(stderr, /Status code 403/);
    assert.match(stderr, /ForbiddenByRbac/);
  });

  it('and are told where a client secret is wrong, without its being repeated', async () => {
    const { code, stderr } = await read('secret', { AZURE_CLIENT_SECRET: 'not-the-secret' });
    assert.equal(code, 1);
    assert.match(stderr, /AADSTS7000215/);
    assert.doesNotMatch(stderr, /not-the-secret/);
  });

  it('only over TLS that they trust', async () => {
    const { code, stderr } = await read('secret', { JAVA_TOOL_OPTIONS: '' });
    assert.equal(code, 1);
    assert.match(stderr, /PKIX path building failed/);
  });
});
