import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';

/** A certificate as a server is given it: PEM texts, each ending in a line feed. */
export interface ServedCertificate {
  /** The private key, PKCS #8, not encrypted. */
  readonly keyPem: string;
  readonly leafPem: string;
  /** The authorities' certificates from the leaf's issuer upwards, without a self-signed root; empty where there are none. */
  readonly chainPem: string;
  /** Milliseconds since the Unix epoch. */
  readonly expires: number;
}

/** The bundle cannot be served as it is; the message holds nothing of it. */
export class ServedCertificateFault extends Error {
  readonly code = 'bundle-unusable';
}

/**
 * The parts of a PEM bundle, in whatever order it has them: one private key, the certificate that belongs to it, and the chain.
 * @throws ServedCertificateFault
 */
export function servedCertificate(bundle: string): ServedCertificate {
  const keyBlocks = bundle.match(
    /-----BEGIN (?:RSA |EC )?PRIVATE KEY-----[^-]+-----END (?:RSA |EC )?PRIVATE KEY-----/g,
  );
  if (keyBlocks?.length !== 1) {
    throw new ServedCertificateFault('It has no private key, or several: is the certificate’s key exportable?');
  }
  const key = parse(() => createPrivateKey(keyBlocks[0]!));
  const blocks = bundle.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  const certificates = blocks.map((block) => parse(() => new X509Certificate(block)));
  const own = createPublicKey(key).export({ type: 'spki', format: 'der' });
  const leaf = certificates.find(({ publicKey }) => publicKey.export({ type: 'spki', format: 'der' }).equals(own));
  if (!leaf) throw new ServedCertificateFault('It has no certificate that belongs to its private key.');
  return {
    keyPem: key.export({ type: 'pkcs8', format: 'pem' }) as string,
    leafPem: leaf.toString(),
    chainPem: chainOf(leaf, certificates)
      .map((certificate) => certificate.toString())
      .join(''),
    expires: Date.parse(leaf.validTo),
  };
}

function chainOf(leaf: X509Certificate, all: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain: X509Certificate[] = [];
  let below = leaf;
  for (let next = issuerOf(below, all); next && !chain.includes(next); next = issuerOf(below, all)) {
    // Clients have roots of their own; sending one only costs.
    if (next.checkIssued(next)) break;
    chain.push(next);
    below = next;
  }
  return chain;
}

function issuerOf(below: X509Certificate, all: readonly X509Certificate[]): X509Certificate | undefined {
  return all.find((one) => one !== below && below.checkIssued(one) && below.verify(one.publicKey));
}

function parse<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    // What OpenSSL says of it may quote it.
    throw new ServedCertificateFault(`A part of it cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
