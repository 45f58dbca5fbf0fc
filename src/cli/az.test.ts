import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { parseArgs } from 'node:util';
import { azCloud, command } from './az.ts';
import { CommandError } from './command.ts';

const secretText = 'canary-of-the-administrator';
const runtime = {
  pid: 1,
  version: '0.0.0',
  port: 8443,
  imdsPort: 8444,
  domain: 'localhost',
  startedAt: '2026-01-01T00:00:00.000Z',
  vaults: ['main-vault'],
  tenantId: '11111111-1111-4111-8111-111111111111',
  subscriptionId: '22222222-2222-4222-8222-222222222222',
  clientId: '33333333-3333-4333-8333-333333333333',
  machineResourceId: null,
};

describe('the cloud file', () => {
  it('names every host with its port, and an authority that az believes without asking the public one', () => {
    const { endpoints, suffixes } = azCloud(runtime) as Record<string, Record<string, string>>;
    assert.equal(endpoints!['activeDirectory'], 'https://login.localhost:8443/adfs/aad');
    assert.equal(endpoints!['resourceManager'], 'https://management.localhost:8443');
    assert.equal(endpoints!['microsoftGraphResourceId'], 'https://graph.localhost:8443/');
    assert.equal(suffixes!['keyvaultDns'], '.vault.localhost:8443');
  });

  it('leaves the usual port out', () => {
    const { suffixes } = azCloud({ domain: 'vault.example', port: 443 }) as Record<string, Record<string, string>>;
    assert.equal(suffixes!['keyvaultDns'], '.vault.vault.example');
  });
});

describe('strongroom az', () => {
  let root: string;
  let dataDir: string;
  let lines: string[];

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'strongroom-az-'));
    dataDir = join(root, "data dir's");
    mkdirSync(dataDir);
    lines = [];
    writeFileSync(join(dataDir, 'runtime.json'), JSON.stringify(runtime));
    writeFileSync(join(dataDir, 'ca.pem'), 'PEM');
    const { tenantId, clientId } = runtime;
    writeFileSync(
      join(dataDir, 'administrator.json'),
      JSON.stringify({ tenantId, clientId, clientSecret: secretText }),
    );
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const run = (...words: string[]): Promise<number> => {
    const parsed = parseArgs({ args: [...words, '--data-dir', dataDir], options: command.options });
    const stdout = (line: string): void => void lines.push(line);
    const env = { PATH: join(root, 'bin'), AZ_LOG: join(root, 'log') };
    return command.run({ values: parsed.values, positionals: [] }, { stdout, stderr: stdout, env });
  };

  /** A stand-in for the Azure CLI that writes down its arguments and its standard input. */
  const installAz = (body: string): void => {
    mkdirSync(join(root, 'bin'));
    writeFileSync(join(root, 'bin', 'az'), `#!/bin/sh\necho "az $*" >>"$AZ_LOG"\n${body}\n`);
    chmodSync(join(root, 'bin', 'az'), 0o755);
  };

  const log = (): string[] => readFileSync(join(root, 'log'), 'utf8').trimEnd().split('\n');

  it('prints lines that hold no secret and quote the path, and writes the cloud file for its owner alone', async () => {
    assert.equal(await run(), 0);
    const text = lines.join('\n');
    assert.ok(!text.includes(secretText));
    assert.ok(text.includes(`export REQUESTS_CA_BUNDLE='${root}/data dir'\\''s/ca.pem'`), text);
    assert.match(text, /az cloud register --name Strongroom --cloud-config .* \|\| az cloud update --name Strongroom/);
    assert.match(text, /--password @- --tenant 11111111/);
    assert.match(text, /az account set --subscription 22222222/);
    assert.equal(statSync(join(dataDir, 'az-cloud.json')).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(join(dataDir, 'az-cloud.json'), 'utf8')), azCloud(runtime));
  });

  it('runs az itself and hands it the secret on standard input only', async () => {
    installAz(
      'if [ "$1" = login ]; then read -r given; echo "read $given" >>"$AZ_LOG"; fi; echo "$REQUESTS_CA_BUNDLE" >>"$AZ_LOG"',
    );
    assert.equal(await run('--run', '--name', 'Mine'), 0);
    const calls = log().filter((line) => line.startsWith('az '));
    assert.deepEqual(
      calls.map((call) => call.split(' ').slice(1, 3).join(' ')),
      ['cloud register', 'cloud set', 'login --service-principal', 'account set'],
    );
    assert.ok(calls.every((call) => !call.includes(secretText)));
    assert.ok(log().includes(`read ${secretText}`));
    assert.ok(log().includes(join(dataDir, 'ca.pem')));
    assert.ok(!lines.join('\n').includes(secretText));
  });

  it('updates a cloud that is registered already', async () => {
    installAz('[ "$1 $2" != "cloud register" ]');
    assert.equal(await run('--run'), 0);
    assert.match(log().join('\n'), /az cloud register[^\n]*\naz cloud update/);
  });

  it('reports what az says when it fails', async () => {
    installAz('if [ "$1" = login ]; then echo "AADSTS7000215: no" >&2; exit 1; fi');
    await assert.rejects(run('--run'), (error) => error instanceof CommandError && /AADSTS7000215/.test(error.message));
  });

  it('says so where az is not installed', async () => {
    await assert.rejects(
      run('--run'),
      (error) => error instanceof CommandError && /no az on the PATH/.test(error.message),
    );
  });

  it('signs in as a managed identity from the endpoint of the server', async () => {
    assert.equal(await run('--identity', '--client-id', '44444444-4444-4444-8444-444444444444'), 0);
    const text = lines.join('\n');
    assert.match(text, /export AZURE_POD_IDENTITY_AUTHORITY_HOST=http:\/\/127\.0\.0\.1:8444/);
    assert.match(text, /az login --identity --client-id 44444444/);
    assert.doesNotMatch(text, /--service-principal/);
  });

  it('refuses what cannot work: no server, no endpoint, no administrator, a client id without --identity, an odd name', async () => {
    await assert.rejects(run('--client-id', 'x'), /needs --identity/);
    await assert.rejects(run('--name', 'a b'), /--name takes/);
    rmSync(join(dataDir, 'administrator.json'));
    await assert.rejects(run(), /administrator\.json is gone/);
    writeFileSync(join(dataDir, 'runtime.json'), JSON.stringify({ ...runtime, imdsPort: null }));
    await assert.rejects(run('--identity'), /managed-identity endpoint/);
    rmSync(join(dataDir, 'runtime.json'));
    await assert.rejects(run(), /not running/);
  });
});
