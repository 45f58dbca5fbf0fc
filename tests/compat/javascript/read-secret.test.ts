import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type ClientRun, openReadingServer, type ReadingServer, runClient, type Way, ways } from '../reading-client.ts';

const preload = new URL('../../../src/client/resolve-localhost.ts', import.meta.url).href;
const program = fileURLToPath(new URL('./read-secret.ts', import.meta.url));

let at: ReadingServer;

before(async () => {
  at = await openReadingServer();
});

after(() => at?.close());

function read(way: Way, more: Readonly<Record<string, string>> = {}): Promise<ClientRun> {
  const trust = { NODE_EXTRA_CA_CERTS: at.server.env['NODE_EXTRA_CA_CERTS']! };
  return runClient(process.execPath, ['--import', preload, program], { ...trust, ...at.environment(way), ...more });
}

describe('the official JavaScript packages read a secret', () => {
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
