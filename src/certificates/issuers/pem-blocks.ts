import { X509Certificate } from 'node:crypto';
import { IssuerFault } from './issuer.ts';

/** DER as a PEM block. */
export function pemBlock(label: string, der: Buffer): string {
  const lines = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/**
 * The certificates of a PEM text as a chain, DER: the first is the leaf, a self-signed root at the end is left out, since clients have it.
 * @throws IssuerFault `issuer-answer` where there is none, or one cannot be read
 */
export function chainOfPem(text: string): readonly Buffer[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    const [leaf, ...above] = blocks.map((block) => new X509Certificate(block));
    if (!leaf) throw new Error('no certificate');
    return [leaf.raw, ...above.filter((one) => !one.checkIssued(one)).map(({ raw }) => raw)];
  } catch (error) {
    throw new IssuerFault('issuer-answer', 'The authority sent no certificate that can be read.', { cause: error });
  }
}
