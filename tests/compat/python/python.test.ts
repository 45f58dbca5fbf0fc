import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { identityHeaderOf } from '../../support/arm.ts';
import { type AttestedEnvironment, openAttestedEnvironment } from '../../support/attested-environment.ts';
import { getToken, resources } from '../../support/http.ts';
import type { TestServer } from '../../support/server.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const cache = process.env['STRONGROOM_CACHE'] ?? fileURLToPath(new URL('../../../.cache', import.meta.url));
const python = join(cache, 'compat-venv', 'python', 'bin', 'python');

let at: AttestedEnvironment;
let server: TestServer;
let identityHeader: string;

before(async () => {
  assert.ok(existsSync(python), `no Python environment at ${python}: run tests/compat/install-python.sh`);
  await lookup('strongroom-check.vault.localhost').catch(() => {
    assert.fail('names under .localhost do not resolve here: run tests/compat/install-system.sh as root');
  });
  at = await openAttestedEnvironment();
  server = at.server;
  const management = await getToken(server, resources.management);
  identityHeader = await identityHeaderOf(server, management, server.machineResourceId);
});

after(async () => {
  await at?.close();
});

/** Runs one file of Python tests against the server and returns its report. */
function runModule(module: string): Promise<{ code: number | null; report: string }> {
  const { administrator, domain, port, imdsPort, subscriptionId, machineResourceId, machinePrincipalId } = server;
  const env = {
    PATH: process.env['PATH'] ?? '',
    PYTHONDONTWRITEBYTECODE: '1',
    REQUESTS_CA_BUNDLE: server.env['REQUESTS_CA_BUNDLE']!,
    AZURE_TENANT_ID: administrator.tenantId,
    AZURE_CLIENT_ID: administrator.clientId,
    AZURE_CLIENT_SECRET: administrator.clientSecret,
    AZURE_AUTHORITY_HOST: `https://login.${domain}:${port}`,
    SUITE_DOMAIN: domain,
    SUITE_PORT: String(port),
    SUITE_IMDS_PORT: String(imdsPort),
    SUITE_SUBSCRIPTION: subscriptionId,
    SUITE_IDENTITY_HEADER: identityHeader,
    SUITE_MACHINE: machineResourceId,
    SUITE_MACHINE_PRINCIPAL: machinePrincipalId,
    SUITE_POLICY: at.policy,
    SUITE_ATTESTATION: at.attest(),
    SUITE_ENVIRONMENT_KEY: at.privateKeyPem,
  };
  return new Promise((resolve, reject) => {
    const child = spawn(python, ['-m', 'unittest', '-v', module], {
      cwd: here,
      env,
      timeout: 180_000,
      killSignal: 'SIGKILL',
    });
    let report = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (report += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => (report += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, report }));
  });
}

describe('the official Python packages', () => {
  const modules = [
    {
      module: 'test_identity',
      tests: 16,
      sentence: 'azure-identity signs in by secret, certificate, environment and managed identity',
    },
    { module: 'test_secrets', tests: 12, sentence: 'azure-keyvault-secrets does every operation at every version' },
    {
      module: 'test_keys',
      tests: 15,
      sentence: 'azure-keyvault-keys does every operation, and agrees with cryptography',
    },
    { module: 'test_release', tests: 2, sentence: 'azure-keyvault-keys releases keys, and cryptography opens them' },
    {
      module: 'test_certificates',
      tests: 5,
      sentence: 'azure-keyvault-certificates does every operation, and agrees with cryptography',
    },
    { module: 'test_vaults', tests: 5, sentence: 'azure-mgmt-keyvault takes vaults through their whole life' },
    { module: 'test_roles', tests: 4, sentence: 'azure-mgmt-authorization assigns roles that decide' },
  ];
  for (const { module, tests, sentence } of modules) {
    it(sentence, async () => {
      const { code, report } = await runModule(module);
      assert.equal(code, 0, report);
      assert.match(report, new RegExp(`^Ran ${tests} tests? in `, 'm'), report);
      assert.doesNotMatch(report, /skipped/, report);
    });
  }
});
