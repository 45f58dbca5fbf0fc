import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { assignRole, makeIdentity, manage } from '../support/arm.ts';
import { freePort } from '../support/child-process.ts';
import { strongroom } from '../support/cli.ts';
import { call, getToken, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';

describe('an authority of a vault, in a started server', () => {
  let server: TestServer;
  let token: string;
  let port: number;
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-authority-'));

  before(async () => {
    port = await freePort();
    const config = join(folder, 'config.json');
    const entry = { name: 'inside', provider: 'StrongroomCA', vault: 'main-vault', key: 'authority' };
    const authority = { ...entry, permittedDomains: ['inside.example'], publicUrl: `http://127.0.0.1:${port}` };
    writeFileSync(config, JSON.stringify({ certificateAuthorities: [authority], revocationPort: port }));
    server = await startServer({ args: ['--config', config] });
    token = await getToken(server, resources.management);
  });
  after(async () => {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const revoke = (name: string, body: unknown, by = token): Promise<Reply> => {
    const base = `/subscriptions/${server.subscriptionId}/providers/Strongroom.Certificates/authorities`;
    const path = `${base}/${name}/revoke?api-version=2026-01-01`;
    return manage(server, by, { method: 'POST', path, body, mayFail: true });
  };
  const codeOf = ({ body }: Reply) => body.error?.code;
  const command = (...args: readonly string[]) => strongroom(['certificates', ...args, '--data-dir', server.dataDir]);

  it('cannot be used before its key is made, and says so everywhere', async () => {
    const { stdout } = await command('authorities');
    assert.match(stdout, /inside {2}key authority of main-vault: The key authority of the authority inside is not in/);
    assert.equal(codeOf(await revoke('inside', { serial: '01' })), 'CertificateAuthorityUnusable');
    assert.equal((await fetch(`http://127.0.0.1:${port}/inside.crl`)).status, 503);
  });

  it('signs with the key of the vault from then on, and publishes its certificate and list', async () => {
    const path = '/keys/authority/create?api-version=7.5';
    const data = await getToken(server, resources.data);
    const made = await call(server, { method: 'POST', path, token: data, body: { kty: 'EC', crv: 'P-256' } });
    assert.equal(made.status, 200, made.text);
    const { code, stdout } = await command('authorities');
    assert.equal(code, 0);
    assert.match(stdout, /CN=inside, until .*, SHA-256 [0-9A-F:]{95}\n-----BEGIN CERTIFICATE-----/);
    const list = await fetch(`http://127.0.0.1:${port}/inside.crl`);
    assert.equal(list.status, 200);
    assert.equal(list.headers.get('content-type'), 'application/pkix-crl');
    const rotated = await call(server, {
      method: 'POST',
      path: '/keys/authority/rotate?api-version=7.5',
      token: data,
    });
    assert.equal(rotated.status, 200, rotated.text);
    assert.equal((await command('authorities')).stdout, stdout, 'a rotated key makes no other authority');
  });

  it('refuses revocations of nobody, of nothing and for no reason', async () => {
    assert.equal(codeOf(await revoke('other', { serial: '01' })), 'CertificateAuthorityNotFound');
    assert.equal(codeOf(await revoke('inside', { serial: '01' })), 'CertificateSerialNotFound');
    for (const body of [{}, { serial: 'x' }, { serial: '01', reason: 'hold' }, { serial: '01', reason: 'toString' }]) {
      assert.equal(codeOf(await revoke('inside', body)), 'InvalidRevocation');
    }
    assert.match(
      (await command('revoke', '--authority', 'inside', '--serial', '0a')).stderr,
      /no certificate with that/,
    );
    assert.equal((await command('revoke', '--authority', 'inside')).code, 2);
  });

  it('lets nobody revoke but an Owner of the subscription', async () => {
    const { clientId, principalId } = await makeIdentity(server, token, 'contributor');
    const scope = `/subscriptions/${server.subscriptionId}`;
    await assignRole(server, token, { role: 'Contributor', principalId, scope });
    const by = await getToken(server, resources.management, { managedIdentity: clientId });
    const refused = await revoke('inside', { serial: '01' }, by);
    assert.equal(refused.status, 403);
    assert.match(refused.body.error.message, /may not revoke certificates of the authority/);
  });
});
