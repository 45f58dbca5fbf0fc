import assert from 'node:assert/strict';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientRun, openReadingServer, type ReadingServer, runClient, type Way, ways } from '../reading-client.ts';

const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const python = join(cache, 'compat-venv', 'python', 'bin', 'python');
const program = fileURLToPath(new URL('./read_secret.py', import.meta.url));

let at: ReadingServer;

before(async () => {
  assert.ok(existsSync(python), `no Python environment at ${python}: run tests/compat/install-python.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  at = await openReadingServer();
});

after(() => at?.close());

function read(way: Way, more: Readonly<Record<string, string>> = {}): Promise<ClientRun> {
  const trust = { REQUESTS_CA_BUNDLE: at.server.env['REQUESTS_CA_BUNDLE']!, PYTHONDONTWRITEBYTECODE: '1' };
  return runClient(python, [program], { ...trust, ...at.environment(way), ...more });
}

describe('the official Python packages read a secret', () => {
  for (const way of Object.keys(ways) as Way[]) {
    it(`as ${way}`, async () => {
      const { code, stdout, stderr } = await read(way);
      assert.equal(code, 0, stderr);
      assert.equal(stdout, `${at.value(way)}\n`);
    });
  }

  it('and are told where they may not', async () => {
    const { code, stderr } = await read('workload token', { SUITE_SECRET: at.secretName('certificate') });
    assert.equal(code, 1);
    assert.match(stderr, /ForbiddenByRbac/);
  });
});
