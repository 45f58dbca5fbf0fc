import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  ClientCertificateCredential,
  ClientSecretCredential,
  DefaultAzureCredential,
  DeviceCodeCredential,
  EnvironmentCredential,
  ManagedIdentityCredential,
  type TokenCredential,
  UsernamePasswordCredential,
} from '@azure/identity';
import { createAuthority } from '../../../src/tls/local-ca.ts';
import { browserAt } from '../../support/form-browser.ts';
import { selfSignedCertificate } from './certificate.ts';
import { type Application, claimsOf, freshName, openSession, type Session, withEnvironment } from './session.ts';

let session: Session;
let audience: string;
let scope: string;

before(async () => {
  session = await openSession();
  audience = `https://vault.${session.server.domain}:${session.server.port}`;
  scope = `${audience}/.default`;
});

after(async () => {
  await session?.close();
});

async function claims(credential: TokenCredential, of: string = scope): Promise<Readonly<Record<string, unknown>>> {
  const token = await credential.getToken(of);
  assert.ok(token && token.expiresOnTimestamp > Date.now() + 60_000);
  return claimsOf(token.token);
}

describe('a client secret', () => {
  it('gets tokens that say who, where and for what', async () => {
    const { domain, port, administrator, tenantId } = session.server;
    const audiences = [
      audience,
      'https://vault.azure.net',
      `https://management.${domain}:${port}`,
      'https://management.azure.com',
      `https://graph.${domain}:${port}`,
    ];
    for (const wanted of audiences) {
      const { aud, tid, appid, sub, oid, ver, iss } = await claims(session.administrator, `${wanted}/.default`);
      assert.deepEqual([aud, tid, appid, sub, ver], [wanted, tenantId, administrator.clientId, oid, '1.0']);
      assert.ok(String(iss).includes(tenantId));
    }
  });

  it('that is wrong is told so, and not repeated', async () => {
    const { tenantId, clientId } = session.server.administrator;
    const wrong = new ClientSecretCredential(tenantId, clientId, 'not-the-secret', session.authority);
    await assert.rejects(wrong.getToken(scope), (error: Error) => {
      assert.match(error.message, /AADSTS7000215/);
      assert.doesNotMatch(error.message, /not-the-secret/);
      return true;
    });
  });

  it('of nobody, or for nobody, is refused', async () => {
    const { tenantId, clientSecret } = session.server.administrator;
    const nobody = '00000000-1111-4222-8333-444444444444';
    const unknown = new ClientSecretCredential(tenantId, nobody, clientSecret, session.authority);
    await assert.rejects(unknown.getToken(scope), /AADSTS700016/);
    await assert.rejects(session.administrator.getToken('https://nobody.example/.default'), /AADSTS500011/);
  });
});

describe('a client certificate', () => {
  let application: Application;
  let pem: string;
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'strongroom-certificate-'));
    application = await session.makeApplication('js-certificate');
    const made = await selfSignedCertificate('js-certificate');
    pem = made.pem;
    const key = { type: 'AsymmetricX509Cert', usage: 'Verify', key: made.der.toString('base64') };
    await session.call('PATCH', 'graph', `/v1.0/applications/${application.id}`, { keyCredentials: [key] });
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  it('that is registered signs in, with its chain and without', async () => {
    for (const sendCertificateChain of [false, true]) {
      const credential = new ClientCertificateCredential(
        session.server.tenantId,
        application.appId,
        { certificate: pem },
        { ...session.authority, sendCertificateChain },
      );
      assert.equal((await claims(credential))['appid'], application.appId);
    }
  });

  it('that is not registered is refused', async () => {
    const other = await selfSignedCertificate('js-certificate');
    const { tenantId } = session.server;
    const certificate = { certificate: other.pem };
    const credential = new ClientCertificateCredential(tenantId, application.appId, certificate, session.authority);
    await assert.rejects(credential.getToken(scope), /AADSTS700027/);
  });

  it('is found by the environment credential in a file', async () => {
    const file = join(folder, 'client.pem');
    writeFileSync(file, pem, { mode: 0o600 });
    const variables = {
      AZURE_TENANT_ID: session.server.tenantId,
      AZURE_CLIENT_ID: application.appId,
      AZURE_CLIENT_CERTIFICATE_PATH: file,
      AZURE_CLIENT_SECRET: undefined,
    };
    await withEnvironment(variables, async () => {
      assert.equal((await claims(new EnvironmentCredential(session.authority)))['appid'], application.appId);
    });
  });
});

describe('the default credential', () => {
  const read = async (): Promise<void> => {
    const credential = new DefaultAzureCredential(session.authority);
    const name = freshName('default');
    const client = session.secrets('main-vault', credential);
    await client.setSecret(name, 'seen');
    assert.equal((await client.getSecret(name)).value, 'seen');
  };

  it('takes the administrator from the environment', async () => {
    const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET } = session.server.env;
    await withEnvironment({ AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET }, read);
  });

  it('lets an application written for the cloud run unchanged on the variables of the server', async () => {
    const preload = new URL('../../../src/client/resolve-localhost.ts', import.meta.url).href;
    const file = fileURLToPath(new URL('./application.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', preload, file], {
      env: { PATH: process.env['PATH'] ?? '', ...session.server.env },
      timeout: 60_000,
    });
    const { value, version, names } = JSON.parse(stdout);
    assert.equal(value, 'hello');
    assert.match(version, /^[0-9a-f]{32}$/);
    assert.ok(names.includes('greeting'));
  });

  it('is refused by a server whose certificate nobody vouches for', async () => {
    const { certificatePem: ca } = await createAuthority({ now: Date.now(), commonName: 'somebody else' });
    const { tenantId, clientId, clientSecret } = session.server.administrator;
    const options = { ...session.authority, tlsOptions: { ca }, retryOptions: { maxRetries: 0 } };
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, options);
    await assert.rejects(credential.getToken(scope));
  });
});

interface Identity {
  readonly clientId: string;
  readonly principalId: string;
  readonly resourceId: string;
}

describe('a person', () => {
  const password = 'Correct-horse-7';
  const tool = '04b07795-8ddb-461a-bbee-02f9e1bf7b46';
  let username: string;
  before(async () => {
    username = `${freshName('person')}@${session.server.domain}`;
    await session.call('POST', 'graph', '/v1.0/users', {
      accountEnabled: true,
      displayName: 'A person',
      mailNickname: 'person',
      userPrincipalName: username,
      passwordProfile: { password, forceChangePasswordNextSignIn: false },
    });
  });

  it('signs in by name and password, and gets tokens for other resources without it', async () => {
    const { tenantId } = session.server;
    const person = new UsernamePasswordCredential(tenantId, tool, username, password, session.authority);
    const first = await claims(person);
    assert.deepEqual([first['upn'], first['idtyp'], first['aud']], [username, 'user', audience]);
    assert.equal((await claims(person, 'https://management.azure.com/.default'))['upn'], username);
    const wrong = new UsernamePasswordCredential(tenantId, tool, username, 'Wrong-horse-7', session.authority);
    await assert.rejects(wrong.getToken(scope), /AADSTS50126/);
  });

  it('signs in by a code on a page, and stays signed in', async () => {
    const { tenantId } = session.server;
    const letIn = async (userCode: string) => {
      const browser = browserAt(session.server);
      await browser.open('/devicelogin');
      await browser.submit({ code: userCode });
      await browser.submit({ username, password });
      await browser.submit({ decision: 'yes' });
    };
    const person = new DeviceCodeCredential({
      ...session.authority,
      tenantId,
      clientId: tool,
      userPromptCallback: ({ userCode }) => void letIn(userCode),
    });
    assert.equal((await claims(person))['upn'], username);
    assert.equal((await claims(person, 'https://graph.microsoft.com/.default'))['upn'], username);
  });
});

describe('a managed identity', () => {
  let vault: string;
  let identity: Identity;
  let siteIdentity: Identity;
  let site: string;
  const HOSTS = 'api-version=2024-07-01';

  /** Makes a user-assigned identity that may read, and assigns it to one host. */
  const makeIdentity = async (name: string, host: string): Promise<Identity> => {
    const resourceId = `${session.server.machineResourceId.split('/providers/')[0]}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
    const path = `${resourceId}?api-version=2023-01-31`;
    const { properties } = await session.call('PUT', 'management', path, { location: 'local' });
    const assigned = { type: 'SystemAssigned, UserAssigned', userAssignedIdentities: { [resourceId]: {} } };
    await session.call('PATCH', 'management', `${host}?${HOSTS}`, { identity: assigned });
    await session.grant('Key Vault Secrets User', session.vaultScope(vault), properties.principalId);
    return { ...properties, resourceId };
  };

  before(async () => {
    vault = await session.makeVault('js-managed', ['Key Vault Secrets Officer']);
    await session.secrets(vault).setSecret('shared', 'for workloads');
    const { machineResourceId, machinePrincipalId } = session.server;
    identity = await makeIdentity('js-workload', machineResourceId);
    await session.grant('Key Vault Secrets User', session.vaultScope(vault), machinePrincipalId);
    site = `${machineResourceId.split('/providers/')[0]}/providers/Microsoft.Web/sites/js-site`;
    const put = { location: 'local', identity: { type: 'SystemAssigned' } };
    await session.call('PUT', 'management', `${site}?${HOSTS}`, put);
    siteIdentity = await makeIdentity('js-site-workload', site);
  });

  /** Reads with the identity, and may not write. */
  const use = async (credential: ManagedIdentityCredential, principalId: string): Promise<void> => {
    assert.equal((await claims(credential))['oid'], principalId);
    const client = session.secrets(vault, credential);
    assert.equal((await client.getSecret('shared')).value, 'for workloads');
    await assert.rejects(client.setSecret('shared', 'x'), (error: { statusCode?: number }) => error.statusCode === 403);
  };

  const inMachine = (run: () => Promise<void>): Promise<void> =>
    withEnvironment({ AZURE_POD_IDENTITY_AUTHORITY_HOST: `http://127.0.0.1:${session.server.imdsPort}` }, run);

  it('of the machine is found at its own endpoint', () =>
    inMachine(() => use(new ManagedIdentityCredential(), session.server.machinePrincipalId)));

  it('that an operator made is found by client, object and resource id', () =>
    inMachine(async () => {
      await use(new ManagedIdentityCredential({ clientId: identity.clientId }), identity.principalId);
      await use(new ManagedIdentityCredential({ objectId: identity.principalId }), identity.principalId);
      await use(new ManagedIdentityCredential({ resourceId: identity.resourceId }), identity.principalId);
    }));

  it('is not given to who has another header, or none', async () => {
    // Plainly: the library keeps the first endpoint that a process has found; `read-secret.test.ts` has a process for each.
    const { imdsPort } = session.server;
    const url = `http://127.0.0.1:${imdsPort}/msi/token?api-version=2019-08-01&resource=${encodeURIComponent(audience)}`;
    for (const headers of [{}, { 'X-IDENTITY-HEADER': 'somebody-else' }] as Record<string, string>[]) {
      const answer = await fetch(url, { headers });
      assert.ok(answer.status === 401 || answer.status === 403 || answer.status === 400, `${answer.status}`);
      assert.ok(!('access_token' in ((await answer.json()) as object)));
    }
  });

  it('that is not there is an error, and so is one of another host', () =>
    inMachine(async () => {
      const unknown = { clientId: '00000000-1111-4222-8333-444444444444' };
      for (const chosen of [unknown, { objectId: siteIdentity.principalId }, { resourceId: site }]) {
        const credential = new ManagedIdentityCredential({ ...chosen, retryOptions: { maxRetries: 0 } });
        await assert.rejects(credential.getToken(scope));
      }
    }));
});
