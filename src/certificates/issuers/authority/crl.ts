import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import {
  Certificate,
  CertificateList,
  CRLNumber,
  CRLReason,
  Extension,
  Extensions,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from '@peculiar/asn1-x509';
import { AuthorityKeyIdentifierExtension } from '@peculiar/x509';
import { arrayBuffer, type Signer, toDer } from '../../x509/encoding.ts';
import { extension, keyIdOf } from './make-certificate.ts';

const CRL_NUMBER = '2.5.29.20';
const REASON_CODE = '2.5.29.21';

/** A certificate that is revoked. */
export interface RevokedEntry {
  /** Lower-case hexadecimal. */
  readonly serial: string;
  /** Milliseconds since the Unix epoch. */
  readonly revoked: number;
  /** RFC 5280 §5.3.1; 0 says nothing, and is left out. */
  readonly reason: number;
}

/** A whole revocation list (RFC 5280 §5), DER. Instants are milliseconds since the Unix epoch. */
export async function makeCrl(
  order: {
    readonly authority: Buffer;
    readonly number: number;
    readonly thisUpdate: number;
    readonly nextUpdate: number;
    readonly entries: readonly RevokedEntry[];
  },
  signer: Signer,
): Promise<Buffer> {
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(order.authority, Certificate).tbsCertificate;
  const issuer = new AuthorityKeyIdentifierExtension(keyIdOf(subjectPublicKeyInfo));
  const tbsCertList = new TBSCertList({
    version: Version.v2,
    signature: signer.algorithm,
    issuer: subject,
    thisUpdate: time(order.thisUpdate),
    nextUpdate: time(order.nextUpdate),
    crlExtensions: new Extensions([
      AsnConvert.parse(issuer.rawData, Extension),
      extension(CRL_NUMBER, false, new CRLNumber(order.number)),
    ]),
    // RFC 5280 §5.1.2.6: an empty list must be absent.
    ...(order.entries.length > 0 && { revokedCertificates: order.entries.map(entryOf) }),
  });
  const signature = await signer.sign(toDer(tbsCertList));
  return toDer(new CertificateList({ tbsCertList, signatureAlgorithm: signer.algorithm, signature }));
}

function entryOf({ serial, revoked, reason }: RevokedEntry): RevokedCertificate {
  const entry = new RevokedCertificate({
    userCertificate: arrayBuffer(Buffer.from(serial, 'hex')),
    revocationDate: time(revoked),
  });
  if (reason === 0) return entry;
  const extnValue = new OctetString(AsnConvert.serialize(new CRLReason(reason)));
  entry.crlEntryExtensions = [new Extension({ extnID: REASON_CODE, critical: false, extnValue })];
  return entry;
}

function time(instant: number): Time {
  return new Time(new Date(Math.floor(instant / 1000) * 1000));
}
