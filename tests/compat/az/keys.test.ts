import assert from 'node:assert/strict';
import { createHash, createPublicKey, generateKeyPairSync, randomBytes, verify } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'az-keys';
const vaultName = `az-${randomBytes(5).toString('hex')}`;
const digest = createHash('sha256').update('message').digest('base64');

let at: AzInstallation;
let az: AzSession;
let file: (name: string) => string;

before(async () => {
  at = await openSignedIn();
  ({ az } = at);
  file = (name) => join(az.configDirectory, name);
  await az.json(words`group create -n ${group} -l local`);
  await az.json(words`keyvault create -n ${vaultName} -g ${group} --retention-days 7`);
  const scope = at.vaultScope(group, vaultName);
  for (const role of ['Key Vault Administrator', 'Key Vault Purge Operator']) {
    await az.json(
      words`role assignment create --assignee ${at.server.administrator.clientId} --role ${role} --scope ${scope}`,
    );
  }
});

after(() => at?.close());

const key = (texts: TemplateStringsArray, ...values: string[]) =>
  az.json(['keyvault', 'key', ...words(texts, ...values), '--vault-name', vaultName]);

describe('keys', () => {
  it('are created, shown, listed, changed and downloaded', async () => {
    const rsa = await key`create -n rsa --kty RSA --size 2048 --tags team=blue --expires 2035-01-02T03:04:05Z`;
    assert.deepEqual([rsa.key.kty, rsa.tags, rsa.attributes.enabled], ['RSA', { team: 'blue' }, true]);
    assert.equal((await key`show -n rsa`).key.kid, rsa.key.kid);
    const curve = await key`create -n curve --kty EC --curve P-384`;
    assert.deepEqual([curve.key.crv, curve.key.keyOps], ['P-384', ['sign', 'verify']]);
    assert.deepEqual((await key`list`).map(({ name }: { name: string }) => name).toSorted(), ['curve', 'rsa']);
    assert.equal((await key`list-versions -n rsa`).length, 1);
    const changed = await key`set-attributes -n curve --enabled false --ops verify`;
    assert.deepEqual([changed.attributes.enabled, changed.key.keyOps], [false, ['verify']]);
    await key`download -n rsa -f ${file('rsa.pem')}`;
    assert.equal(createPublicKey(await readFile(file('rsa.pem'))).asymmetricKeyType, 'rsa');
    assert.match(
      await az.refused(words`keyvault key create --vault-name ${vaultName} -n hard --kty RSA-HSM`),
      /premium/,
    );
  });

  it('sign, verify, encrypt and decrypt', async () => {
    await key`download -n rsa -f ${file('public.pem')}`;
    const { signature } = await key`sign -n rsa -a RS256 --digest ${digest}`;
    const publicKey = createPublicKey(await readFile(file('public.pem')));
    assert.equal(verify('sha256', Buffer.from('message'), publicKey, Buffer.from(signature, 'base64')), true);
    assert.equal((await key`verify -n rsa -a RS256 --digest ${digest} --signature ${signature}`).isValid, true);
    const { result } = await key`encrypt -n rsa -a RSA-OAEP-256 --value secret --data-type plaintext`;
    assert.equal((await key`decrypt -n rsa -a RSA-OAEP-256 --value ${result} --data-type plaintext`).result, 'secret');
  });

  it('come from PEM files and from backups', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(file('private.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const taken = await key`import -n imported --pem-file ${file('private.pem')}`;
    const { n } = privateKey.export({ format: 'jwk' });
    assert.equal(Buffer.from(taken.key.n, 'base64').toString('base64url'), n);
    await key`backup -n imported -f ${file('imported.backup')}`;
    await key`delete -n imported`;
    await key`purge -n imported`;
    assert.equal((await key`restore -f ${file('imported.backup')}`).key.kid, taken.key.kid);
  });

  it('are made exportable with a policy from the template, which changes until it is immutable', async () => {
    const premium = `az-${randomBytes(5).toString('hex')}`;
    await az.json(words`keyvault create -n ${premium} -g ${group} --sku premium --retention-days 7`);
    const scope = at.vaultScope(group, premium);
    const role = 'Key Vault Administrator';
    await az.json(
      words`role assignment create --assignee ${at.server.administrator.clientId} --role ${role} --scope ${scope}`,
    );
    const template = JSON.stringify(await az.json(words`keyvault key get-policy-template`));
    const policy = (value: string) =>
      template
        .replace('<issuer>', 'https://attest.example')
        .replace('<claim name>', 'tee')
        .replace('<value to match>', value);
    await writeFile(file('release.json'), policy('sevsnpvm'));
    await writeFile(file('other.json'), policy('sgx'));
    const inVault = words`--vault-name ${premium} -n leaving`;
    const made = await az.json([
      ...words`keyvault key create --kty RSA --exportable true --policy ${file('release.json')}`,
      ...inVault,
    ]);
    assert.equal(made.attributes.exportable, true);
    assert.deepEqual(JSON.parse(made.releasePolicy.encodedPolicy), JSON.parse(policy('sevsnpvm')));
    const change = (name: string, ...more: string[]) =>
      words`keyvault key set-attributes --policy ${file(name)}`.concat(inVault, more);
    assert.equal((await az.json(change('other.json', '--immutable', 'true'))).releasePolicy.immutable, true);
    assert.match(await az.refused(change('release.json')), /AKV\.SKR\.1020/);
    const exportable = words`keyvault key create --kty RSA --exportable true --vault-name ${premium} -n none`;
    assert.match(await az.refused(exportable), /AKV\.SKR\.1004/);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    await writeFile(file('leaving.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const taken = await az.json([
      ...words`keyvault key import --pem-file ${file('leaving.pem')} --exportable true --policy ${file('release.json')}`,
      ...words`--vault-name ${premium} -n taken`,
    ]);
    assert.equal(taken.attributes.exportable, true);
    // No hardware module keeps keys here, so none comes in a transfer blob.
    const kid = `https://${premium}.vault.${at.server.domain}/keys/kek/${'0'.repeat(32)}`;
    const header = { kid, alg: 'dir', enc: 'CKM_RSA_AES_KEY_WRAP' };
    const blob = { schema_version: '1.0.0', header, ciphertext: Buffer.alloc(300).toString('base64url') };
    await writeFile(file('key.byok'), JSON.stringify(blob));
    const byok = words`keyvault key import --byok-file ${file('key.byok')} --vault-name ${premium} -n blob`;
    assert.match(await az.refused(byok), /NotImplemented/);
    await writeFile(file('bad.byok'), '{}');
    const bad = words`keyvault key import --byok-file ${file('bad.byok')} --vault-name ${premium} -n blob`;
    assert.match(await az.refused(bad), /transfer blob is not valid/);
  });

  it('come with random bytes, and without an attestation where no module keeps them', async () => {
    const vaultUrl = at.vaultUrl(vaultName);
    const random = await az.json(words`keyvault key random --count 16 --id ${vaultUrl}`);
    assert.equal(Buffer.from(random.value, 'base64').length, 16);
    const { kid } = (await key`show -n rsa`).key;
    assert.match(await az.refused(words`keyvault key get-attestation --id ${kid}`), /attestation is not available/);
  });

  it('rotate by hand and keep a policy', async () => {
    const policy = {
      lifetimeActions: [{ trigger: { timeAfterCreate: 'P30D' }, action: { type: 'Rotate' } }],
      attributes: { expiryTime: 'P90D' },
    };
    await writeFile(file('policy.json'), JSON.stringify(policy));
    const set = await key`rotation-policy update -n rsa --value ${file('policy.json')}`;
    assert.deepEqual([set.expiresIn, set.lifetimeActions.length], ['P90D', 2]);
    assert.deepEqual(await key`rotation-policy show -n rsa`, set);
    const before = (await key`show -n rsa`).key.kid;
    assert.notEqual((await key`rotate -n rsa`).key.kid, before);
  });

  it('are deleted, listed as such, recovered and purged', async () => {
    await key`delete -n curve`;
    assert.deepEqual(
      (await key`list-deleted`).map(({ name }: { name: string }) => name),
      ['curve'],
    );
    assert.equal((await key`show-deleted -n curve`).key.crv, 'P-384');
    await key`recover -n curve`;
    assert.equal((await key`show -n curve`).key.crv, 'P-384');
  });
});
