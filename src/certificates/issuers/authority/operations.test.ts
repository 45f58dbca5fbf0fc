import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { X509Crl } from '@peculiar/x509';
import { requestFor } from '../../../../tests/support/certificate-request.ts';
import { type TestParts, testParts } from '../../../../tests/support/parts.ts';
import type { StoredKey } from '../../../crypto/key-provider.ts';
import { SoftwareProvider } from '../../../crypto/software/provider.ts';
import type { Call } from '../../../operations/operation.ts';
import { readAuthorities } from '../authorities.ts';
import { orderOf } from '../conformance.ts';
import { Issuers } from '../registry.ts';
import { authorityOperations } from './operations.ts';

describe('revoking what an authority of a vault has issued', () => {
  let parts: TestParts;
  let issuers: Issuers;
  before(async () => {
    parts = await testParts(Date.now());
    const provider = new SoftwareProvider(parts.random);
    const spec = { family: 'EC', curve: 'P-256' } as const;
    const { material, publicMembers } = await provider.generate(spec);
    const key: StoredKey = { id: 'authority', spec, publicMembers, open: async () => Buffer.from(material) };
    const findKey = async () => ({ vaultId: 'vault', version: 'one', key, provider });
    const entry = { name: 'inside', provider: 'StrongroomCA', vault: 'main-vault', key: 'authority' };
    const damaged = join(parts.folder, 'damaged.pem');
    writeFileSync(damaged, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
    const result = readAuthorities([
      { ...entry, permittedDomains: ['inside.example'] },
      { ...entry, name: 'damaged', permittedDomains: ['inside.example'], certificateFile: damaged },
    ]);
    assert.ok('authorities' in result);
    issuers = new Issuers({ ...parts, findKey }, result.authorities);
  });
  after(() => parts.cleanup());

  const revoke = (serial: string, reason: string) => {
    const rows = authorityOperations({ certificateIssuers: issuers, isOwner: async () => true });
    const row = rows.find(({ id }) => id === 'CertificateAuthorityRevoke')!;
    const call = {
      parameters: { subscriptionId: 'one', authority: 'inside' },
      body: { serial, reason },
      caller: { oid: 'owner' },
      time: parts.clock.now(),
      commit: parts.store.write,
    };
    return row.run(call as unknown as Call);
  };

  it('takes the number as openssl writes it, is recorded with its reason, and is in the next list', async () => {
    const names = ['web.inside.example'];
    const registration = { id: 'vault/issuer', provider: 'StrongroomCA', accountId: null, password: null };
    const issuer = await issuers.issuerFor({ ...registration, organizationId: 'inside' });
    const end = await issuer.order(orderOf(await requestFor(names), names), 'one');
    assert.ok(end.state === 'issued');
    const serial = new X509Certificate(end.chain[0]!).serialNumber;
    const authority = (await issuers.ownAuthorities()).get('inside')!;
    const listed = async () => {
      const crl = new X509Crl(await authority.crl(await authority.open()));
      return crl.entries.map((entry) => `${entry.serialNumber} ${entry.reason}`);
    };
    assert.deepEqual(await listed(), []);
    const answer = await revoke(serial.replace(/..(?=.)/g, '$&:'), 'superseded');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.audit, { authority: 'inside', serial: serial.toLowerCase(), reason: 'superseded' });
    assert.deepEqual(await listed(), [`${serial.toLowerCase()} 4`]);
    assert.equal((await revoke(serial, 'keyCompromise')).status, 200, 'once more changes nothing');
    assert.deepEqual(await listed(), [`${serial.toLowerCase()} 4`]);
  });

  it('lists an authority that cannot be used with the reason, beside the others', async () => {
    const rows = authorityOperations({ certificateIssuers: issuers, isOwner: async () => true });
    const { body } = await rows.find(({ id }) => id === 'CertificateAuthorityList')!.run({} as Call);
    const [inside, damaged] = (body as { value: { certificate: string | null; fault: string | null }[] }).value;
    assert.deepEqual([typeof inside?.certificate, inside?.fault], ['string', null]);
    assert.match(damaged?.fault ?? '', /certificateFile of damaged.* cannot be read/);
  });
});
