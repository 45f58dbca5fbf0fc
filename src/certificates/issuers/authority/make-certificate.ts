import 'reflect-metadata';
import { hash } from 'node:crypto';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  AccessDescription,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityInfoAccessSyntax,
  Certificate,
  CRLDistributionPoints,
  DistributionPoint,
  DistributionPointName,
  Extension,
  Extensions,
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  Name,
  NameConstraints,
  RelativeDistinguishedName,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from '@peculiar/asn1-x509';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension as ExtensionOf,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
} from '@peculiar/x509';
import type { Random } from '../../../base/ports.ts';
import { arrayBuffer, type Signer, toDer } from '../../x509/encoding.ts';
import type { AuthorityProfile } from './profile.ts';
import type { ReadRequest } from './request.ts';

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';
const AIA = '1.3.6.1.5.5.7.1.1';
const AIA_OCSP = '1.3.6.1.5.5.7.48.1';
const AIA_ISSUERS = '1.3.6.1.5.5.7.48.2';
const CRL_POINTS = '2.5.29.31';
const NAME_CONSTRAINTS = '2.5.29.30';
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const DAY = 86_400_000;
/** Certificates begin a little in the past: clocks of those who judge them lag. */
const BACKDATED_MS = 600_000;

/** Where an authority tells of itself: the base of its addresses, plain HTTP (RFC 5280 §8: anything else would go round in circles). */
export interface AuthorityPlaces {
  readonly issuers: string;
  readonly crl: string;
  readonly ocsp: string;
}

/** A root's certificate over its own key, DER: ten years or as long as asked, no authority below it, its names constrained. */
export async function makeRoot(
  order: {
    readonly commonName: string;
    readonly organization: string | null;
    readonly years: number;
    readonly profile: AuthorityProfile;
    readonly publicKey: Buffer;
  },
  signer: Signer,
  random: Random,
  now: number,
): Promise<Buffer> {
  const info = AsnConvert.parse(order.publicKey, SubjectPublicKeyInfo);
  const id = keyIdOf(info);
  const name = nameOf(order.commonName, order.organization);
  const notBefore = begin(now);
  return sealCertificate(
    {
      issuer: name,
      subject: name,
      subjectPublicKeyInfo: info,
      validity: new Validity({ notBefore, notAfter: new Date(notBefore.getTime() + order.years * 365 * DAY) }),
      extensions: new Extensions([
        asn(new BasicConstraintsExtension(true, 0, true)),
        asn(
          new KeyUsagesExtension(
            KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature,
            true,
          ),
        ),
        asn(new SubjectKeyIdentifierExtension(id)),
        asn(new AuthorityKeyIdentifierExtension(id)),
        extension(NAME_CONSTRAINTS, true, constraintsOf(order.profile)),
      ]),
    },
    signer,
    random,
  );
}

/**
 * The certificate for a request that the profile permits, DER.
 * @param order.notAfter milliseconds since the Unix epoch; never after the authority's own end
 */
export async function makeLeaf(
  order: {
    readonly request: ReadRequest;
    readonly profile: AuthorityProfile;
    readonly authority: Buffer;
    readonly places: AuthorityPlaces | null;
    readonly notAfter: number;
  },
  signer: Signer,
  random: Random,
  now: number,
): Promise<Buffer> {
  const { request, places } = order;
  const above = AsnConvert.parse(order.authority, Certificate).tbsCertificate;
  const purposes = request.asked.purposes.length > 0 ? request.asked.purposes : [SERVER_AUTH];
  const isRsa = request.asked.key.family === 'RSA';
  const usual = KeyUsageFlags.digitalSignature | (isRsa ? KeyUsageFlags.keyEncipherment : 0);
  const end = Math.min(order.notAfter, above.validity.notAfter.getTime().getTime());
  const id = keyIdOf(request.publicKey);
  return sealCertificate(
    {
      issuer: above.subject,
      subject: request.subject,
      subjectPublicKeyInfo: request.publicKey,
      validity: new Validity({ notBefore: begin(now), notAfter: new Date(Math.floor(end / 1000) * 1000) }),
      extensions: new Extensions([
        asn(new BasicConstraintsExtension(false, undefined, true)),
        asn(new KeyUsagesExtension(request.keyUsage || usual, true)),
        asn(new ExtendedKeyUsageExtension([...purposes])),
        ...(request.alternativeNames ? [request.alternativeNames] : []),
        asn(new SubjectKeyIdentifierExtension(id)),
        asn(new AuthorityKeyIdentifierExtension(keyIdOf(above.subjectPublicKeyInfo))),
        ...(places ? placesOf(places) : []),
      ]),
    },
    signer,
    random,
  );
}

/** SHA-1 of the key's bits (RFC 5280 §4.2.1.2, method 1), hexadecimal. */
export function keyIdOf(info: SubjectPublicKeyInfo): string {
  return hash('sha1', Buffer.from(info.subjectPublicKey), 'hex');
}

async function sealCertificate(content: Partial<TBSCertificate>, signer: Signer, random: Random): Promise<Buffer> {
  const tbsCertificate = new TBSCertificate({
    version: Version.v3,
    serialNumber: arrayBuffer(newSerial(random)),
    signature: signer.algorithm,
    ...content,
  });
  const signatureValue = await signer.sign(toDer(tbsCertificate));
  return toDer(new Certificate({ tbsCertificate, signatureAlgorithm: signer.algorithm, signatureValue }));
}

/** Positive, 16 bytes of at most 20 (RFC 5280 §4.1.2.2), 126 of the bits random. */
function newSerial(random: Random): Buffer {
  const bytes = random.bytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes;
}

/** Whole seconds: DER times carry no fractions. */
function begin(now: number): Date {
  return new Date(Math.floor((now - BACKDATED_MS) / 1000) * 1000);
}

function nameOf(commonName: string, organization: string | null): Name {
  const attributes = [...(organization === null ? [] : [[ORGANIZATION, organization]]), [COMMON_NAME, commonName]];
  return new Name(
    attributes.map(
      ([type, text]) =>
        new RelativeDistinguishedName([
          new AttributeTypeAndValue({ type: type!, value: new AttributeValue({ utf8String: text! }) }),
        ]),
    ),
  );
}

function placesOf({ issuers, crl, ocsp }: AuthorityPlaces): Extension[] {
  const at = (uniformResourceIdentifier: string) => new GeneralName({ uniformResourceIdentifier });
  const access = new AuthorityInfoAccessSyntax([
    new AccessDescription({ accessMethod: AIA_OCSP, accessLocation: at(ocsp) }),
    new AccessDescription({ accessMethod: AIA_ISSUERS, accessLocation: at(issuers) }),
  ]);
  const points = new CRLDistributionPoints([
    new DistributionPoint({ distributionPoint: new DistributionPointName({ fullName: [at(crl)] }) }),
  ]);
  return [extension(AIA, false, access), extension(CRL_POINTS, false, points)];
}

/** Clients hold the authority to its names by themselves, should its key ever sign more. Without a range, no address at all. */
function constraintsOf({ permittedDomains, permittedAddresses }: AuthorityProfile): NameConstraints {
  const permitted = [
    ...permittedDomains.map((dNSName) => new GeneralName({ dNSName })),
    ...permittedAddresses.map((iPAddress) => new GeneralName({ iPAddress })),
  ];
  const excluded =
    permittedAddresses.length > 0 ? [] : ['0.0.0.0/0', '::/0'].map((iPAddress) => new GeneralName({ iPAddress }));
  const trees = (bases: readonly GeneralName[]) =>
    new GeneralSubtrees(bases.map((base) => new GeneralSubtree({ base })));
  return new NameConstraints({
    permittedSubtrees: trees(permitted),
    ...(excluded.length > 0 && { excludedSubtrees: trees(excluded) }),
  });
}

/** An extension around a structure. */
export function extension(extnID: string, critical: boolean, content: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(content)) });
}

function asn(made: ExtensionOf): Extension {
  return AsnConvert.parse(made.rawData, Extension);
}
