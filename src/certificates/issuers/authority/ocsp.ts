import { hash } from 'node:crypto';
import {
  BasicOCSPResponse,
  type CertID,
  CertStatus,
  KeyHash,
  OCSPRequest,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp';
import { AsnConvert, OctetString } from '@peculiar/asn1-schema';
import { Certificate, CRLReason } from '@peculiar/asn1-x509';
import { arrayBuffer, type Signer, toDer } from '../../x509/encoding.ts';
import { keyIdOf } from './make-certificate.ts';

const DER_NULL = Buffer.from([5, 0]);
const BASIC = '1.3.6.1.5.5.7.48.1.1';
/** Hash functions by which a request may name the authority; all that clients use. */
const hashes: Readonly<Record<string, string>> = { '1.3.14.3.2.26': 'sha1', '2.16.840.1.101.3.4.2.1': 'sha256' };

/** What is known of a serial number. */
export type SerialState =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly revoked: number; readonly reason: number };

/** A certificate that is asked about. */
export interface AskedCertificate {
  readonly id: CertID;
  /** Lower-case hexadecimal, without a leading zero byte. */
  readonly serial: string;
  /** Whether it names the hash function with parameters (NULL) or without: the answer repeats it. */
  readonly hasParameters: boolean;
  /** Whether the request means this authority. */
  readonly isOurs: boolean;
}

/** The one certificate of a request (RFC 6960 §4.1, RFC 5019 §2.1.1); null where it is none, or names more. */
export function readOcspRequest(der: Buffer, authority: Buffer): AskedCertificate | null {
  const { subject, subjectPublicKeyInfo } = AsnConvert.parse(authority, Certificate).tbsCertificate;
  const [name, key] = [toDer(subject), Buffer.from(subjectPublicKeyInfo.subjectPublicKey)];
  try {
    const [only, ...more] = AsnConvert.parse(der, OCSPRequest).tbsRequest.requestList;
    if (!only || more.length > 0) return null;
    const { reqCert } = only;
    const digest = hashes[reqCert.hashAlgorithm.algorithm];
    const { parameters } = reqCert.hashAlgorithm;
    const number = Buffer.from(reqCert.serialNumber);
    // An answer repeats what was asked, and is kept for everybody: nothing of it may be the asker's own.
    if (parameters && !Buffer.from(parameters).equals(DER_NULL)) return null;
    if (number.length === 0 || (number.length > 1 && number[0] === 0 && number[1]! < 0x80)) return null;
    const isOurs =
      digest !== undefined &&
      hash(digest, name, 'buffer').equals(Buffer.from(reqCert.issuerNameHash.buffer)) &&
      hash(digest, key, 'buffer').equals(Buffer.from(reqCert.issuerKeyHash.buffer));
    const serial = number.toString('hex').replace(/^00(?=..)/, '');
    return { id: reqCert, serial, hasParameters: Boolean(parameters), isOurs };
  } catch {
    return null;
  }
}

/** An answer without a certificate's state: why there is none (RFC 6960 §2.3). */
export function ocspFailure(status: 'malformedRequest' | 'internalError' | 'tryLater' | 'unauthorized'): Buffer {
  return toDer(new OCSPResponse({ responseStatus: OCSPResponseStatus[status] }));
}

/**
 * A signed answer, DER. It repeats no nonce (RFC 5019 §2.2.1), so that it can be kept for a while and strangers cannot have
 * the key sign as often as they like. Instants are milliseconds since the Unix epoch.
 */
export async function makeOcspResponse(
  order: {
    readonly authority: Buffer;
    readonly id: CertID;
    readonly state: SerialState;
    readonly thisUpdate: number;
    readonly nextUpdate: number;
  },
  signer: Signer,
): Promise<Buffer> {
  const { subjectPublicKeyInfo } = AsnConvert.parse(order.authority, Certificate).tbsCertificate;
  const [thisUpdate, nextUpdate] = [second(order.thisUpdate), second(order.nextUpdate)];
  const tbsResponseData = new ResponseData({
    responderID: new ResponderID({
      byKey: new KeyHash(arrayBuffer(Buffer.from(keyIdOf(subjectPublicKeyInfo), 'hex'))),
    }),
    producedAt: thisUpdate,
    responses: [new SingleResponse({ certID: order.id, certStatus: statusOf(order.state), thisUpdate, nextUpdate })],
  });
  const signature = await signer.sign(toDer(tbsResponseData));
  const basic = new BasicOCSPResponse({ tbsResponseData, signatureAlgorithm: signer.algorithm, signature });
  return toDer(
    new OCSPResponse({
      responseStatus: OCSPResponseStatus.successful,
      responseBytes: new ResponseBytes({ responseType: BASIC, response: new OctetString(AsnConvert.serialize(basic)) }),
    }),
  );
}

function statusOf(state: SerialState): CertStatus {
  if (state.kind === 'good') return new CertStatus({ good: null });
  const revocationTime = second(state.revoked);
  const reason = state.reason === 0 ? {} : { revocationReason: new CRLReason(state.reason) };
  return new CertStatus({ revoked: new RevokedInfo({ revocationTime, ...reason }) });
}

function second(instant: number): Date {
  return new Date(Math.floor(instant / 1000) * 1000);
}
