import 'reflect-metadata';
import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { describe, it } from 'node:test';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { GeneralName, OtherName, SubjectAlternativeName } from '@peculiar/asn1-x509';
import { Extension, Pkcs10CertificateRequestGenerator } from '@peculiar/x509';
import { beyondProfile } from './profile.ts';
import { readRequest } from './request.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const profile = { permittedDomains: ['in.example'], permittedAddresses: [], purposes: [], longestDays: 30 };
const host = new GeneralName({ dNSName: 'a.in.example' });

/** What becomes of a request with this subject and these alternative names: the code of the refusal. */
async function judged(subject: string, names: readonly GeneralName[]): Promise<string> {
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair;
  const extension = AsnConvert.serialize(new SubjectAlternativeName([...names]));
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: subject,
    keys,
    signingAlgorithm: algorithm,
    extensions: [new Extension('2.5.29.17', false, extension)],
  });
  const read = await readRequest(Buffer.from(request.rawData));
  if (!read) return 'unreadable';
  return beyondProfile(profile, read.asked)?.code ?? 'permitted';
}

describe('a request to an authority of a vault', () => {
  it('hides no name from the profile: a kind that the library does not know is in the certificate as well', async () => {
    assert.equal(await judged('CN=a.in.example', [host]), 'permitted');
    // A Kerberos principal (RFC 4556), an internationalised mailbox (RFC 8398), a service (RFC 4985).
    for (const typeId of ['1.3.6.1.5.2.2', '1.3.6.1.5.5.7.8.9', '1.3.6.1.5.5.7.8.7']) {
      const value = AsnConvert.serialize(new OctetString(Buffer.from('admin@corp.example')));
      const other = new GeneralName({ otherName: new OtherName({ typeId, value }) });
      assert.equal(await judged('CN=a.in.example', [host, other]), 'name-not-permitted', typeId);
    }
  });

  it('is refused for an e-mail address in the subject, as for one among the alternative names', async () => {
    assert.equal(await judged('CN=Anna, E=anna@corp.example', [host]), 'name-not-permitted');
    assert.equal(
      await judged('CN=Anna', [host, new GeneralName({ rfc822Name: 'a@in.example' })]),
      'name-not-permitted',
    );
    assert.equal(await judged('CN=Anna, O=In', [host]), 'permitted');
  });
});
