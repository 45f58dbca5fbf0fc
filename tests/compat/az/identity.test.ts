import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { SignJWT } from 'jose/jwt/sign';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'identity-group';
const issuer = 'https://cluster.example';
const subject = 'system:serviceaccount:shop:checkout';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

let folder: string;
let at: AzInstallation;
let az: AzSession;
let robot: { id: string; clientId: string; principalId: string };

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strongroom-identity-'));
  const jwksFile = join(folder, 'jwks.json');
  writeFileSync(jwksFile, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'cluster' }] }));
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ trustedIssuers: [{ issuer, jwksFile }] }));
  at = await openSignedIn({ args: ['--config', config] });
  ({ az } = at);
  await az.json(words`group create -n ${group} -l local`);
  robot = await az.json(words`identity create -n robot -g ${group} --tags team=a`);
});

after(async () => {
  await at?.close();
  rmSync(folder, { recursive: true, force: true });
});

const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name).sort();

describe('user-assigned identities', () => {
  it('are shown, listed, updated and deleted', async () => {
    const shown = await az.json(words`identity show -n robot -g ${group}`);
    assert.deepEqual(
      [shown.clientId, shown.principalId, shown.tags],
      [robot.clientId, robot.principalId, { team: 'a' }],
    );
    await az.json(words`identity create -n passing -g ${group}`);
    assert.deepEqual(names(await az.json(words`identity list`)), ['passing', 'robot']);
    const updated = await az.json(words`identity update -n passing -g ${group} --tags team=b`);
    assert.deepEqual(updated.tags, { team: 'b' });
    await az.run(words`identity delete -n passing -g ${group}`);
    assert.deepEqual(names(await az.json(words`identity list -g ${group}`)), ['robot']);
    assert.match(await az.refused(words`identity show -n passing -g ${group}`, { code: 3 }), /ResourceNotFound/);
  });
});

describe('the identities of a web app', () => {
  it('are assigned, shown and removed, the system’s own and others', async () => {
    const type = 'Microsoft.Web/sites';
    await az.json(words`resource create -g ${group} -n shop --resource-type ${type} --location local --properties {}`);
    const own = await az.json(words`webapp identity assign -g ${group} -n shop`);
    assert.equal(own.type, 'SystemAssigned');
    const both = await az.json(words`webapp identity assign -g ${group} -n shop --identities ${robot.id}`);
    assert.deepEqual([both.principalId, Object.keys(both.userAssignedIdentities)], [own.principalId, [robot.id]]);
    const shown = await az.json(words`webapp identity show -g ${group} -n shop`);
    assert.equal(shown.type, 'SystemAssigned, UserAssigned');
    const listed = await az.json(words`identity list-resources -g ${group} -n robot`);
    assert.deepEqual(names(listed), ['shop']);
    await az.run(words`webapp identity remove -g ${group} -n shop --identities ${robot.id}`);
    assert.equal((await az.json(words`webapp identity show -g ${group} -n shop`)).type, 'SystemAssigned');
    assert.deepEqual(await az.json(words`identity list-resources -g ${group} -n robot`), []);
    await az.run(words`webapp identity remove -g ${group} -n shop`);
    const left = await az.json(words`webapp identity show -g ${group} -n shop`);
    assert.ok(left === undefined || left.type === 'None', JSON.stringify(left));
  });
});

describe('an application that is registered', () => {
  it('signs in by its secret as itself, as what is assigned to it, and as nobody else', async () => {
    const type = 'Microsoft.Web/sites';
    const secretOf = async (name: string): Promise<string> => {
      await az.json(
        words`resource create -g ${group} -n ${name} --resource-type ${type} --location local --properties {}`,
      );
      await az.json(words`webapp identity assign -g ${group} -n ${name}`);
      const url = `${at.subscription}/resourceGroups/${group}/providers/${type}/${name}/listIdentitySecret?api-version=2024-07-01`;
      return (await az.json(words`rest --method post --url ${url}`)).identityHeader;
    };
    const IDENTITY_ENDPOINT = `http://127.0.0.1:${at.server.imdsPort}/msi/token`;
    const inside = (IDENTITY_HEADER: string) => ({ env: { IDENTITY_ENDPOINT, IDENTITY_HEADER } });
    const [one, two] = [inside(await secretOf('site-one')), inside(await secretOf('site-two'))];
    const { principalId } = await az.json(words`webapp identity show -g ${group} -n site-one`);
    await az.json(words`webapp identity assign -g ${group} -n site-one --identities ${robot.id}`);
    const asRobot = words`login --identity --client-id ${robot.clientId} --allow-no-subscriptions`;
    const oidOf = async (session: AzSession, options: typeof one) => {
      const asked = words`account get-access-token --resource https://vault.azure.net`;
      const { accessToken } = await session.json(asked, options);
      return JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString()).oid;
    };
    const session = await at.openStranger();
    try {
      await session.json(words`login --identity --allow-no-subscriptions`, one);
      assert.equal(await oidOf(session, one), principalId);
      await session.json(asRobot, one);
      assert.equal(await oidOf(session, one), robot.principalId);
      assert.match(await session.refused(asRobot, two), /Identity not found/);
      assert.match(await session.refused(asRobot, inside('guessed')), /does not hold the secret/);
    } finally {
      await session.close();
    }
    await az.run(words`webapp identity remove -g ${group} -n site-one --identities ${robot.id}`);
  });
});

describe('this machine', () => {
  it('is a virtual machine whose identities are assigned, shown and removed', async () => {
    const machine = words`-g strongroom -n this-machine`;
    const shown = await az.json([...words`vm identity show`, ...machine]);
    assert.equal(shown.principalId, at.server.machinePrincipalId);
    await az.json([...words`vm identity assign --identities ${robot.id}`, ...machine]);
    const both = await az.json([...words`vm identity show`, ...machine]);
    assert.deepEqual(Object.keys(both.userAssignedIdentities), [robot.id]);
    await az.run([...words`vm identity remove --identities ${robot.id}`, ...machine]);
    assert.equal((await az.json([...words`vm identity show`, ...machine])).type, 'SystemAssigned');
  });
});

describe('a workload signs in as a user-assigned identity', () => {
  const of = words`--identity-name robot -g ${group}`;
  const credential = (verb: string, ...more: readonly string[]) => [
    ...words`identity federated-credential ${verb}`,
    ...of,
    ...more,
  ];
  const tokenFor = (sub: string) =>
    new SignJWT({ iss: issuer, sub, aud: 'api://AzureADTokenExchange' })
      .setProtectedHeader({ alg: 'RS256', kid: 'cluster' })
      .setIssuedAt()
      .setExpirationTime('10m')
      .sign(privateKey);
  const login = (token: string) =>
    words`login --service-principal -u ${robot.clientId} --tenant ${at.server.tenantId} --federated-token ${token} --allow-no-subscriptions`;
  const env = { env: { AZURE_CORE_INSTANCE_DISCOVERY: 'false' } };

  it('by federated credentials, which are created, listed, shown, updated and deleted', async () => {
    const made = await az.json(credential('create', ...words`-n cluster --issuer ${issuer} --subject ${subject}`));
    assert.deepEqual([made.issuer, made.subject, made.audiences], [issuer, subject, ['api://AzureADTokenExchange']]);
    assert.deepEqual(names(await az.json(credential('list'))), ['cluster']);
    assert.equal((await az.json(credential('show', '-n', 'cluster'))).id, made.id);
    const again = credential('create', ...words`-n other --issuer ${issuer} --subject ${subject}`);
    assert.match(await az.refused(again), /Issuer and subject combination already exists/);
    const workload = await at.openStranger();
    try {
      await workload.json(login(await tokenFor(subject)), env);
      const asked = words`account get-access-token --resource https://vault.azure.net`;
      const { accessToken } = await workload.json(asked, env);
      const claims = JSON.parse(Buffer.from(accessToken.split('.')[1], 'base64url').toString());
      assert.deepEqual([claims.oid, claims.xms_mirid], [robot.principalId, robot.id]);
      const next = 'system:serviceaccount:shop:next';
      const updated = await az.json(credential('update', ...words`-n cluster --subject ${next}`));
      assert.deepEqual([updated.subject, updated.issuer], [next, issuer]);
      // The token that az keeps ended with what the credential believed: it asks for another.
      const ended = await workload.refused(login(await tokenFor(subject)), env);
      assert.match(ended, /AADSTS700213/);
      await az.run(credential('delete', ...words`-n cluster --yes`));
      assert.deepEqual(await az.json(credential('list')), []);
    } finally {
      await workload.close();
    }
  });
});
