import 'reflect-metadata';
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { AsnConvert } from '@peculiar/asn1-schema';
import { Certificate, id_ce_basicConstraints, id_ce_keyUsage, id_ce_subjectAltName } from '@peculiar/asn1-x509';
import { type OpenSsl, openSsl } from '../../../tests/support/openssl.ts';
import { systemRandom } from '../../base/system.ts';
import type { KeySpec, StoredKey } from '../../crypto/key-provider.ts';
import { SoftwareProvider } from '../../crypto/software/provider.ts';
import { type CertificatePolicy, keySpecOf } from '../policy.ts';
import { readPolicy } from '../policy-body.ts';
import { makeRequest, makeSelfSigned } from './make.ts';
import { readCertificate } from './read.ts';

const random = systemRandom();
const provider = new SoftwareProvider(random);
const NOW = Date.UTC(2026, 5, 1, 12, 0, 0, 500);
const kinds = [
  { kty: 'RSA' },
  { kty: 'RSA', key_size: 3072 },
  { kty: 'EC', crv: 'P-256' },
  { kty: 'EC', crv: 'P-384' },
  { kty: 'EC', crv: 'P-521' },
  { kty: 'EC', crv: 'P-256K' },
];
const names = {
  dns_names: ['www.example.com', '*.example.com'],
  emails: ['a@example.com'],
  upns: ['ann@corp.example'],
  uris: ['spiffe://example/service'],
  ipAddresses: ['192.0.2.1', '2001:db8::1'],
};
const profiles: Readonly<Record<string, object>> = {
  plain: { subject: 'CN=www.example.com' },
  whole: { subject: 'CN=www.example.com, O="Example, Inc.", C=DE, E=a@example.com', sans: names, validity_months: 120 },
  nameless: { subject: '', sans: { dns_names: ['www.example.com'] } },
  beyond: { subject: 'CN=Jürgen', validity_months: 600 },
  authority: {
    subject: 'CN=Authority',
    basic_constraints: { ca: true },
    key_usage: ['keyCertSign', 'cRLSign'],
    ekus: [],
  },
};

let openssl: OpenSsl;
const keys = new Map<string, StoredKey>();

before(async () => {
  openssl = openSsl();
  for (const [index, kind] of kinds.entries()) {
    const policy = policyOf({ subject: 'CN=a' }, kind);
    keys.set(JSON.stringify(kind), await keyOf(keySpecOf(policy), `key-${index}`));
  }
});
after(() => openssl?.close());

function policyOf(x509_props: object, key_props: object = {}): CertificatePolicy {
  return readPolicy({ x509_props, key_props, issuer: { name: 'Self' } }, NOW);
}

async function keyOf(spec: KeySpec, id: string): Promise<StoredKey> {
  const { publicMembers, material } = await provider.generate(spec);
  return { id, spec, publicMembers, open: async () => Buffer.from(material) };
}

/** What RFC 5280 and the Baseline Requirements demand of a certificate, each a rule that names itself. */
const lints: Readonly<Record<string, (certificate: Certificate, der: Buffer) => boolean>> = {
  'version 3': ({ tbsCertificate }) => tbsCertificate.version === 2,
  'serial number positive, 64 bits at least, 20 bytes at most': ({ tbsCertificate }) => {
    const serial = Buffer.from(tbsCertificate.serialNumber);
    return serial.length >= 9 && serial.length <= 20 && serial[0]! < 0x80 && serial.some((byte) => byte !== 0);
  },
  'one algorithm inside and outside': ({ tbsCertificate, signatureAlgorithm }) =>
    Buffer.from(AsnConvert.serialize(tbsCertificate.signature)).equals(
      Buffer.from(AsnConvert.serialize(signatureAlgorithm)),
    ),
  'no SHA-1 and no MD5': ({ signatureAlgorithm }) =>
    ['1.2.840.113549.1.1.11', '1.2.840.10045.4.3.2', '1.2.840.10045.4.3.3', '1.2.840.10045.4.3.4'].includes(
      signatureAlgorithm.algorithm,
    ),
  'parameters null for RSA and absent for ECDSA': ({ signatureAlgorithm: { algorithm, parameters } }) =>
    algorithm.startsWith('1.2.840.113549') ? parameters === null : parameters === undefined,
  'times in UTCTime to 2049 and GeneralizedTime from 2050': ({ tbsCertificate: { validity } }) =>
    [validity.notBefore, validity.notAfter].every(({ utcTime, generalTime }) =>
      utcTime ? utcTime.getUTCFullYear() < 2050 : generalTime!.getUTCFullYear() >= 2050,
    ),
  'times without fractions': ({ tbsCertificate: { validity } }) =>
    [validity.notBefore, validity.notAfter].every((time) => time.getTime().getUTCMilliseconds() === 0),
  'no extension twice': ({ tbsCertificate: { extensions } }) =>
    new Set(extensions!.map(({ extnID }) => extnID)).size === extensions!.length,
  'subject and authority key identifiers': ({ tbsCertificate: { extensions } }) =>
    ['2.5.29.14', '2.5.29.35'].every((id) => extensions!.some(({ extnID, critical }) => extnID === id && !critical)),
  'basic constraints critical': ({ tbsCertificate: { extensions } }) =>
    extensions!.some(({ extnID, critical }) => extnID === id_ce_basicConstraints && critical),
  'key usage critical': ({ tbsCertificate: { extensions } }) =>
    extensions!.some(({ extnID, critical }) => extnID === id_ce_keyUsage && critical),
  'alternative names critical where there is no subject': ({ tbsCertificate: { extensions, subject } }) =>
    extensions!
      .filter(({ extnID }) => extnID === id_ce_subjectAltName)
      .every(({ critical }) => critical === (subject.length === 0)),
  'issuer is the subject': ({ tbsCertificate: { issuer, subject } }) =>
    Buffer.from(AsnConvert.serialize(issuer)).equals(Buffer.from(AsnConvert.serialize(subject))),
  'country in PrintableString, e-mail in IA5String': ({ tbsCertificate: { subject } }) =>
    subject
      .flat()
      .every(({ type, value }) =>
        type === '2.5.4.6'
          ? value.printableString
          : type === '1.2.840.113549.1.9.1'
            ? value.ia5String
            : value.utf8String,
      ),
  'DER that is written the same again': (certificate, der) =>
    Buffer.from(AsnConvert.serialize(certificate)).equals(der),
};

describe('a certificate that signs itself', () => {
  for (const kind of kinds) {
    for (const [profile, props] of Object.entries(profiles)) {
      it(`breaks no rule: ${JSON.stringify(kind)}, ${profile}`, async () => {
        const policy = policyOf(props, kind);
        const key = keys.get(JSON.stringify(kind))!;
        const der = await makeSelfSigned({ provider, random }, policy, key, NOW);
        const certificate = AsnConvert.parse(der, Certificate);
        const broken = Object.entries(lints).filter(([, isKept]) => !isKept(certificate, der));
        assert.deepEqual(
          broken.map(([rule]) => rule),
          [],
        );
        const node = new X509Certificate(der);
        assert.ok(node.verify(node.publicKey));
        openssl.write('made.pem', node.toString());
        openssl.run(`verify -check_ss_sig -x509_strict -attime ${(NOW / 1000) | 0} -CAfile made.pem made.pem`);
      });

      it(`is requested so that openssl agrees: ${JSON.stringify(kind)}, ${profile}`, async () => {
        const csr = await makeRequest(provider, policyOf(props, kind), keys.get(JSON.stringify(kind))!);
        openssl.write('made.csr', csr);
        openssl.run('req -inform DER -in made.csr -verify -noout');
      });
    }
  }

  it('says what its policy says', async () => {
    const policy = policyOf(profiles['whole']!);
    const der = await makeSelfSigned({ provider, random }, policy, keys.get(JSON.stringify(kinds[0]))!, NOW);
    const read = readCertificate(der)!;
    assert.deepEqual(read.sans, policy.sans);
    assert.deepEqual([read.ekus, read.keyUsage, read.isAuthority], [policy.ekus, policy.keyUsage, false]);
    assert.equal(read.subject, 'CN=www.example.com, O=Example\\, Inc., C=DE, E=a@example.com');
    assert.equal(read.nbf, Math.floor(NOW / 1000) - 600);
    assert.equal(new Date(read.exp * 1000).toISOString(), '2036-06-01T11:50:00.000Z');
  });

  it('never has the serial number of another', async () => {
    const key = keys.get(JSON.stringify(kinds[2]))!;
    const policy = policyOf({ subject: 'CN=a' }, kinds[2]);
    const serials = new Set<string>();
    for (let count = 0; count < 50; count++) {
      serials.add(new X509Certificate(await makeSelfSigned({ provider, random }, policy, key, NOW)).serialNumber);
    }
    assert.equal(serials.size, 50);
  });
});

describe('what is no certificate', () => {
  it('is told so, cut off anywhere or changed anywhere', async () => {
    const key = keys.get(JSON.stringify(kinds[2]))!;
    const der = await makeSelfSigned({ provider, random }, policyOf({ subject: 'CN=a' }, kinds[2]), key, NOW);
    for (let length = 0; length < der.length; length += 7) assert.equal(readCertificate(der.subarray(0, length)), null);
    for (let at = 0; at < der.length; at += 3) {
      const changed = Buffer.from(der);
      changed[at]! ^= 0xff;
      // Whatever it is taken for, nothing is thrown.
      readCertificate(changed);
    }
    assert.ok(readCertificate(der));
  });
});
