import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, test } from 'node:test';
import { command } from '../../src/cli/explain.ts';
import type { Explanation } from '../../src/doctor/explain.ts';
import {
  assignRole,
  deleteVault,
  groupScope,
  makeIdentity,
  manage,
  objectIdOf,
  putVault,
  vaultScope,
} from '../support/arm.ts';
import { strongroom } from '../support/cli.ts';
import { type Ask, call, getToken, hostOf, type Reply, resources } from '../support/http.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { forgeToken } from '../support/token-forge.ts';

const V = 'api-version=7.5';
const HOUR = 3_600_000;

let server: TestServer;
let manager: string;
let token: string;

before(async () => {
  server = await startServer();
  manager = await getToken(server, resources.management);
  token = await getToken(server, resources.data);
  await putVault(server, manager, 'policy-vault', {
    enableRbacAuthorization: false,
    accessPolicies: [policyOf(objectIdOf(token), ['all', 'purge'])],
  });
  await putVault(server, manager, 'second-vault');
  const administrator = { role: 'Key Vault Administrator', principalId: objectIdOf(token), scope: groupScope(server) };
  await assignRole(server, manager, administrator);
  for (const vault of ['main-vault', 'policy-vault', 'second-vault']) {
    for (const name of ['target', 'other'])
      await must({ method: 'PUT', host: `${vault}.vault`, path: `/secrets/${name}?${V}`, body: { value: 'x' } });
  }
});

after(async () => {
  await server.stop();
});

const policyOf = (objectId: string, secrets: readonly string[]) => ({
  tenantId: server.tenantId,
  objectId,
  permissions: { secrets },
});

async function must(ask: Ask): Promise<Reply> {
  const reply = await call(server, { token, ...ask });
  assert.ok(reply.status < 300, `${ask.path}: ${reply.text}`);
  return reply;
}

/** A principal of its own for one test, with its data-plane token. */
async function stranger(): Promise<{ oid: string; clientId: string; token: string }> {
  const { principalId, clientId } = await makeIdentity(server, manager, `stranger-${randomUUID().slice(0, 8)}`);
  return { oid: principalId, clientId, token: await getToken(server, resources.data, { managedIdentity: clientId }) };
}

const read = (who: string | undefined, vault = 'main-vault', name = 'target') =>
  call(server, { host: `${vault}.vault`, path: `/secrets/${name}?${V}`, token: who });

/** What the wire must say, and what the diagnosis of the same request. */
interface Expected {
  readonly status: number;
  readonly code: string;
  readonly inner?: string;
  readonly message: RegExp;
  readonly check: string;
  readonly refusal: string;
  /** Texts that the diagnosis tells and the answer does not. */
  readonly evidence?: readonly string[];
  readonly remedy: RegExp;
}

async function explain(reply: Reply): Promise<Explanation> {
  const id = reply.headers['x-ms-request-id']!;
  // The command itself, without a process of its own for each.
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: assert.fail, env: {} };
  const args = { values: { json: true, 'data-dir': server.dataDir }, positionals: [id] };
  assert.equal(await command.run(args, io), 0);
  const explanation = JSON.parse(lines.join('\n')) as Explanation;
  assert.equal(explanation.requestId, id);
  return explanation;
}

/** Holds an answer and its diagnosis against what is expected; @returns the diagnosis */
async function assertRefused(reply: Reply, expected: Expected): Promise<Explanation> {
  const { error } = reply.body;
  assert.equal(reply.status, expected.status, reply.text);
  assert.equal(error.code, expected.code);
  assert.equal(error.innererror?.code, expected.inner);
  assert.match(error.message, expected.message);
  const explanation = await explain(reply);
  assert.equal(explanation.status, expected.status);
  assert.equal(explanation.refusal?.code, expected.refusal);
  const refused = explanation.checks.filter(({ outcome }) => outcome === 'refused');
  assert.deepEqual(
    refused.map(({ check }) => check),
    [expected.check],
  );
  const at = explanation.checks.indexOf(refused[0]!);
  assert.ok(explanation.checks.slice(0, at).every(({ outcome }) => outcome === 'passed'));
  assert.ok(explanation.checks.slice(at + 1).every(({ outcome }) => outcome === 'not reached'));
  const told = JSON.stringify(explanation);
  for (const text of expected.evidence ?? []) {
    assert.ok(told.includes(text), `the diagnosis does not tell ${text}: ${told}`);
    assert.ok(!reply.text.includes(text), `the answer tells ${text}`);
  }
  assert.match(explanation.refusal!.remedy.join('\n'), expected.remedy);
  assert.doesNotMatch(told, /\(unknown\)|undefined/);
  assert.doesNotMatch(explanation.refusal!.cause + explanation.refusal!.remedy.join(), /\{\w+\}|\{\{/);
  if (reply.status === 403 || reply.status === 409) {
    assert.ok(error.message.endsWith(`\r\nTo learn why: strongroom explain ${reply.headers['x-ms-request-id']}`));
  }
  return explanation;
}

/** Does what `az role assignment create` of a remedy would. */
async function performGrant(explanation: Explanation): Promise<void> {
  const pattern =
    /^az role assignment create --role "(.+)" --assignee-object-id (\S+) --assignee-principal-type (\S+) --scope (\S+)$/;
  const match = explanation.refusal!.remedy.map((command) => pattern.exec(command)).find((found) => found !== null);
  assert.ok(match, explanation.refusal!.remedy.join('\n'));
  const [, role, principalId, principalType, scope] = match as unknown as string[];
  assert.equal(principalType, 'ServicePrincipal');
  await assignRole(server, manager, { role: role!, principalId: principalId!, scope: scope! });
}

/** Does what `az keyvault set-policy` of a remedy would. */
async function performPolicy(explanation: Explanation): Promise<void> {
  const pattern = /^az keyvault set-policy --name (\S+) --object-id (\S+) --secret-permissions (\S+)$/;
  const match = explanation.refusal!.remedy.map((command) => pattern.exec(command)).find((found) => found !== null);
  assert.ok(match, explanation.refusal!.remedy.join('\n'));
  const [, vault, objectId, permission] = match as unknown as string[];
  await manage(server, manager, {
    method: 'PUT',
    path: `${vaultScope(server, vault!)}/accessPolicies/add?api-version=2023-07-01`,
    body: { properties: { accessPolicies: [policyOf(objectId!, [permission!])] } },
  });
}

const rbac = { status: 403, code: 'Forbidden', inner: 'ForbiddenByRbac', check: 'authorise' } as const;
const policy = { status: 403, code: 'Forbidden', inner: 'AccessDenied', check: 'authorise' } as const;
const unauthorised = { status: 401, code: 'Unauthorized', check: 'authenticate' } as const;

test('no token', async () => {
  const reply = await read(undefined);
  const explanation = await assertRefused(reply, {
    ...unauthorised,
    message: /^AKV10000: Request is missing a Bearer or PoP token\.$/,
    refusal: 'token-missing',
    remedy: /^az login$/m,
  });
  assert.equal(explanation.operation, 'Authentication');
  assert.equal(explanation.caller, 'not authenticated');
});

test('an expired token, and one of the future', async () => {
  const whose = { resource: resources.data, oid: objectIdOf(token), appId: server.administrator.clientId };
  const expired = await read(await forgeToken(server, { ...whose, now: Date.now() - 2 * HOUR }));
  await assertRefused(expired, {
    ...unauthorised,
    message: /^AKV10003: The token expired at 20[\d-]+T[\d:.]+Z; the time here is /,
    refusal: 'token-expired',
    remedy: /^az account get-access-token --resource https:\/\/vault\.localhost:\d+$/m,
  });
  assert.match(expired.headers['www-authenticate'] ?? '', /, error="invalid_token"$/);
  const early = await read(await forgeToken(server, { ...whose, now: Date.now() + 2 * HOUR }));
  await assertRefused(early, {
    ...unauthorised,
    message: /^AKV10004: /,
    refusal: 'token-not-yet-valid',
    remedy: /timedatectl/,
  });
  assert.equal((await read(await forgeToken(server, whose))).status, 200);
});

test('a token for another audience', async () => {
  await assertRefused(await read(manager), {
    ...unauthorised,
    message:
      /^AKV10022: Invalid audience\. Expected https:\/\/vault\.localhost:\d+, found: https:\/\/management\.azure\.com\.$/,
    refusal: 'token-audience',
    remedy: /^az account get-access-token --resource https:\/\/vault\.localhost:\d+$/m,
  });
  const wrong = await call(server, { host: 'management', path: '/subscriptions?api-version=2022-12-01', token });
  await assertRefused(wrong, {
    ...unauthorised,
    code: 'InvalidAuthenticationTokenAudience',
    message: /^AKV10022: /,
    refusal: 'token-audience',
    remedy: /management\.localhost/,
  });
});

test('a token of another tenant, of another installation, and of another authority', async () => {
  const whose = { resource: resources.data, oid: objectIdOf(token), appId: server.administrator.clientId };
  const foreign = await read(await forgeToken(server, { ...whose, tenantId: randomUUID() }));
  await assertRefused(foreign, {
    ...unauthorised,
    message: new RegExp(
      `^AKV10032: Invalid issuer\\. Expected one of https://sts\\.localhost/${server.tenantId}/, found https://sts\\.localhost/`,
    ),
    refusal: 'token-tenant',
    remedy: new RegExp(`^az login --tenant ${server.tenantId}$`, 'm'),
  });
  for (const [domain, refusal, message] of [
    ['localhost', 'token-signature', /^AKV10015: /],
    ['vault.test', 'token-issuer', /^AKV10032: Invalid issuer\..* found https:\/\/sts\.vault\.test\//],
  ] as const) {
    const other = await startServer({ args: ['--domain', domain] });
    const theirs = await getToken(other, resources.data);
    await other.stop();
    await assertRefused(await read(theirs), {
      ...unauthorised,
      message,
      refusal,
      remedy: /^az (login|account clear)/m,
    });
  }
});

test('a principal that was deleted after its token was issued', async () => {
  const { principalId, clientId } = await makeIdentity(server, manager, 'short-lived');
  const theirs = await getToken(server, resources.data, { managedIdentity: clientId });
  assert.equal((await read(theirs)).status, 403);
  const path = `${groupScope(server)}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/short-lived?api-version=2023-01-31`;
  await manage(server, manager, { method: 'DELETE', path });
  await assertRefused(await read(theirs), {
    ...unauthorised,
    message: new RegExp(`^AKV10063: The principal ${principalId} `),
    refusal: 'principal-unknown',
    remedy: /^az ad sp list --all --query "\[\]\.\{name:displayName,id:id\}"$/m,
  });
});

test('no role, and the command that gives the least one', async () => {
  const who = await stranger();
  const reply = await read(who.token);
  const explanation = await assertRefused(reply, {
    ...rbac,
    message: new RegExp(
      `^Caller is not authorized to perform action on resource\\.\\r\\n[^]*Caller: appid=${who.clientId};oid=${who.oid};iss=https://sts\\.localhost/[^]*` +
        "Action: 'Microsoft\\.KeyVault/vaults/secrets/getSecret/action'\\r\\nResource: '/subscriptions/[^]*/secrets/target'\\r\\nAssignment: \\(not found\\)",
    ),
    refusal: 'rbac-no-role',
    evidence: ['Key Vault Secrets User'],
    remedy: /--scope \/subscriptions\/\S+\/vaults\/main-vault\/secrets\/target$/m,
  });
  assert.deepEqual(
    explanation.checks.map(({ check, outcome }) => `${check} ${outcome}`),
    [
      'vault passed',
      'authenticate passed',
      'request passed',
      'network passed',
      'authorise refused',
      'throttle not reached',
      'body not reached',
      'state not reached',
      'record not reached',
    ],
  );
  assert.equal(explanation.caller, `object id ${who.oid}, application ${who.clientId}`);
  assert.equal(explanation.address, '127.0.0.1');
  await performGrant(explanation);
  assert.equal((await read(who.token)).status, 200);
  assert.equal((await read(who.token, 'main-vault', 'other')).status, 403);
});

test('a role without the action', async () => {
  const who = await stranger();
  await assignRole(server, manager, {
    role: 'Key Vault Reader',
    principalId: who.oid,
    scope: vaultScope(server, 'main-vault'),
  });
  const list = await call(server, { path: `/secrets?${V}`, token: who.token });
  assert.equal(list.status, 200);
  const explanation = await assertRefused(await read(who.token), {
    ...rbac,
    message: /Action: 'Microsoft\.KeyVault\/vaults\/secrets\/getSecret\/action'/,
    refusal: 'rbac-role-lacks-action',
    evidence: ['Key Vault Reader'],
    remedy: /--role "Key Vault Secrets User"/,
  });
  assert.match(explanation.refusal!.cause, /\(Key Vault Reader\) do not include/);
  await performGrant(explanation);
  assert.equal((await read(who.token)).status, 200);
});

test('a role on another secret, and one on another vault', async () => {
  for (const [scope, evidence] of [
    [`${vaultScope(server, 'main-vault')}/secrets/other`, '/vaults/main-vault/secrets/other'],
    [vaultScope(server, 'second-vault'), '/vaults/second-vault'],
  ] as const) {
    const who = await stranger();
    await assignRole(server, manager, { role: 'Key Vault Secrets User', principalId: who.oid, scope });
    const reachable = scope.endsWith('other')
      ? await read(who.token, 'main-vault', 'other')
      : await read(who.token, 'second-vault');
    assert.equal(reachable.status, 200, reachable.text);
    const explanation = await assertRefused(await read(who.token), {
      ...rbac,
      message: /DecisionReason: 'DeniedWithNoValidRBAC'/,
      refusal: 'rbac-role-out-of-scope',
      evidence: ['Key Vault Secrets User', evidence],
      remedy: /--scope \/subscriptions\/\S+\/vaults\/main-vault\/secrets\/target$/m,
    });
    await performGrant(explanation);
    assert.equal((await read(who.token)).status, 200);
  }
});

test('a grant on one secret does not list, set or purge', async () => {
  const who = await stranger();
  const scope = `${vaultScope(server, 'main-vault')}/secrets/target`;
  await assignRole(server, manager, { role: 'Key Vault Secrets Officer', principalId: who.oid, scope });
  const set = (name: string) =>
    call(server, { method: 'PUT', path: `/secrets/${name}?${V}`, token: who.token, body: { value: 'x' } });
  assert.equal((await set('target')).status, 200);
  assert.equal((await set('target-2')).status, 403);
  const list = await call(server, { path: `/secrets?${V}`, token: who.token });
  await assertRefused(list, {
    ...rbac,
    message: /secrets\/readMetadata\/action/,
    refusal: 'rbac-role-out-of-scope',
    evidence: ['Key Vault Secrets Officer'],
    remedy: /--role "Key Vault Reader".* --scope \S+\/vaults\/main-vault$/m,
  });
});

test('a role taken away is gone at once', async () => {
  const who = await stranger();
  const grant = { role: 'Key Vault Secrets User', principalId: who.oid, scope: vaultScope(server, 'main-vault') };
  const path = await assignRole(server, manager, grant);
  assert.equal((await read(who.token)).status, 200);
  await manage(server, manager, { method: 'DELETE', path });
  assert.equal((await read(who.token)).status, 403);
});

test('an access policy in a vault that uses roles', async () => {
  const who = await stranger();
  await manage(server, manager, {
    method: 'PUT',
    path: `${vaultScope(server, 'main-vault')}/accessPolicies/add?api-version=2023-07-01`,
    body: { properties: { accessPolicies: [policyOf(who.oid, ['get'])] } },
  });
  const explanation = await assertRefused(await read(who.token), {
    ...rbac,
    message: /Assignment: \(not found\)/,
    refusal: 'rbac-policy-ignored',
    evidence: ['Key Vault Secrets User'],
    remedy: /--enable-rbac-authorization false/,
  });
  assert.match(explanation.refusal!.cause, /since it was made; the access policy .* has no effect/);
  await performGrant(explanation);
  assert.equal((await read(who.token)).status, 200);
});

test('a role in a vault that uses access policies', async () => {
  const who = await stranger();
  await assignRole(server, manager, {
    role: 'Key Vault Secrets User',
    principalId: who.oid,
    scope: vaultScope(server, 'policy-vault'),
  });
  const explanation = await assertRefused(await read(who.token, 'policy-vault'), {
    ...policy,
    message: new RegExp(
      `^The user, group or application 'appid=${who.clientId};oid=${who.oid};iss=\\S+' does not have secrets get permission on key vault 'policy-vault;location=local'\\.`,
    ),
    refusal: 'policy-role-ignored',
    evidence: ['Key Vault Secrets User'],
    remedy: /^strongroom access plan --vault policy-vault --to rbac$/m,
  });
  await performPolicy(explanation);
  assert.equal((await read(who.token, 'policy-vault')).status, 200);
});

test('no access policy', async () => {
  const who = await stranger();
  const explanation = await assertRefused(await read(who.token, 'policy-vault'), {
    ...policy,
    message: /does not have secrets get permission/,
    refusal: 'policy-missing',
    evidence: ['"policies"'],
    remedy: /^az keyvault set-policy --name policy-vault --object-id \S+ --secret-permissions get$/m,
  });
  await performPolicy(explanation);
  assert.equal((await read(who.token, 'policy-vault')).status, 200);
  const set = await call(server, {
    method: 'PUT',
    host: 'policy-vault.vault',
    path: `/secrets/target?${V}`,
    token: who.token,
    body: { value: 'x' },
  });
  await assertRefused(set, {
    ...policy,
    message: /secrets set permission/,
    refusal: 'policy-missing',
    remedy: /--secret-permissions set$/m,
  });
});

test('an address that the firewall does not let in, and no public access at all', async () => {
  const ipRules = [{ value: '203.0.113.7' }, { value: '198.51.100.0/24' }];
  await putVault(server, manager, 'fenced-vault', { networkAcls: { defaultAction: 'Deny', bypass: 'None', ipRules } });
  const explanation = await assertRefused(await read(token, 'fenced-vault'), {
    status: 403,
    code: 'Forbidden',
    inner: 'ForbiddenByFirewall',
    message:
      /^Client address is not authorized and caller is not a trusted service\.\r\nClient address: 127\.0\.0\.1\r\n/,
    check: 'network',
    refusal: 'firewall-address',
    evidence: ['"rules":2'],
    remedy: /^az keyvault network-rule add --name fenced-vault --ip-address 127\.0\.0\.1$/m,
  });
  assert.match(explanation.refusal!.cause, /none of its 2 IP rules holds the address/);
  await putVault(server, manager, 'fenced-vault', {
    networkAcls: { defaultAction: 'Deny', bypass: 'None', ipRules: [...ipRules, { value: '127.0.0.1' }] },
  });
  assert.equal((await read(token, 'fenced-vault')).status, 404);
  await putVault(server, manager, 'fenced-vault', { publicNetworkAccess: 'Disabled' });
  await assertRefused(await read(token, 'fenced-vault'), {
    status: 403,
    code: 'Forbidden',
    inner: 'ForbiddenByConnection',
    message: /^Public network access is disabled/,
    check: 'network',
    refusal: 'public-access-disabled',
    remedy: /--public-network-access Enabled$/m,
  });
});

test('a disabled secret', async () => {
  const made = await must({
    method: 'PUT',
    path: `/secrets/off?${V}`,
    body: { value: 'x', attributes: { enabled: false } },
  });
  const version = (made.body.id as string).split('/')[5]!;
  const explanation = await assertRefused(await read(token, 'main-vault', 'off'), {
    status: 403,
    code: 'Forbidden',
    inner: 'SecretDisabled',
    message: /^Operation get is not allowed on a disabled secret\./,
    check: 'state',
    refusal: 'secret-disabled',
    remedy: new RegExp(
      `^az keyvault secret set-attributes --vault-name main-vault --name off --version ${version} --enabled true$`,
      'm',
    ),
  });
  assert.match(explanation.refusal!.cause, new RegExp(version));
  await must({ method: 'PATCH', path: `/secrets/off/${version}?${V}`, body: { attributes: { enabled: true } } });
  assert.equal((await read(token, 'main-vault', 'off')).status, 200);
});

test('a secret that is not there, and a version of one that is', async () => {
  const missing = { status: 404, code: 'SecretNotFound', check: 'state', refusal: 'secret-not-found' } as const;
  await assertRefused(await read(token, 'main-vault', 'nothing'), {
    ...missing,
    message:
      /^A secret with \(name\/id\) nothing was not found in this key vault\. If you recently deleted this secret you may be able to recover it/,
    remedy: /^az keyvault secret list --vault-name main-vault --output table$/m,
  });
  const version = 'f'.repeat(32);
  await assertRefused(await read(token, 'main-vault', `target/${version}`), {
    ...missing,
    message: new RegExp(`^A secret with \\(name/id\\) target/${version} was not found`),
    remedy: /^az keyvault secret list-versions --vault-name main-vault --name target$/m,
  });
});

test('a deleted secret, read and set, and the command that brings it back', async () => {
  await must({ method: 'PUT', path: `/secrets/gone?${V}`, body: { value: 'x' } });
  await must({ method: 'DELETE', path: `/secrets/gone?${V}` });
  const recover = /^az keyvault secret recover --vault-name main-vault --name gone$/m;
  const reading = await assertRefused(await read(token, 'main-vault', 'gone'), {
    status: 404,
    code: 'SecretNotFound',
    message: /^A secret with \(name\/id\) gone was not found in this key vault\. If you recently deleted/,
    check: 'state',
    refusal: 'secret-deleted',
    evidence: ['can be recovered until'],
    remedy: recover,
  });
  assert.match(reading.refusal!.cause, /^The secret was deleted at 20[\d-]+T\S+Z and can be recovered until 20/);
  const setting = await call(server, { method: 'PUT', path: `/secrets/gone?${V}`, token, body: { value: 'y' } });
  await assertRefused(setting, {
    status: 409,
    code: 'Conflict',
    inner: 'ObjectIsDeletedButRecoverable',
    message: /^Secret gone is currently in a deleted but recoverable state, and its name cannot be reused/,
    check: 'state',
    refusal: 'secret-name-deleted',
    remedy: recover,
  });
  await must({ method: 'POST', path: `/deletedsecrets/gone/recover?${V}` });
  assert.equal((await read(token, 'main-vault', 'gone')).body.value, 'x');
});

test('purge protection', async () => {
  await putVault(server, manager, 'kept-vault', { enablePurgeProtection: true, softDeleteRetentionInDays: 7 });
  const host = 'kept-vault.vault';
  await must({ method: 'PUT', host, path: `/secrets/kept?${V}`, body: { value: 'x' } });
  await must({ method: 'DELETE', host, path: `/secrets/kept?${V}` });
  const refused = await call(server, { method: 'DELETE', host, path: `/deletedsecrets/kept?${V}`, token });
  await assertRefused(refused, {
    status: 403,
    code: 'Forbidden',
    inner: 'ForbiddenByPolicy',
    message: /^Operation "purge" is not allowed because purge protection is enabled for this vault\./,
    check: 'state',
    refusal: 'purge-protected',
    remedy: /^az keyvault secret recover --vault-name kept-vault --name kept$/m,
  });
});

test('a vault name that a deleted vault has, a deleted vault, and none', async () => {
  await putVault(server, manager, 'lost-vault');
  await deleteVault(server, manager, 'lost-vault');
  const explanation = await assertRefused(await putVault(server, manager, 'lost-vault', {}, { mayFail: true }), {
    status: 409,
    code: 'ConflictError',
    message:
      /^A vault with the same name already exists in deleted state\. You need to either recover or purge existing key vault\./,
    check: 'state',
    refusal: 'vault-name-deleted',
    remedy: /^az keyvault recover --name lost-vault --location local$/m,
  });
  assert.match(explanation.refusal!.remedy.join('\n'), /^az keyvault purge --name lost-vault --location local$/m);
  await assertRefused(await read(token, 'lost-vault'), {
    status: 404,
    code: 'VaultNotFound',
    message: /^There is no vault named lost-vault here\.$/,
    check: 'vault',
    refusal: 'vault-deleted',
    evidence: ['soft-deleted'],
    remedy: /^az keyvault recover --name lost-vault --location local$/m,
  });
  await putVault(server, manager, 'lost-vault', { createMode: 'recover' });
  assert.equal((await read(token, 'lost-vault')).status, 404);
  await assertRefused(await read(token, 'never-vault'), {
    status: 404,
    code: 'VaultNotFound',
    message: /^There is no vault named never-vault here\.$/,
    check: 'vault',
    refusal: 'vault-not-found',
    remedy: /^az keyvault list/m,
  });
});

test('no right to manage a vault, and the command that gives it', async () => {
  const who = await stranger();
  const theirs = await getToken(server, resources.management, { managedIdentity: who.clientId });
  const get = () =>
    manage(server, theirs, {
      method: 'GET',
      path: `${vaultScope(server, 'main-vault')}?api-version=2023-07-01`,
      mayFail: true,
    });
  const explanation = await assertRefused(await get(), {
    status: 403,
    code: 'AuthorizationFailed',
    message: new RegExp(
      `^The client '${who.clientId}' with object id '${who.oid}' does not have authorization to perform action 'Microsoft\\.KeyVault/vaults/read' over scope '/subscriptions/`,
    ),
    check: 'authorise',
    refusal: 'authorization-failed',
    remedy: /^az role assignment create --role "/m,
  });
  await performGrant(explanation);
  assert.equal((await get()).status, 200);
});

test('the explanation for a terminal tells the checks in order, the cause and the command', async () => {
  const who = await stranger();
  const id = (await read(who.token)).headers['x-ms-request-id']!;
  const { code, stdout } = await strongroom(['explain', id, '--data-dir', server.dataDir]);
  assert.equal(code, 0);
  const lines = stdout.trimEnd().split('\n');
  assert.equal(lines[0], `Request   ${id}`);
  assert.match(
    stdout,
    new RegExp(
      `^What {6}SecretGet: GET https://${hostOf(server, 'main-vault.vault')}/secrets/target\\?api-version=7\\.5$`,
      'm',
    ),
  );
  assert.match(stdout, /^Status {4}403$/m);
  const marks = lines
    .filter((line) => /^ {2}(ok|NO|-) /.test(line))
    .map((line) => line.trim().split(/\s+/).slice(0, 2).join(' '));
  assert.deepEqual(marks, [
    'ok vault',
    'ok authenticate',
    'ok request',
    'ok network',
    'NO authorise',
    '- throttle',
    '- body',
    '- state',
    '- record',
  ]);
  assert.match(
    stdout,
    /^Cause {5}The caller holds no role at the vault, above it, or on this object\. \(rbac-no-role\)$/m,
  );
  assert.match(stdout, /^Remedy\n {2}az role assignment create --role "Key Vault Secrets User"/m);
});

test('a request that was not refused, an unknown id, and what is no id', async () => {
  const fine = await read(token);
  const explanation = await explain(fine);
  assert.deepEqual([explanation.refusal, explanation.checks, explanation.status], [null, [], 200]);
  const upper = fine.headers['x-ms-request-id']!.toUpperCase();
  const plain = await strongroom(['explain', upper, '--data-dir', server.dataDir]);
  assert.match(plain.stdout, /The request was not refused\.\n$/);
  const unknown = await strongroom([
    'explain',
    upper.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
    '--data-dir',
    server.dataDir,
  ]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /^The audit log has no request /);
  const none = await strongroom(['explain', 'abc', '--data-dir', server.dataDir]);
  assert.equal(none.code, 2);
  assert.match(none.stderr, /^'abc' is not a request id of Strongroom\./);
});
