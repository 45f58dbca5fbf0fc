import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer, type Server } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificateChain } from '../../../tests/support/certificate-chain.ts';
import { createAuthority, issueServerCertificate } from '../../tls/local-ca.ts';
import { CommandError, type CommandIo } from '../command.ts';
import { syncOnce } from './sync-once.ts';
import type { SyncOrder } from './sync-order.ts';

const HOST = 'web-vault.vault.localhost';

describe('one look of certificates sync', () => {
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-sync-once-'));
  let vault: Server;
  let identity: Server;
  let order: SyncOrder;
  let answerIdentity: Parameters<typeof createPlainServer>[1];

  before(async () => {
    const now = Date.now();
    const authority = await createAuthority({ now, commonName: 'vaults' });
    const names = { authority, now, names: [HOST], ipAddresses: [], lifetimeDays: 1 };
    const { privateKeyPem: key, certificatePem: cert } = await issueServerCertificate(names);
    const chain = await certificateChain(['web.example.test']);
    const secret = {
      value: chain.keyPem + chain.leaf,
      contentType: 'application/x-pem-file',
      id: 'https://v/secrets/web/1',
    };
    vault = createServer({ key, cert }, (request, response) => {
      const challenge = 'Bearer authorization="https://login.localhost/t", resource="https://vault.localhost"';
      if (request.headers.authorization) response.end(JSON.stringify(secret));
      else response.writeHead(401, { 'www-authenticate': challenge }).end();
    });
    identity = createPlainServer((request, response) => answerIdentity!(request, response));
    for (const server of [vault, identity]) {
      await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
    }
    order = {
      place: { url: `https://${HOST}:${portOf(vault)}`, authorityPem: authority.certificatePem },
      name: 'web',
      certFile: null,
      keyFile: null,
      pemFile: join(folder, 'web.pem'),
      pkcs12: null,
      mode: 0o600,
      owner: null,
      reload: [],
      noteFile: join(folder, 'web.synced'),
      watchSeconds: null,
    };
    answerIdentity = (_request, response) => response.end('{"access_token":"t"}');
  });
  after(() => {
    vault.close();
    identity.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const look = (env: CommandIo['env'], change: Partial<SyncOrder> = {}) =>
    syncOnce({ ...order, ...change }, { env } as CommandIo, { now: () => Date.now() });
  const identityOf = (endpoint: string) => ({ IDENTITY_ENDPOINT: endpoint, IDENTITY_HEADER: 'h' });
  const usual = () => identityOf(`http://127.0.0.1:${portOf(identity)}/`);

  it('says what is wrong with the sign-in, whatever it is', async () => {
    const federated = { AZURE_FEDERATED_TOKEN_FILE: join(folder, 'none'), AZURE_TENANT_ID: 't', AZURE_CLIENT_ID: 'c' };
    await assert.rejects(look(federated), told(/none cannot be read: ENOENT/));
    await assert.rejects(
      look(identityOf('not an address')),
      told(/IDENTITY_ENDPOINT must be an http address of this machine/),
    );
    answerIdentity = (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"access', () => response.destroy());
    };
    await assert.rejects(look(usual()), told(/cannot be reached: ECONNRESET/));
    answerIdentity = (_request, response) => response.end('x'.repeat(2 * 1024 * 1024));
    await assert.rejects(look(usual()), told(/longer than/));
    answerIdentity = (_request, response) => response.end('{"access_token":"t"}');
  });

  it('says which file is in the way', async () => {
    assert.equal((await look(usual())).written.length, 1);
    writeFileSync(join(folder, 'file'), '');
    await assert.rejects(
      look(usual(), { pemFile: join(folder, 'file', 'x') }),
      told(/x cannot be (read|written): ENOTDIR/),
    );
    mkdirSync(join(folder, 'web.dir'));
    await assert.rejects(
      look(usual(), { pemFile: join(folder, 'web.dir') }),
      told(/web\.dir cannot be (read|written): EISDIR/),
    );
  });
});

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** A command's own error, which a watching one tells and outlives. */
function told(message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof CommandError, String(error));
    assert.match(error.message, message);
    return true;
  };
}
