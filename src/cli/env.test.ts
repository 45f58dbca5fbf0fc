import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { createAuthority } from '../tls/local-ca.ts';
import { CommandError } from './command.ts';
import { command } from './env.ts';

const CANARY = "canary-7f3a~'x";
const runtime = {
  pid: 1,
  version: '1.2.3',
  port: 8443,
  imdsPort: 8444,
  domain: 'localhost',
  startedAt: 'now',
  vaults: ['main-vault', 'second'],
  tenantId: 'the-tenant',
  subscriptionId: 'the-subscription',
  clientId: 'the-client',
  machineResourceId: '/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/this machine',
};

describe('strongroom env', () => {
  let dataDir: string;

  beforeEach(async () => {
    // A space, so that everything printed has to be quoted.
    dataDir = mkdtempSync(join(tmpdir(), 'strongroom test-'));
    const { certificatePem } = await createAuthority({ now: Date.now(), commonName: 'Own' });
    writeFileSync(join(dataDir, 'ca.pem'), certificatePem);
    put('runtime.json', runtime);
    put('administrator.json', { tenantId: 'the-tenant', clientId: 'the-client', clientSecret: CANARY });
  });
  afterEach(() => rmSync(dataDir, { recursive: true }));

  const put = (name: string, value: object): void => writeFileSync(join(dataDir, name), JSON.stringify(value));

  async function run(values: Record<string, string | boolean> = {}): Promise<{ out: string; err: string }> {
    const [out, err]: [string[], string[]] = [[], []];
    const io = {
      stdout: (line: string) => out.push(line),
      stderr: (line: string) => err.push(line),
      env: { PATH: '' },
    };
    assert.equal(await command.run({ values: { 'data-dir': dataDir, ...values }, positionals: [] }, io), 0);
    assert.ok(out.every((line) => !line.includes('\n')));
    return { out: out.join('\n'), err: err.join('\n') };
  }

  it('gives a shell everything that clients need, safely quoted', async () => {
    const { out } = await run({ 'with-secret': true });
    const script = 'eval "$1"; env -0';
    const shell = spawnSync('/bin/sh', ['-c', script, 'sh', out], { encoding: 'utf8', env: { PATH: '/usr/bin:/bin' } });
    const found = new Map(
      shell.stdout.split('\0').map((pair) => [pair.split('=')[0], pair.slice(pair.indexOf('=') + 1)]),
    );
    assert.equal(found.get('AZURE_TENANT_ID'), 'the-tenant');
    assert.equal(found.get('AZURE_CLIENT_ID'), 'the-client');
    assert.equal(found.get('AZURE_CLIENT_SECRET'), CANARY);
    assert.equal(found.get('AZURE_SUBSCRIPTION_ID'), 'the-subscription');
    assert.equal(found.get('AZURE_AUTHORITY_HOST'), 'https://login.localhost:8443');
    assert.equal(found.get('AZURE_KEYVAULT_URL'), 'https://main-vault.vault.localhost:8443');
    assert.equal(found.get('NODE_EXTRA_CA_CERTS'), join(dataDir, 'ca.pem'));
    for (const name of ['REQUESTS_CA_BUNDLE', 'SSL_CERT_FILE', 'CURL_CA_BUNDLE']) {
      assert.equal(found.get(name), join(dataDir, 'ca-bundle.pem'), name);
    }
  });

  it('shows the secret only when asked for it', async () => {
    for (const format of ['shell', 'dotenv', 'json']) {
      const { out, err } = await run({ format });
      assert.ok(!`${out}${err}`.includes('canary'), format);
      assert.doesNotMatch(out, /AZURE_CLIENT_SECRET/);
      assert.match(out, /the-client/);
    }
    const { out } = await run({ format: 'json', 'with-secret': true });
    assert.equal(JSON.parse(out).AZURE_CLIENT_SECRET, CANARY);
  });

  it('says so when the secret has been deleted, and still gives the rest without it', async () => {
    rmSync(join(dataDir, 'administrator.json'));
    await assert.rejects(run({ 'with-secret': true }), /administrator\.json has been deleted/);
    assert.match((await run()).out, /^export AZURE_CLIENT_ID=the-client$/m);
  });

  it('names the vault asked for', async () => {
    const { out } = await run({ vault: 'other-one' });
    assert.match(out, /^export AZURE_KEYVAULT_URL=https:\/\/other-one\.vault\.localhost:8443$/m);
    await assert.rejects(run({ vault: 'a b' }), CommandError);
    put('runtime.json', { ...runtime, vaults: [] });
    const none = await run();
    assert.doesNotMatch(none.out, /AZURE_KEYVAULT_URL/);
    assert.match(none.err, /AZURE_KEYVAULT_URL is left out/);
  });

  it('offers managed identity as remarks only, and not where its endpoint is off', async () => {
    const { out } = await run({ 'with-secret': true });
    assert.match(out, /^# export AZURE_POD_IDENTITY_AUTHORITY_HOST=http:\/\/127\.0\.0\.1:8444$/m);
    assert.match(out, /^# eval "\$\(strongroom env --identity '\/subscriptions\S* machine' --with-secret\)"$/m);
    assert.doesNotMatch(out, /^[^#].*IDENTITY/m);
    put('runtime.json', { ...runtime, imdsPort: null });
    assert.doesNotMatch((await run()).out, /MSI_ENDPOINT|IDENTITY/);
  });

  it('gives processes of a machine or application what its identities take, and nothing of the administrator', async () => {
    const identity = '/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/shop';
    const { out } = await run({ identity });
    assert.match(out, /^export IDENTITY_ENDPOINT=http:\/\/127\.0\.0\.1:8444\/msi\/token$/m);
    assert.match(out, /^export AZURE_KEYVAULT_URL=https:\/\/main-vault\.vault\.localhost:8443$/m);
    assert.match(out, /^export SSL_CERT_FILE=/m);
    assert.doesNotMatch(out, /AZURE_CLIENT|AZURE_TENANT|^export IDENTITY_HEADER/m);
    await assert.rejects(run({ identity: 'shop' }), CommandError);
    await assert.rejects(run({ identity: `${identity}?x=1` }), CommandError);
    rmSync(join(dataDir, 'administrator.json'));
    await assert.rejects(run({ identity, 'with-secret': true }), /az rest --method post .*listIdentitySecret/);
    put('runtime.json', { ...runtime, imdsPort: null });
    await assert.rejects(run({ identity }), /endpoint is off/);
  });

  it('leaves out what this machine or server has not, and says so', async () => {
    assert.match((await run()).err, /JAVA_TOOL_OPTIONS is left out .*no keytool/);
    rmSync(join(dataDir, 'ca.pem'));
    const { out, err } = await run();
    assert.doesNotMatch(out, /CERT|BUNDLE|JAVA/);
    assert.match(err, /no certificate authority of its own/);
  });

  it('refuses an unknown format, and a data directory where nothing runs', async () => {
    const isCode = (code: number) => (error: unknown) => error instanceof CommandError && error.exitCode === code;
    await assert.rejects(run({ format: 'yaml' }), isCode(2));
    rmSync(join(dataDir, 'runtime.json'));
    await assert.rejects(run(), isCode(3));
  });
});
