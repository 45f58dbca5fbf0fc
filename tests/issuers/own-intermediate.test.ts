import 'reflect-metadata';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { readAuthorities } from '../../src/certificates/issuers/authorities.ts';
import type { OwnAuthoritySetting } from '../../src/certificates/issuers/authority/authority-setting.ts';
import { OwnIssuer } from '../../src/certificates/issuers/authority/own-issuer.ts';
import { VaultAuthority } from '../../src/certificates/issuers/authority/vault-authority.ts';
import { orderOf } from '../../src/certificates/issuers/conformance.ts';
import type { StoredKey } from '../../src/crypto/key-provider.ts';
import { publicKeyInfo } from '../../src/crypto/software/key-making.ts';
import { SoftwareProvider } from '../../src/crypto/software/provider.ts';
import { requestFor } from '../support/certificate-request.ts';
import { type TestParts, testParts } from '../support/parts.ts';

describe('an authority of a vault that another authority has signed', () => {
  let parts: TestParts;
  const file = (name: string) => join(parts.folder, name);
  before(async () => {
    parts = await testParts(Date.now());
  });
  after(() => parts.cleanup());

  /** A root by openssl, and its certificate over a new key of the provider. */
  const sign = async (provider: SoftwareProvider, isAuthority: boolean): Promise<StoredKey> => {
    const spec = { family: 'EC', curve: 'P-256' } as const;
    const { material, publicMembers } = await provider.generate(spec);
    const pem = `-----BEGIN PUBLIC KEY-----\n${publicKeyInfo(publicMembers).toString('base64')}\n-----END PUBLIC KEY-----\n`;
    writeFileSync(file('key.pub'), pem);
    const run = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    run(
      'req',
      '-x509',
      ...ec,
      '-keyout',
      file('root.key'),
      '-out',
      file('root.pem'),
      '-subj',
      '/CN=Offline root',
      '-days',
      '30',
      '-addext',
      'keyUsage=critical,keyCertSign,cRLSign',
    );
    run('req', ...ec, '-keyout', file('x.key'), '-out', file('x.csr'), '-subj', '/CN=Between');
    writeFileSync(
      file('ext'),
      `basicConstraints=critical,CA:${isAuthority ? 'TRUE,pathlen:0' : 'FALSE'}\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n`,
    );
    const ca = ['-CA', file('root.pem'), '-CAkey', file('root.key'), '-force_pubkey', file('key.pub'), '-days', '20'];
    run('x509', '-req', '-in', file('x.csr'), ...ca, '-extfile', file('ext'), '-out', file('between.pem'));
    execFileSync('/bin/sh', ['-c', `cat ${file('between.pem')} ${file('root.pem')} > ${file('chain.pem')}`]);
    return { id: 'authority', spec, publicMembers, open: async () => Buffer.from(material) };
  };
  const authorityOf = (provider: SoftwareProvider, key: StoredKey, name: string): VaultAuthority => {
    const entry = { name, provider: 'StrongroomCA', vault: 'main-vault', key: 'authority' };
    const certificateFile = file('chain.pem');
    const result = readAuthorities([{ ...entry, certificateFile, permittedDomains: ['inside.example'] }]);
    assert.ok('authorities' in result, JSON.stringify(result));
    const findKey = async () => ({ vaultId: 'vault', version: 'one', key, provider });
    return new VaultAuthority({ ...parts, findKey }, result.authorities[0] as OwnAuthoritySetting);
  };

  it('issues below it, ends before it, and sends it along without the root', async () => {
    const provider = new SoftwareProvider(parts.random);
    const authority = authorityOf(provider, await sign(provider, true), 'between');
    const names = ['web.inside.example'];
    const order = { ...orderOf(await requestFor(names), names), validityMonths: 12 };
    const issuer = new OwnIssuer(authority, parts.clock, 'vault/issuer');
    const end = await issuer.order(order, 'one');
    assert.ok(end.state === 'issued', JSON.stringify(end));
    assert.equal(end.chain.length, 2);
    const [leaf, between] = end.chain.map((der) => new X509Certificate(der)) as [X509Certificate, X509Certificate];
    assert.equal(between.issuer, 'CN=Offline root');
    assert.equal(leaf.validTo, between.validTo, 'it ends with its authority');
    writeFileSync(file('leaf.pem'), leaf.toString());
    const verify = ['verify', '-x509_strict', '-CAfile', file('root.pem'), '-untrusted', file('between.pem')];
    assert.match(execFileSync('openssl', [...verify, file('leaf.pem')], { encoding: 'utf8' }), /OK/);
    const health = await issuer.check();
    assert.equal(health.isGood === false && health.code, 'authority-ends');
    assert.match(health.isGood === false ? health.details : '', /ends in (19|20) days/);
  });

  it('refuses a certificate that is of another key, or of no authority', async () => {
    const provider = new SoftwareProvider(parts.random);
    const first = await sign(provider, true);
    await sign(provider, true);
    await assert.rejects(authorityOf(provider, first, 'other').open(), /not of its key, or of no authority/);
    const leafKey = await sign(provider, false);
    await assert.rejects(authorityOf(provider, leafKey, 'leaf').open(), /not of its key, or of no authority/);
  });
});
