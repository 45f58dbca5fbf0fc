import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificateChain } from '../../support/certificate-chain.ts';
import { strongroom } from '../../support/cli.ts';
import { call } from '../../support/http.ts';
import { openReadingServer, type ReadingServer, type Way } from '../reading-client.ts';
import { tokenOf } from './administrator-token.ts';

const ways: readonly Way[] = ['secret', 'workload token', 'managed identity of App Service'];

describe('strongroom certificates sync signs in', () => {
  let at: ReadingServer;
  before(async () => {
    at = await openReadingServer();
  });
  after(() => at?.close());

  for (const way of ways) {
    it(`as ${way}, and reads what it may alone`, async () => {
      const { server } = at;
      const chain = await certificateChain(['web.example.test']);
      const body = { value: chain.keyPem + chain.leaf, contentType: 'application/x-pem-file' };
      const path = `/secrets/${at.secretName(way)}?api-version=7.4`;
      const put = await call(server, { method: 'PUT', path, token: await tokenOf(server), body });
      assert.equal(put.status, 200, put.text);
      const pemFile = join(server.dataDir, 'sync.pem');
      // What it finds of the administrator's in this environment would be another way.
      const env = { ...at.environment(way), NODE_EXTRA_CA_CERTS: join(server.dataDir, 'ca.pem') };
      const sync = (name: string) =>
        strongroom(['certificates', 'sync', '--name', name, '--pem-file', pemFile], { env });
      const { code, stderr } = await sync(at.secretName(way));
      assert.equal(code, 0, stderr);
      assert.ok(readFileSync(pemFile, 'utf8').includes('PRIVATE KEY'));
      const other = ways.find((each) => each !== way)!;
      const refused = await sync(at.secretName(other));
      assert.equal(refused.code, 1);
      assert.match(refused.stderr, /The vault refuses \(403\): /);
    });
  }
});
