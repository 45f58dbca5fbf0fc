import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientRun, openReadingServer, type ReadingServer, runClient, type Way, ways } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const program = join(cache, 'compat-go', 'read-secret');

/** Go's library asks a virtual machine's endpoint at the cloud's own address alone, which no test may ask on a real network. */
const elsewhere: readonly Way[] = ['managed identity of a virtual machine', 'identity of the machine itself'];

let at: ReadingServer;

before(async () => {
  assert.ok(existsSync(program), `no Go client at ${program}: run tests/compat/install-go.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  at = await openReadingServer();
});

after(() => at?.close());

/** The program trusts the server's authority alone. */
function read(way: Way, more: Readonly<Record<string, string>> = {}): Promise<ClientRun> {
  const trust = { SSL_CERT_FILE: at.server.env['SSL_CERT_FILE']!, SSL_CERT_DIR: '/nowhere' };
  return runClient(program, [], { ...trust, ...at.environment(way), ...more });
}

describe('the official Go modules read a secret', () => {
  for (const way of (Object.keys(ways) as Way[]).filter((each) => !elsewhere.includes(each))) {
    it(`as ${way}`, async () => {
      const { code, stdout, stderr } = await read(way);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, `${at.value(way)}\n`);
    });
  }

  it('and are told where they may not', async () => {
    const { code, stdout, stderr } = await read('secret', { SUITE_SECRET: at.secretName('certificate') });
    assert.equal(code, 1, stdout);
    assert.match(stderr, /403 Forbidden/);
    assert.match(stderr, /ForbiddenByRbac/);
  });

  it('and are told where a client secret is wrong, without its being repeated', async () => {
    const { code, stderr } = await read('secret', { AZURE_CLIENT_SECRET: 'not-the-secret' });
    assert.equal(code, 1);
    assert.match(stderr, /AADSTS7000215/);
    assert.doesNotMatch(stderr, /not-the-secret/);
  });

  it('only over TLS that they trust', async () => {
    const { code, stderr } = await read('secret', { SSL_CERT_FILE: '/dev/null' });
    assert.equal(code, 1);
    assert.match(stderr, /x509: certificate signed by unknown authority/);
  });
});
