import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose/jwt/sign';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { words } from './az-session.ts';

const issuer = 'https://ci.example';
const subject = 'repo:shop/checkout:ref:refs/heads/main';
const audience = 'api://AzureADTokenExchange';

describe('a workload signs in with the token of its platform', () => {
  let folder: string;
  let at: AzInstallation;
  let appId: string;
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

  const platformToken = (claims: Readonly<Record<string, unknown>> = {}) =>
    new SignJWT({ iss: issuer, sub: subject, aud: audience, ...claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'ci' })
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(privateKey);
  const login = (token: string) =>
    words`login --service-principal -u ${appId} --tenant ${at.server.tenantId} --federated-token ${token} --allow-no-subscriptions`;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-ci-'));
    const jwksFile = join(folder, 'jwks.json');
    writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'ci' }] }));
    const config = join(folder, 'config.json');
    writeFileSync(config, JSON.stringify({ trustedIssuers: [{ issuer, jwksFile }] }));
    at = await openSignedIn({ args: ['--config', config] });
    ({ appId } = await at.az.json(words`ad app create --display-name checkout`));
    await at.az.json(words`ad sp create --id ${appId}`);
    const parameters = join(folder, 'credential.json');
    writeFileSync(parameters, JSON.stringify({ name: 'main', issuer, subject, audiences: [audience] }));
    await at.az.json(words`ad app federated-credential create --id ${appId} --parameters ${parameters}`);
  });
  after(async () => {
    await at?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('and gets tokens until the federated credential is removed', async () => {
    const workload = await at.openStranger();
    const env = { env: { AZURE_CORE_INSTANCE_DISCOVERY: 'false' } };
    try {
      const wrong = await platformToken({ sub: 'repo:shop/checkout:pull_request' });
      assert.match(await workload.refused(login(wrong), env), /AADSTS700213/);
      const stranger = await platformToken({ iss: 'https://elsewhere.example' });
      assert.match(await workload.refused(login(stranger), env), /AADSTS50107/);
      await workload.json(login(await platformToken()), env);
      const { accessToken } = await workload.json(
        words`account get-access-token --resource https://vault.azure.net`,
        env,
      );
      const claims = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString());
      assert.deepEqual([claims.appid, claims.appidacr], [appId, '2']);
      await at.az.json(words`ad app federated-credential delete --id ${appId} --federated-credential-id main`);
      // The token that az keeps is refused with a claims challenge, at which it asks for another and is told why not.
      const removed = await workload.refused(login(await platformToken()), env);
      assert.match(removed, /AADSTS700211/);
    } finally {
      await workload.close();
    }
  });
});
