import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { certificateAuthority, type OpenSsl, openSsl } from '../../support/openssl.ts';
import { type AzInstallation, openSignedIn } from './az-installation.ts';
import { type AzSession, words } from './az-session.ts';

const group = 'az-certificates';
const vaultName = `az-${randomBytes(5).toString('hex')}`;

let at: AzInstallation;
let az: AzSession;
let openssl: OpenSsl;
let file: (name: string) => string;

before(async () => {
  openssl = openSsl();
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

after(async () => {
  openssl?.close();
  await at?.close();
});

const certificate = (texts: TemplateStringsArray, ...values: string[]) =>
  az.json(['keyvault', 'certificate', ...words(texts, ...values), '--vault-name', vaultName]);

async function policyFile(change: object): Promise<string> {
  const policy = await az.json(words`keyvault certificate get-default-policy`);
  await writeFile(file('policy.json'), JSON.stringify({ ...policy, ...change }));
  return `@${file('policy.json')}`;
}

describe('certificates', () => {
  it('are created by the default policy, shown, listed, changed and downloaded', async () => {
    const made = await certificate`create -n whole --policy ${await policyFile({})}`;
    assert.deepEqual([made.status, made.error], ['completed', null]);
    const shown = await certificate`show -n whole`;
    assert.deepEqual([shown.policy.issuerParameters.name, shown.attributes.enabled], ['Self', true]);
    assert.ok(shown.kid.includes('/keys/whole/') && shown.sid.includes('/secrets/whole/'));
    assert.deepEqual(
      (await certificate`list`).map(({ name }: { name: string }) => name),
      ['whole'],
    );
    assert.equal((await certificate`list-versions -n whole`).length, 1);
    const changed = await certificate`set-attributes -n whole --enabled false --tags team=blue`;
    assert.deepEqual([changed.attributes.enabled, changed.tags], [false, { team: 'blue' }]);
    await certificate`set-attributes -n whole --enabled true`;
    await certificate`download -n whole -f ${file('whole.pem')}`;
    await certificate`download -n whole -f ${file('whole.der')} --encoding DER`;
    const [pem, der] = [await readFile(file('whole.pem')), await readFile(file('whole.der'))];
    assert.equal(new X509Certificate(pem).fingerprint256, new X509Certificate(der).fingerprint256);
    await az.json(words`keyvault secret download --vault-name ${vaultName} -n whole -f ${file('whole.pfx')} -e base64`);
    openssl.write('whole.pfx', await readFile(file('whole.pfx')));
    assert.match(openssl.run('pkcs12 -in whole.pfx -passin pass: -nodes'), /BEGIN PRIVATE KEY/);
    const secrets = await az.json(words`keyvault secret list --vault-name ${vaultName}`);
    assert.deepEqual(secrets, []);
    const managed = await az.json(words`keyvault secret list --vault-name ${vaultName} --include-managed true`);
    assert.equal(managed.length, 1);
  });

  it('wait for an authority, and are merged', async () => {
    const authority = certificateAuthority(openssl);
    const policy = await policyFile({ issuerParameters: { name: 'Unknown' } });
    const waiting = await certificate`create -n merged --policy ${policy}`;
    assert.equal(waiting.status, 'inProgress');
    const pending = await certificate`pending show -n merged`;
    const leaf = authority.sign(Buffer.from(pending.csr, 'base64'));
    await writeFile(file('chain.pem'), leaf + authority.intermediate + authority.root);
    const merged = await certificate`pending merge -n merged -f ${file('chain.pem')}`;
    assert.equal(merged.attributes.enabled, true);
    await certificate`create -n merged --policy ${policy}`;
    await certificate`pending delete -n merged`;
    assert.match(
      await az.refused(words`keyvault certificate pending show --vault-name ${vaultName} -n merged`, { code: 3 }),
      /Pending certificate not found/,
    );
  });

  it('are imported, backed up and restored', async () => {
    openssl.run('req -x509 -newkey rsa:2048 -nodes -keyout in.key -out in.pem -days 30 -subj /CN=imported');
    openssl.run('pkcs12 -export -inkey in.key -in in.pem -passout pass:pw -out in.pfx');
    await writeFile(file('in.pfx'), openssl.read('in.pfx'));
    await writeFile(file('in.pem'), Buffer.concat([openssl.read('in.key'), openssl.read('in.pem')]));
    const taken = await certificate`import -n imported -f ${file('in.pfx')} --password pw`;
    assert.equal(taken.policy.x509CertificateProperties.subject, 'CN=imported');
    assert.equal((await certificate`import -n imported-pem -f ${file('in.pem')}`).cer, taken.cer);
    assert.match(
      await az.refused(
        words`keyvault certificate import --vault-name ${vaultName} -n no -f ${file('in.pfx')} --password wrong`,
      ),
      /password is wrong/,
    );
    await certificate`backup -n imported -f ${file('imported.backup')}`;
    await certificate`delete -n imported`;
    assert.deepEqual(
      (await certificate`list-deleted`).map(({ name }: { name: string }) => name),
      ['imported'],
    );
    assert.equal((await certificate`show-deleted -n imported`).cer, taken.cer);
    await certificate`recover -n imported`;
    await certificate`delete -n imported`;
    await certificate`purge -n imported`;
    assert.equal((await certificate`restore -f ${file('imported.backup')}`).id, taken.id);
  });

  it('have contacts and issuers', async () => {
    await certificate`contact add --email a@example.com --name Ann --phone 1`;
    assert.equal((await certificate`contact list`).contactList.length, 1);
    await certificate`contact delete --email a@example.com`;
    const issuer = await certificate`issuer create --issuer-name one --provider-name Test --account-id a --password pw`;
    assert.equal(issuer.provider, 'Test');
    assert.ok(!JSON.stringify(issuer).includes('"pw"'));
    await certificate`issuer update --issuer-name one --organization-id o`;
    await certificate`issuer admin add --issuer-name one --email a@example.com --first-name f --last-name l`;
    assert.equal((await certificate`issuer admin list --issuer-name one`).length, 1);
    assert.equal((await certificate`issuer show --issuer-name one`).organizationDetails.id, 'o');
    assert.equal((await certificate`issuer list`).length, 1);
    await certificate`issuer admin delete --issuer-name one --email a@example.com`;
    await certificate`issuer delete --issuer-name one`;
    assert.equal((await certificate`issuer list`).length, 0);
  });
});
