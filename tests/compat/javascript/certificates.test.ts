import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { RestError } from '@azure/core-rest-pipeline';
import { CertificateClient, DefaultCertificatePolicy } from '@azure/keyvault-certificates';
import { CryptographyClient } from '@azure/keyvault-keys';
import { certificateAuthority, type OpenSsl, openSsl } from '../../support/openssl.ts';
import { freshName, openSession, type Session } from './session.ts';

let session: Session;
let client: CertificateClient;
let vault: string;
let openssl: OpenSsl;

before(async () => {
  openssl = openSsl();
  session = await openSession();
  vault = await session.makeVault('js-certs', ['Key Vault Administrator', 'Key Vault Purge Operator']);
  const { domain, port } = session.server;
  const options = { tlsOptions: { ca: session.ca } };
  client = new CertificateClient(`https://${vault}.vault.${domain}:${port}`, session.administrator, options);
});

after(async () => {
  openssl?.close();
  await session?.close();
});

function refusal(status: number, code: string): (error: unknown) => boolean {
  return (error) => {
    const { statusCode, code: shown } = error as RestError;
    assert.deepEqual([statusCode, shown], [status, code], String(error));
    return true;
  };
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

const unknown = { issuerName: 'Unknown', subject: 'CN=www.example.com' };
const bytes = (pem: string) => new Uint8Array(new X509Certificate(pem).raw);

describe('a certificate', () => {
  it('is made, read, changed, listed, and its key and secret are there', async () => {
    const name = freshName('whole');
    const poller = await client.beginCreateCertificate(name, DefaultCertificatePolicy, { tags: { team: 'blue' } });
    const made = await poller.pollUntilDone();
    assert.deepEqual([made.properties.tags, made.policy?.issuerName], [{ team: 'blue' }, 'Self']);
    const certificate = new X509Certificate(made.cer!);
    assert.deepEqual(made.properties.expiresOn, new Date(certificate.validTo));
    const secret = await session.secrets(vault).getSecret(name);
    assert.deepEqual([secret.properties.managed, secret.properties.certificateKeyId], [true, made.keyId]);
    const digest = Buffer.alloc(32, 1);
    const key = new CryptographyClient(made.keyId!, session.administrator, { tlsOptions: { ca: session.ca } });
    assert.equal((await key.sign('RS256', digest)).result.length, 256);
    const changed = await client.updateCertificateProperties(name, made.properties.version!, { enabled: false });
    assert.equal(changed.properties.enabled, false);
    await client.updateCertificatePolicy(name, { ...made.policy!, validityInMonths: 6 });
    const policy = await client.getCertificatePolicy(name);
    assert.deepEqual([policy.validityInMonths, policy.subject], [6, made.policy!.subject]);
    assert.equal((await all(client.listPropertiesOfCertificateVersions(name))).length, 1);
    assert.ok((await all(client.listPropertiesOfCertificates())).some((one) => one.name === name));
    await assert.rejects(client.getCertificate(freshName('nobody')), refusal(404, 'CertificateNotFound'));
    await assert.rejects(
      session.secrets(vault).setSecret(name, 'x'),
      (error: RestError) => error.statusCode === 403 && /SecretManagedByKeyVault/.test(JSON.stringify(error.details)),
    );
  });

  it('is merged, cancelled, forgotten', async () => {
    const authority = certificateAuthority(openssl);
    const name = freshName('merged');
    const poller = await client.beginCreateCertificate(name, unknown);
    const pending = await client.getCertificateOperation(name);
    const { certificateOperation } = pending.getOperationState();
    assert.equal(certificateOperation?.status, 'inProgress');
    const leaf = authority.sign(Buffer.from(certificateOperation!.csr!));
    const merged = await client.mergeCertificate(name, [bytes(leaf), bytes(authority.intermediate)]);
    assert.deepEqual(Buffer.from(merged.cer!), new X509Certificate(leaf).raw);
    assert.deepEqual((await poller.pollUntilDone()).cer, merged.cer);
    const other = freshName('given-up');
    const given = await client.beginCreateCertificate(other, unknown);
    await given.cancelOperation();
    const operation = await client.getCertificateOperation(other);
    assert.equal(operation.getOperationState().certificateOperation?.cancellationRequested, true);
    await client.deleteCertificateOperation(other);
    await assert.rejects(client.getCertificateOperation(other), refusal(404, 'PendingCertificateNotFound'));
  });

  it('is imported as PKCS #12 and as PEM', async () => {
    openssl.run('req -x509 -newkey rsa:2048 -nodes -keyout in.key -out in.pem -days 30 -subj /CN=imported');
    openssl.run('pkcs12 -export -inkey in.key -in in.pem -passout pass:pw -out in.pfx');
    const pfx = new Uint8Array(openssl.read('in.pfx'));
    const taken = await client.importCertificate(freshName('pfx'), pfx, { password: 'pw' });
    const pem = Buffer.concat([openssl.read('in.key'), openssl.read('in.pem')]);
    const policy = { ...unknown, contentType: 'application/x-pem-file' as const };
    const name = freshName('pem');
    const again = await client.importCertificate(name, new Uint8Array(pem), { policy });
    assert.deepEqual(again.cer, taken.cer);
    const secret = await session.secrets(vault).getSecret(name);
    assert.equal(createPrivateKey(secret.value!).asymmetricKeyType, 'rsa');
  });

  it('is deleted, recovered, purged, backed up and restored', async () => {
    const name = freshName('life');
    const made = await (await client.beginCreateCertificate(name, DefaultCertificatePolicy)).pollUntilDone();
    const blob = await client.backupCertificate(name);
    const deleted = await (await client.beginDeleteCertificate(name)).pollUntilDone();
    assert.ok(deleted.scheduledPurgeDate! > deleted.deletedOn!);
    assert.ok((await all(client.listDeletedCertificates())).some((one) => one.name === name));
    const recovered = await (await client.beginRecoverDeletedCertificate(name)).pollUntilDone();
    assert.deepEqual(recovered.cer, made.cer);
    await (await client.beginDeleteCertificate(name)).pollUntilDone();
    await client.purgeDeletedCertificate(name);
    const restored = await client.restoreCertificateBackup(blob!);
    assert.deepEqual([restored.properties.version, restored.cer], [made.properties.version, made.cer]);
  });
});

describe('contacts and issuers', () => {
  it('are kept, and an issuer tells no password', async () => {
    const contacts = [{ email: 'a@example.com', name: 'Ann', phone: '1' }];
    assert.deepEqual(await client.setContacts(contacts), contacts);
    assert.deepEqual(await client.getContacts(), contacts);
    await client.deleteContacts();
    await assert.rejects(client.getContacts(), refusal(404, 'ContactsNotFound'));
    const options = {
      accountId: 'a',
      password: 'hidden',
      organizationId: 'o',
      administratorContacts: contacts.map(({ email }) => ({ email })),
    };
    const issuer = await client.createIssuer('one', 'Test', options);
    assert.ok(!JSON.stringify([issuer, await client.getIssuer('one')]).includes('hidden'));
    assert.equal((await client.updateIssuer('one', { provider: 'Test2' })).provider, 'Test2');
    assert.equal((await all(client.listPropertiesOfIssuers())).length, 1);
    await client.deleteIssuer('one');
  });
});
