import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type TestParts, testParts } from '../../../tests/support/parts.ts';
import { type AuthoritySetting, readAuthorities } from './authorities.ts';
import { type IssuerParts, IssuerSettingFault, Issuers } from './registry.ts';

function settings(...names: readonly string[]): readonly AuthoritySetting[] {
  const entry = { provider: 'ACME', directoryUrl: 'https://acme.example/dir', challenge: { type: 'http-01' } };
  const result = readAuthorities(names.map((name) => ({ name, ...entry })));
  assert.ok('authorities' in result);
  return result.authorities;
}

describe('the registry of issuers', () => {
  let testing: TestParts;
  let parts: IssuerParts;
  before(async () => {
    testing = await testParts();
    parts = { ...testing, findKey: async () => null };
  });
  after(() => testing.cleanup());

  const registration = { id: 'vault/issuer', provider: 'ACME', accountId: null, password: null, organizationId: null };

  it('takes the only authority of the provider, or the one that the organization id names', async () => {
    const one = new Issuers(parts, settings('public'));
    assert.equal((await one.issuerFor(registration)).provider, 'ACME');
    const two = new Issuers(parts, settings('public', 'inside'));
    assert.equal((await two.issuerFor({ ...registration, organizationId: 'inside' })).provider, 'ACME');
  });

  it('says what is missing, and never asks an address that the configuration does not name', async () => {
    const none = new Issuers(parts, []);
    await assert.rejects(none.issuerFor(registration), /operator has named no authority of the provider ACME/);
    const two = new Issuers(parts, settings('public', 'inside'));
    await assert.rejects(two.issuerFor(registration), /one of public, inside/);
    await assert.rejects(
      two.issuerFor({ ...registration, organizationId: 'https://evil.example' }),
      IssuerSettingFault,
    );
    const one = new Issuers(parts, settings('public'));
    await assert.rejects(one.issuerFor({ ...registration, organizationId: 'other' }), IssuerSettingFault);
  });

  it('wants both halves of an account binding', async () => {
    const issuers = new Issuers(parts, settings('public'));
    await assert.rejects(issuers.issuerFor({ ...registration, accountId: 'kid' }), /both a key id/);
  });

  it('wants what each authority is signed in with, and builds no issuer without', async () => {
    const folder = testing.folder;
    const [certificateFile, keyFile] = [join(folder, 'account.pem'), join(folder, 'account.key')];
    writeFileSync(certificateFile, 'certificate');
    const result = readAuthorities([
      { name: 'digicert', provider: 'DigiCert' },
      { name: 'atlas', provider: 'GlobalSign', certificateFile, keyFile },
      { name: 'inside', provider: 'StrongroomCA', vault: 'main-vault', key: 'ca', permittedDomains: ['in.example'] },
    ]);
    assert.ok('authorities' in result, JSON.stringify(result));
    const issuers = new Issuers(parts, result.authorities);
    const of = (provider: string, more: object = {}) => issuers.issuerFor({ ...registration, provider, ...more });
    await assert.rejects(of('DigiCert'), /takes an API key/);
    await assert.rejects(of('DigiCert', { password: 'key', organizationId: 'x' }), /is a number/);
    for (const password of ['key\n', ' key', 'k\u00e9y', 'key\r\nx: y']) {
      await assert.rejects(of('DigiCert', { password }), /API key of DigiCert has a space, a line break/);
    }
    await assert.rejects(of('GlobalSign'), /takes an API key \(account id\)/);
    await assert.rejects(of('GlobalSign', { accountId: 'a', password: 'b' }), /account\.key of atlas cannot be read/);
    writeFileSync(keyFile, 'key');
    for (const provider of ['DigiCert', 'GlobalSign', 'StrongroomCA']) {
      assert.equal((await of(provider, { accountId: 'a', password: 'b' })).provider, provider);
    }
    assert.equal((await (await of('StrongroomCA')).check()).isGood, false, 'its key is not there');
  });

  it('knows which providers there are', () => {
    const issuers = new Issuers(parts, []);
    assert.deepEqual(
      ['ACME', 'acme', 'toString', 'Nobody'].map((name) => issuers.isProvider(name)),
      [true, false, false, false],
    );
  });
});
